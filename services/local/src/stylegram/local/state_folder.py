"""Where everything lies in a laptop's state folder, told to the services as settings."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import URL

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.service import read_settings
from stylegram.ingest.settings import IngestSettings
from stylegram.local.samples import NAMES_FILE
from stylegram.logger.settings import LoggerSettings
from stylegram.publisher.settings import PublisherSettings, default_session_file

_BROKER, _DATABASE, _STORAGE = "broker.sqlite", "stylegram.sqlite", "storage"
# On one machine, a worker that has not extended its claim for ten seconds is dead.
_VISIBILITY_SECONDS = 10.0


def embedded_settings(state: Path) -> dict[str, Any]:
    """What every service on the state folder is to be told, whatever the environment says.

    Args:
        state: the folder, as an absolute path.
    """
    return {
        "broker_url": "sqlite://" + (state / _BROKER).as_uri().removeprefix("file://"),
        "database_url": URL.create("sqlite", database=str(state / _DATABASE)).render_as_string(),
        "storage_url": (state / _STORAGE).as_uri(),
        "visibility_seconds": _VISIBILITY_SECONDS,
    }


def ingest_settings(
    state: Path,
    photos: str | None = None,
    styles: str | None = None,
    *,
    study: str | None = None,
    exploration: float | None = None,
) -> IngestSettings:
    """Ingest's settings on the state folder; the environment's where one is None.

    Args:
        state: the folder, as an absolute path.
        photos: URL of the source of photographs.
        styles: likewise, of paintings.
        study: whose trials daily pictures are.
        exploration: how often they try something new, 0 … 1.
    """
    options = {
        "content_source_url": photos,
        "style_source_url": styles,
        "study": study,
        "exploration_rate": exploration,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return read_settings(IngestSettings, **embedded_settings(state), **given)


def logger_settings(state: Path, logs_csv: Path | None = None) -> LoggerSettings:
    """The logger's settings on the state folder.

    Args:
        state: the folder, as an absolute path.
        logs_csv: the file that follows the runs; None for whoever only asks about them.
    """
    return read_settings(LoggerSettings, **embedded_settings(state), logs_csv=logs_csv)


def outbox_of(state: Path) -> Path:
    """Where posts go unless the environment says otherwise."""
    return state / "outbox"


def publisher_settings(state: Path, styles: str | None = None) -> PublisherSettings:
    """The publisher's settings on the state folder.

    Args:
        state: the folder, as an absolute path.
        styles: URL of the source of paintings. A folder of this machine may have their titles in `style_names.json`.
    """
    settings = read_settings(PublisherSettings, **embedded_settings(state))
    named: dict[str, Any] = {}
    if "publish_url" not in settings.model_fields_set:
        named["publish_url"] = outbox_of(state).as_uri().replace("file:", "folder:", 1)
    address = urlsplit(settings.publish_url)
    if address.scheme == "instagrapi" and "instagram_session_file" not in settings.model_fields_set:
        named["instagram_session_file"] = default_session_file(address.netloc)
    paintings = folder_of(styles) if styles else None
    if settings.style_names is None and paintings and (paintings / NAMES_FILE).exists():
        named["style_names"] = paintings / NAMES_FILE
    return settings.model_copy(update=named)


def folder_of(source: str) -> Path | None:
    """The folder on this machine that a source is; None where it is none."""
    return url_path(source) if source.startswith("file:") else None


def check_apart(state: Path, *sources: str) -> None:
    """Refuse a state folder that lies in a source.

    Args:
        state: the folder.
        sources: URLs of sources.

    Raises:
        ConfigurationError: it lies in one of them.
    """
    for folder in filter(None, map(folder_of, sources)):
        if state.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"The state folder {state} lies in {folder}, where its own pictures would be taken for new ones.",
                advice="Choose another --state.",
            )


def check_sources_are_named(settings: IngestSettings) -> None:
    """Refuse to look where nobody said that pictures are.

    Raises:
        ConfigurationError: neither the command line nor the environment names both sources.
    """
    options = {"content_source_url": "--photos", "style_source_url": "--styles"}
    missing = [option for name, option in options.items() if name not in settings.model_fields_set]
    if missing:
        raise ConfigurationError(
            f"Nobody says where the pictures come from: {' and '.join(missing)} missing.",
            advice="Give a folder, or the link of one in Google Drive.",
        )


def log_file(state: Path) -> Path:
    """Where what happens in the state folder is logged."""
    return state / "stylegram.log"


def check_is_state_folder(state: Path) -> None:
    """Refuse a folder in which no Stylegram has worked, before databases are made in it.

    Raises:
        ConfigurationError: it has no job table.
    """
    if not (state / _DATABASE).is_file():
        raise ConfigurationError(
            f"{state} is no state folder: it has no {_DATABASE}.",
            advice="Give the --state that `stylegram daily` or `stylegram serve` was given.",
        )
