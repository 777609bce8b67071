"""What the tests of the logger's HTTP face share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine

from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.http.app import create_app
from stylegram.logger.settings import LoggerSettings


def open_logger(engine: Engine | None = None, **settings: Any) -> LoggerService:
    """A logger with a queue in memory.

    Args:
        engine: its database; the settings' where None.
        settings: as `LoggerSettings` takes them.
    """
    return bootstrap(LoggerSettings(broker_url=SecretStr("memory://"), **settings), engine=engine)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[LoggerService]:
    """A logger on a database below `tmp_path`, with nothing in it."""
    service = open_logger(database_url=SecretStr(f"sqlite:///{tmp_path}/logger.sqlite"))
    yield service
    service.close()


def open_client(logger: LoggerService, **options: Any) -> TestClient:
    """A program on the same machine; it is told of defects as everybody is.

    Args:
        logger: the service.
        options: as `create_app` takes them.
    """
    return TestClient(
        create_app(logger, **options),
        base_url="http://127.0.0.1:8001",
        raise_server_exceptions=False,
        follow_redirects=False,
    )
