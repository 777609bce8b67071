"""The preview's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.http.settings import HttpSettings
from stylegram.common.model_cache import default_cache


class PreviewSettings(HttpSettings):
    """What the preview needs beside what every service that answers over HTTP needs."""

    weights_dir: Path = Field(default_factory=default_cache, description="Folder where model files are kept.")
    # Beside ingest's and the logger's on one machine.
    http_port: int = Field(8002, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    max_upload_megabytes: float = Field(16.0, gt=0, description="What a request may bring along: two small pictures.")
