"""The source port on a folder in Google Drive.

>>> source = open_drive(Address("1aB2"))
>>> source.describe()  # doctest: +SKIP
"the folder 'Photos' in Google Drive, seen by stylegram@project.iam.gserviceaccount.com"
"""

from collections.abc import Iterator
from pathlib import Path

from stylegram.common.ports import SourceFile, SourcePage
from stylegram.ingest.sources.drive import login
from stylegram.ingest.sources.drive.address import Address
from stylegram.ingest.sources.drive.api import DriveApi
from stylegram.ingest.sources.drive.changes import list_changes
from stylegram.ingest.sources.drive.download import download
from stylegram.ingest.sources.drive.link import Link
from stylegram.ingest.sources.drive.listing import find_root, list_tree
from stylegram.ingest.sources.drive.patience import Patience


class DriveSource:
    """The source port on a folder in Drive, with the folders in it and what the shortcuts in them lead to.

    Hidden files, JSON sidecars and what has no bytes, as Google's own documents, are no pictures. A key is a file's
    id, a fingerprint the MD5 digest of its bytes, so that a file that is renamed or moved stays the same.

    Args:
        api: who is asked.
        address: of the folder; need not exist yet.
    """

    def __init__(self, api: DriveApi, address: Address) -> None:
        self.url = address.url
        self._api = api
        self._address = address
        self._keys: dict[str, str] = {}

    def reader(self) -> str:
        """Who we are to Drive: an e-mail address.

        Raises:
            ConfigurationError: there are no credentials, or they cannot be used.
            Unavailable: Drive did not answer, or does not take them.
        """
        return self._api.user()

    def describe(self) -> str:
        """See `Source.describe`."""
        root = find_root(self._api, self._address, self._keys)
        return f"the folder '{root.name}' in Google Drive, seen by {self.reader()}"

    def listing(self) -> Iterator[SourcePage]:
        """See `Source.listing`."""
        return list_tree(self._api, self._address, self._keys)

    def changes(self, since: str) -> Iterator[SourcePage]:
        """See `Source.changes`; a call to Drive where nothing has changed."""
        return list_changes(self._api, self._address, since, self._keys)

    def read(self, file: SourceFile) -> bytes:
        """See `Source.read`."""
        return download(self._api, file, self._keys)


def open_drive(
    address: Address,
    *,
    credentials_file: Path | None = None,
    subject: str | None = None,
    endpoint: str | None = None,
    give_up_after: float = 120.0,
) -> DriveSource:
    """The folder as a source; see `open_source`."""
    link = Link(
        lambda: login.load(credentials_file, subject, emulated=endpoint is not None),
        subject=subject,
        endpoint=endpoint,
        patience=Patience(give_up_after),
        timeout=min(30.0, give_up_after),
    )
    return DriveSource(DriveApi(link), address)
