"""Which folder in Google Drive is meant: by its id, or by a link as people paste it."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

from stylegram.common.errors import ConfigurationError

_ID = re.compile(r"[A-Za-z0-9_-]+")
_FOLDER_PATH = re.compile(r"/(?:drive/)?(?:u/\d+/)?(?:mobile/)?folders/([^/]+)/?")
_OPEN_PATH = re.compile(r"/(?:drive/)?(?:u/\d+/)?open/?")
_OWN_PATH = re.compile(r"/drive/(?:u/\d+/)?my-drive/?")
_HOST = "drive.google.com"
_ADVICE = "Write gdrive://FOLDER_ID, or paste the folder's link: https://drive.google.com/drive/folders/FOLDER_ID."
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Address:
    """A folder in Drive, and how it is to be taken.

    Args:
        folder: its id.
        resource_key: what a folder that is shared by link may want to be shown beside its id.
        nested: whether the folders in it belong to it.
    """

    folder: str
    resource_key: str | None = None
    nested: bool = True

    @property
    def url(self) -> str:
        """The same for each way of writing it."""
        return f"gdrive://{self.folder}"


def parse(url: str) -> Address:
    """The folder that a `gdrive:` URL or a link names.

    >>> parse("gdrive://1aB2?nested=false")
    Address(folder='1aB2', resource_key=None, nested=False)
    >>> parse("https://drive.google.com/drive/u/0/folders/1aB2?resourcekey=0-xyz&usp=sharing")
    Address(folder='1aB2', resource_key='0-xyz', nested=True)

    Raises:
        ConfigurationError: it names none, or has options that there are not.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(f"'{url}' cannot be understood.", advice=_ADVICE) from None
    options = {name.lower(): values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if parts.scheme == "gdrive":
        if unknown := options.keys() - {"nested", "resourcekey"}:
            raise ConfigurationError(
                f"'{url}' has an option that there is not: {min(unknown)}.", advice="There are nested and resourcekey."
            )
        folder = parts.netloc if parts.path in ("", "/") else ""
    else:
        folder = _linked_folder(url, parts, options)
    nested = options.get("nested", "true").lower()
    if not _ID.fullmatch(folder) or parts.fragment:
        raise ConfigurationError(f"'{url}' names no folder in Google Drive.", advice=_ADVICE)
    if nested not in _BOOLEANS:
        raise ConfigurationError(f"In '{url}' nested is '{nested}'.", advice="Write nested=true or nested=false.")
    return Address(folder, options.get("resourcekey") or None, _BOOLEANS[nested])


def _linked_folder(url: str, parts: SplitResult, options: dict[str, str]) -> str:
    if parts.hostname == "docs.google.com":
        raise ConfigurationError(f"'{url}' is the link to a document, not to a folder.", advice=_ADVICE)
    if parts.hostname != _HOST:
        raise ConfigurationError(f"'{url}' is no link into Google Drive.", advice=_ADVICE)
    if parts.path.startswith("/file/"):
        raise ConfigurationError(f"'{url}' is the link to a file, not to a folder.", advice=_ADVICE)
    if found := _FOLDER_PATH.fullmatch(parts.path):
        return found[1]
    if _OWN_PATH.fullmatch(parts.path):
        return "root"
    return options.get("id", "") if _OPEN_PATH.fullmatch(parts.path) else ""
