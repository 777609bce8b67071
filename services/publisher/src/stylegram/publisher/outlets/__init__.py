"""Outlets, chosen by the scheme of a URL."""

from urllib.parse import urlsplit

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Outlet
from stylegram.publisher.outlets.folder import FolderOutlet


def open_outlet(url: str) -> Outlet:
    """The outlet at `url`: `folder:///path`.

    Raises:
        ConfigurationError: no outlet for that scheme, or the folder cannot be made.
    """
    match urlsplit(url).scheme:
        case "folder":
            return FolderOutlet(url_path(url))
        case scheme:
            raise ConfigurationError(
                f"No outlet for '{scheme}:'.", advice="STYLEGRAM_PUBLISH_URL takes folder:///an/absolute/path."
            )
