"""The publisher's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.settings import Settings
from stylegram.publisher.renditions import Fit, PostFormat


class PublisherSettings(Settings):
    """What the publisher needs beside what every service needs."""

    publish_url: str = Field("folder:///var/lib/stylegram/outbox", description="Where posts go: folder:///path.")
    post_format: PostFormat = Field("square", description="Size of a post: 1080×1080, 1080×1350 or 1080×566.")
    post_fit: Fit = Field("crop", description="How a picture gets that size: cut, padded with itself, or distorted.")
    post_quality: int = Field(95, ge=92, le=95, description="Quality of the JPEG.")
    caption_template: Path | None = Field(None, description="Jinja2 template of the caption; a good one by default.")
    style_names: Path | None = Field(None, description="JSON file: a painting's file name → its title.")
