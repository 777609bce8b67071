"""A folder in the fake Drive as a source, with waits that take no time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.oauth2.credentials import Credentials as UserCredentials

from drive_fake import DriveFake
from stylegram.common.ports import Source, SourceFile
from stylegram.ingest.sources.drive import login
from stylegram.ingest.sources.drive.address import parse
from stylegram.ingest.sources.drive.api import DriveApi
from stylegram.ingest.sources.drive.link import Link
from stylegram.ingest.sources.drive.patience import Patience
from stylegram.ingest.sources.drive.source import DriveSource


@pytest.fixture
def drive() -> Iterator[DriveFake]:
    """An empty Drive."""
    with DriveFake() as drive:
        yield drive


@pytest.fixture
def photos(drive: DriveFake) -> str:
    """A folder in it."""
    return drive.add_folder("Photos")


@dataclass
class Waits:
    """A clock that only waiting moves.

    Args:
        seconds: all waits, in order.
        time: the clock's.
        limit: seconds after which a call is given up.
    """

    seconds: list[float] = field(default_factory=list)
    time: float = 0.0
    limit: float = 120.0

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time

    def patience(self) -> Patience:
        return Patience(self.limit, sleep=self.sleep, clock=self.now)


def drive_source(
    drive: DriveFake,
    folder: str,
    *,
    options: str = "",
    waits: Waits | None = None,
    credentials_file: Path | None = None,
    subject: str | None = None,
    **more: Any,
) -> DriveSource:
    """The folder as a source."""

    def credentials() -> Credentials:
        found = login.load(credentials_file, subject, emulated=True)
        # A user's login is renewed by Google itself, whatever address the file names.
        return found.with_token_uri(f"{drive.url}/token") if isinstance(found, UserCredentials) else found

    link = Link(
        credentials,
        subject=subject,
        endpoint=drive.url,
        patience=(waits or Waits()).patience(),
        **more,
    )
    return DriveSource(DriveApi(link), parse(f"gdrive://{folder}{options}"))


def listed(source: Source) -> tuple[dict[str, SourceFile], str]:
    """What a listing has, by key, and its state. A file that is listed twice fails."""
    files: dict[str, SourceFile] = {}
    state = None
    for page in source.listing():
        assert state is None
        for file in page.files:
            assert file.key not in files
            files[file.key] = file
        state = page.state
    assert state
    return files, state


def names(source: Source) -> list[str]:
    """The names of the files that a listing has, sorted."""
    return sorted(file.name for file in listed(source)[0].values())


def changed(source: Source, files: dict[str, SourceFile], state: str) -> str:
    """Have `files` be as the changes since say; returns the state after them."""
    for page in source.changes(state):
        assert page.state
        assert {file.key for file in page.files}.isdisjoint(page.gone)
        files |= {file.key: file for file in page.files}
        for key in page.gone:
            files.pop(key, None)
        state = page.state
    return state
