"""The logger's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.http.settings import HttpSettings
from stylegram.common.settings import DatabaseSettings


class LoggerSettings(HttpSettings, DatabaseSettings):
    """What the logger needs beside what every service that answers over HTTP needs."""

    logs_csv: Path | None = Field(None, description="File that lists every run, some seconds behind; none by default.")
    keep_curves_days: int | None = Field(
        None, ge=0, description="How old the curve of a run becomes before `forget` drops it; for ever by default."
    )
    keep_failed_days: int | None = Field(
        None, ge=0, description="How old a failed run becomes before `forget` drops it; for ever by default."
    )
    # Beside ingest's on one machine.
    http_port: int = Field(8001, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    max_upload_megabytes: float = Field(
        256.0, gt=0, description="What a request may bring along, as a file of runs from elsewhere does."
    )
