"""A private PostgreSQL server: own folder, port and password; it ends with the tests."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

# Debian keeps them away from the PATH, as several versions may be there.
_FOLDERS = "postgresql/*/bin"
_USER = "stylegram"
# A server's clock and its sessions' are rarely set to UTC; here the time goes back by half an hour, once a year.
_TIMEZONE = "Australia/Lord_Howe"
_SETTINGS = f"""
listen_addresses = '127.0.0.1'
timezone = '{_TIMEZONE}'
fsync = off
full_page_writes = off
"""
_EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
)


def find_programs() -> Path | None:
    """The folder of the newest server's programs, if one is installed."""
    folders = {int(path.parent.name): path for path in Path("/usr/lib").glob(_FOLDERS) if path.parent.name.isdigit()}
    if folders:
        return folders[max(folders)]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass
class PostgresServer:
    """A server in a folder of its own, which outlives its being stopped.

    PostgreSQL refuses to run as root: then it runs as the user that its package made.

    Args:
        folder: an empty one with a short path.
    """

    folder: Path
    _port: int = field(init=False)
    _password: str = field(default_factory=secrets.token_hex, init=False, repr=False)
    _empty: list[str] = field(default_factory=list, init=False)
    _identity: dict[str, str | int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        password = self.folder / "password"
        password.write_text(self._password)
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self._identity = {"user": account.pw_uid, "group": account.pw_gid}
            for path in (self.folder, password):
                os.chown(path, account.pw_uid, account.pw_gid)
        options = ["--auth=scram-sha-256", f"--username={_USER}", f"--pwfile={password}"]
        self._run("initdb", *options, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"{_SETTINGS}port = {self._port}\nunix_socket_directories = '{self.folder}'\n")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder}/log")

    def stop(self) -> None:
        """End it at once, as a power cut would."""
        self._run("pg_ctl", "stop", "--mode=immediate")

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is stopped for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that nobody else has for a while."""
        name = self._empty.pop() if self._empty else self._create()
        try:
            yield self._url(name)
        finally:
            # To make one takes ten times as long.
            self._execute(name, *_EMPTY)
            self._empty.append(name)

    def _create(self) -> str:
        name = f"test_{uuid4().hex}"
        self._execute("postgres", f"CREATE DATABASE {name}")
        return name

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{_USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _execute(self, database: str, *statements: str) -> None:
        engine = create_engine(self._url(database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        programs = find_programs()
        assert programs, "postgresql is not installed"
        # Into a file: the server keeps the output open for as long as it runs.
        with (self.folder / "output").open("ab") as output:
            done = subprocess.run(
                [programs / program, f"--pgdata={self.folder}/data", *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=output,
                check=False,
                **self._identity,  # type: ignore[call-overload]
            )
        said = (self.folder / "output").read_text(errors="replace")[-2000:]
        assert done.returncode == 0, f"{program} failed: {said}"
