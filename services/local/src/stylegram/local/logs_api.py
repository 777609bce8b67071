"""The record's files, out and in: over Stylegram's HTTP API, or on a laptop's state folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import httpx2
from sqlalchemy import Engine

from stylegram.common.database import migrate, open_database
from stylegram.common.errors import ConfigurationError
from stylegram.local.api import Api, open_api
from stylegram.local.state_folder import check_is_state_folder, logger_settings
from stylegram.logger.exchange.export import LogFormat, export_logs
from stylegram.logger.exchange.importing import OnProgress, Owner, import_logs
from stylegram.logger.exchange.report import ImportReport

# A million runs take minutes.
_TIMEOUT = httpx2.Timeout(3600.0, connect=5.0)
_PATH = "/v1/logs"


class Logs(Protocol):
    """A record that gives and takes files."""

    def export(self, log_format: LogFormat, *, share: bool, origin: str | None) -> Iterator[bytes]:
        """The file, piece by piece; see `export_logs`."""
        ...

    def take_in(self, file: BinaryIO, owner: Owner, *, dry_run: bool, on_progress: OnProgress) -> ImportReport:
        """What became of the file; see `import_logs`."""
        ...


@contextmanager
def open_logs(url: str | None, state: Path | None) -> Iterator[Logs]:
    """The record of a Stylegram that runs, or of a state folder, whether or not one runs on it.

    Raises:
        ConfigurationError: both are given, or one of them is wrong.
    """
    if state is None:
        with open_api(url, None) as api:
            yield _Remote(api)
        return
    if url is not None:
        raise ConfigurationError("--url and --state are two places to ask.", advice="Give one of them.")
    with open_record_database(state) as engine:
        yield _Local(engine)


@contextmanager
def open_record_database(state: Path) -> Iterator[Engine]:
    """The database of a state folder, with the logger's tables up to date.

    Raises:
        ConfigurationError: it is no state folder.
    """
    check_is_state_folder(state)
    engine = open_database(logger_settings(state.absolute()).database_url.get_secret_value())
    try:
        migrate(engine, "logger")
        yield engine
    finally:
        engine.dispose()


class _Local:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def export(self, log_format: LogFormat, *, share: bool, origin: str | None) -> Iterator[bytes]:
        return export_logs(self._engine, log_format, share=share, origin=origin)

    def take_in(self, file: BinaryIO, owner: Owner, *, dry_run: bool, on_progress: OnProgress) -> ImportReport:
        return import_logs(self._engine, file, owner, dry_run=dry_run, on_progress=on_progress)


class _Remote:
    def __init__(self, api: Api) -> None:
        self._api = api

    def export(self, log_format: LogFormat, *, share: bool, origin: str | None) -> Iterator[bytes]:
        query = {"format": log_format.value, "share": str(share).lower(), **_said(origin)}
        return self._api.download(_PATH, query)

    def take_in(self, file: BinaryIO, owner: Owner, *, dry_run: bool, on_progress: OnProgress) -> ImportReport:
        query = {"own": str(owner.own).lower(), "dry_run": str(dry_run).lower(), **_said(owner.origin)}
        size = file.seek(0, 2)
        file.seek(0)
        return self._api.ask(
            ImportReport,
            "POST",
            _PATH,
            params=query,
            content=_pieces(file, lambda done: on_progress(done, size)),
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            timeout=_TIMEOUT,
        )


def _said(origin: str | None) -> dict[str, str]:
    return {} if origin is None else {"origin": origin}


def _pieces(file: BinaryIO, on_read: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece
        on_read(file.tell())
