"""Adapters of the ports, chosen by the scheme of a URL.

>>> open_broker("memory://").depth("nowhere")
0
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Broker, Storage


def open_broker(url: str, *, visibility: float = 30.0) -> Broker:
    """The broker at `url`: `sqlite:///path` or `memory://`.

    Args:
        url: where the broker is.
        visibility: seconds until a claim that nobody extends runs out.

    Raises:
        ConfigurationError: no adapter for that scheme.
    """
    match urlsplit(url).scheme:
        case "sqlite":
            return SqliteBroker(url_path(url), visibility=visibility)
        case "memory":
            return SqliteBroker(None, visibility=visibility)
        case scheme:
            raise ConfigurationError(
                f"No broker adapter for '{scheme}:'.", advice="STYLEGRAM_BROKER_URL takes sqlite:///path."
            )


def open_storage(url: str) -> Storage:
    """The object storage at `url`: `file:///folder`.

    Raises:
        ConfigurationError: no adapter for that scheme.
    """
    match urlsplit(url).scheme:
        case "file":
            return FolderStorage(url_path(url))
        case scheme:
            raise ConfigurationError(
                f"No storage adapter for '{scheme}:'.", advice="STYLEGRAM_STORAGE_URL takes file:///folder."
            )


def url_path(url: str) -> Path:
    """The absolute path of a `file:` or `sqlite:` URL.

    >>> url_path("file:///var/my%20pictures").as_posix()
    '/var/my pictures'

    Raises:
        ConfigurationError: it has a host, as in `file://folder`, or no path.
    """
    parts = urlsplit(url)
    if parts.netloc or len(parts.path) < 2:
        raise ConfigurationError(f"'{url}' names no path.", advice="Write three slashes: file:///an/absolute/path.")
    return Path(unquote(parts.path))
