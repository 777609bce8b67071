"""What ingest is told by its environment, besides what every service is."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from stylegram.common.hyperparameters import Hyperparameters, StrictHyperparameters
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.common.settings import Settings
from stylegram.common.timezones import TimezoneName

_LEAST_TOKEN_CHARACTERS = 16


def _tokens_in(secret: SecretStr) -> Sequence[str]:
    return re.findall(r"[^\s,]+", secret.get_secret_value())


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    tokens = _tokens_in(secret)
    if not tokens:
        # Taken for none, it would open to everybody what somebody meant to lock.
        raise ValueError("it is set and has no token in it; give one, or unset it")
    if not all(token.isascii() and token.isprintable() for token in tokens):
        raise ValueError(
            f"one of the {len(tokens)} tokens has characters that are not ASCII, which programs send differently"
        )
    if any(len(token) < _LEAST_TOKEN_CHARACTERS for token in tokens):
        raise ValueError(
            f"one of the {len(tokens)} tokens is too short, it needs {_LEAST_TOKEN_CHARACTERS} characters;"
            " make one with python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return secret


class IngestSettings(Settings):
    """Ingest's settings."""

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
        Hyperparameters(), description="How the daily picture is painted: a JSON object; what is left out is as usual."
    )
    api_tokens: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = Field(
        None,
        description="Tokens that the API takes, separated by commas or white space; it needs one to be reached from"
        " other machines.",
    )
    http_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    max_upload_megabytes: float = Field(64.0, gt=0, description="What the pictures of one request may have in all.")

    @property
    def orientation_model(self) -> Path | None:
        """The network that orientation is judged by; None where it is not to be."""
        return self.weights_dir / f"{DEFAULT_WEIGHTS}.safetensors" if self.turn_upright else None

    @property
    def tokens(self) -> Sequence[str]:
        """The API's tokens, one by one."""
        return _tokens_in(self.api_tokens) if self.api_tokens else []
