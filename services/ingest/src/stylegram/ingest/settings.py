"""What ingest is told by its environment, besides what every service is."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stylegram.common.http.settings import HttpSettings, OneToken
from stylegram.common.hyperparameters import Hyperparameters, StrictHyperparameters
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.common.settings import DatabaseSettings
from stylegram.common.timezones import TimezoneName


def _of_an_api(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("it is no address of an API, as in http://logger:8001; a token has a setting of its own")
    if parts.query or parts.fragment:
        raise ValueError("it ends before any ? or #, as in http://logger:8001")
    return url.rstrip("/")


def _of_segments(prefix: str) -> str:
    prefix = prefix.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix) or {".", ".."} & set(prefix.split("/")):
        raise ValueError("it is no path as in /stylegram")
    return prefix


class IngestSettings(HttpSettings, DatabaseSettings):
    """Ingest's settings."""

    http_prefix: Annotated[str, AfterValidator(_of_segments)] = Field(
        "",
        description="Path that everything lies below, as in /stylegram, where others have the same name; whoever stands"
        " before may take it off.",
    )
    content_source_url: str = Field(
        "file:///var/lib/stylegram/photos",
        description="Where the photographs come from: file:///folder, gdrive://FOLDER_ID, or the link to a folder in"
        " Google Drive, where ?nested=false leaves out the folders in it.",
    )
    style_source_url: str = Field(
        "file:///var/lib/stylegram/paintings", description="Where the paintings come from, likewise."
    )
    drive_credentials_file: Path | None = Field(
        None,
        description="Google credentials for Drive, as JSON: a service account's key, say. Without it, those count that"
        " `stylegram auth drive` left, and then the application default credentials.",
    )
    drive_subject: str | None = Field(
        None, description="E-mail address of the user in whose name a service account reads Drive; its own by default."
    )
    drive_endpoint: str | None = Field(None, description="Where Drive answers, if not at Google's.")
    sync_parallel: int = Field(6, ge=1, le=32, description="Files that a sync works on at once.")
    full_sync_hours: float = Field(
        6.0, gt=0, description="After which a sync lists everything again, instead of asking what has changed."
    )
    turn_upright: bool = Field(
        False,
        description="Have a classifier turn photographs upright whose files do not say how they were held; it needs the"
        " weights of VGG-19.",
    )
    weights_dir: Path = Field(default_factory=default_cache, description="Folder where model files are kept.")
    hygiene_processes: int = Field(
        2, ge=1, le=32, description="Processes that decode pictures from outside; each does one at a time."
    )
    sync_seconds: float | None = Field(
        None, gt=0, description="Pause between two syncs of the sources; by default the service starts none itself."
    )
    timezone: TimezoneName = Field(
        "UTC", description="IANA name of the time zone in which the daily picture's day begins, as in Europe/Berlin."
    )
    max_queued: int = Field(1000, ge=1, description="Jobs that may wait; more are refused until some have started.")
    lost_after_seconds: float = Field(
        120.0, gt=0, description="After which a job of which nothing was heard is looked after."
    )
    reconcile_seconds: float = Field(30.0, gt=0, description="Pause between two such looks.")
    daily_hyperparameters: StrictHyperparameters = Field(
        Hyperparameters(),
        description="How the daily picture is painted: a JSON object; what is left out is as the logger advises, or as"
        " usual.",
    )
    max_upload_megabytes: float = Field(
        64.0, gt=0, description="What a request may bring along, as its pictures or a file of runs, in all."
    )
    logger_url: Annotated[str, AfterValidator(_of_an_api)] | None = Field(
        None,
        description="Where the logger's API answers, as in http://logger:8001: ingest passes on what is asked about the"
        " record, and asks for advice there. By default it does neither.",
    )
    logger_token: OneToken | None = Field(None, description="A token that the logger's API takes.")
    logger_seconds: float = Field(
        60.0, gt=0, description="For which the logger, or the publisher, may say nothing before it is given up."
    )
    publisher_url: Annotated[str, AfterValidator(_of_an_api)] | None = Field(
        None,
        description="Where the publisher's API answers, as in http://publisher:8003: ingest passes on what is asked"
        " about posts and accounts. By default it does not.",
    )
    publisher_token: OneToken | None = Field(None, description="A token that the publisher's API takes.")
    preview_url: Annotated[str, AfterValidator(_of_an_api)] | None = Field(
        None,
        description="Where previews are made, as in http://preview:8002, by `python -m stylegram.stylizer preview`. By"
        " default nobody makes any.",
    )
    preview_token: OneToken | None = Field(None, description="A token that the preview's API takes.")
    study: str | None = Field(
        None,
        min_length=1,
        description="Study whose next trial the daily picture is; by default it is painted as is known to be best.",
    )
    exploration_rate: float = Field(
        0.2, ge=0, le=1, description="How often the daily picture tries something new instead of what is known."
    )

    @property
    def orientation_model(self) -> Path | None:
        """The network that orientation is judged by; None where it is not to be."""
        return self.weights_dir / f"{DEFAULT_WEIGHTS}.safetensors" if self.turn_upright else None
