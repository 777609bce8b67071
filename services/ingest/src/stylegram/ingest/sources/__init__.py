"""Where pictures come from, chosen by the scheme of a URL.

>>> open_source("https://drive.google.com/drive/folders/1aB2?usp=sharing").url
'gdrive://1aB2'
>>> open_source("ftp://example.org/photos")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
ConfigurationError: No source adapter for 'ftp:'.
"""

from pathlib import Path

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Source
from stylegram.ingest.sources.folder import FolderSource


def open_source(
    url: str,
    *,
    credentials_file: Path | None = None,
    subject: str | None = None,
    endpoint: str | None = None,
    give_up_after: float = 120.0,
) -> Source:
    """The source at `url`: `file:///folder`, `gdrive://FOLDER_ID`, or the link to a folder in Google Drive.

    Nobody is asked whether it is there, and credentials are read when they are first needed.

    Args:
        url: where it is; for Drive with `?nested=false`, without the folders in it.
        credentials_file: Google's, for Drive; where None, see `drive.login.load`.
        subject: e-mail address of the user in whose name a service account reads Drive.
        endpoint: where Drive's API answers, for an emulator: it is not shown any credentials but those in
            `credentials_file`. Google's own where None.
        give_up_after: seconds, more than 0, after which a call to Drive that fails in passing is not repeated any more.
            No longer may a server stay silent.

    Raises:
        ConfigurationError: no adapter for that scheme, or the URL is wrong.
    """
    url = url.strip()  # links are pasted
    match url.partition(":")[0].lower():
        case "file":
            return FolderSource(url_path(url))
        case "gdrive" | "https" | "http":
            from stylegram.ingest.sources.drive.address import parse
            from stylegram.ingest.sources.drive.source import open_drive

            return open_drive(
                parse(url),
                credentials_file=credentials_file,
                subject=subject,
                endpoint=endpoint,
                give_up_after=give_up_after,
            )
        case scheme:
            raise ConfigurationError(
                f"No source adapter for '{scheme}:'.",
                advice="Write file:///folder or gdrive://FOLDER_ID, or paste the link to a folder in Google Drive.",
            )
