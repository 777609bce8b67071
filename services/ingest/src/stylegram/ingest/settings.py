"""What ingest is told by its environment, besides what every service is."""

from pydantic import Field

from stylegram.common.settings import Settings


class IngestSettings(Settings):
    """Ingest's settings."""

    content_source_url: str = Field(
        "file:///var/lib/stylegram/photos", description="Where the photographs come from: file:///folder."
    )
    style_source_url: str = Field(
        "file:///var/lib/stylegram/paintings", description="Where the paintings come from: file:///folder."
    )
    sync_seconds: float | None = Field(
        None, gt=0, description="Pause between two syncs of the sources; by default the service starts none itself."
    )
