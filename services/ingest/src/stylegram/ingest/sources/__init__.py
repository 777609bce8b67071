"""Where pictures come from, chosen by the scheme of a URL.

>>> open_source("ftp://example.org/photos")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
ConfigurationError: No source adapter for 'ftp:'.
"""

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Source
from stylegram.ingest.sources.folder import FolderSource


def open_source(url: str) -> Source:
    """The source at `url`: `file:///folder`.

    Raises:
        ConfigurationError: no adapter for that scheme.
    """
    match url.partition(":")[0]:
        case "file":
            return FolderSource(url_path(url))
        case scheme:
            raise ConfigurationError(f"No source adapter for '{scheme}:'.", advice="Write file:///folder.")
