"""What tests everywhere may ask for: servers of their own, and databases."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres_server
from log_fixtures import logs_as_they_were as logs_as_they_were
from postgres_server import PostgresServer
from rabbitmq_node import RabbitNode, find_server

# A console that is made while both are set keeps that size for good, and workers are started with them.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_database: runs on SQLite and on PostgreSQL, by `database_url`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_database"):
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own: SQLite's, and in turn PostgreSQL's where it is marked `every_database`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path}/stylegram.sqlite"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A running PostgreSQL server that all tests share; each takes a database of its own."""
    if not postgres_server.find_programs():
        _do_without("postgresql")
    # pytest's own temporary folders are closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="postgres") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitNode]:
    """A running RabbitMQ node that all tests share; each takes queues or a virtual host of its own."""
    if not find_server():
        _do_without("rabbitmq-server")
    # pytest's own temporary folders have names too long for Erlang's taste.
    with tempfile.TemporaryDirectory(prefix="rabbit") as folder:
        node = RabbitNode(Path(folder) / "node")
        node.start()
        yield node
        node.kill()


def _do_without(package: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{package} is not installed, and continuous integration skips nothing: apt-get install {package}")
    pytest.skip(f"NOT TESTED, as {package} is not installed: apt-get install {package}")
