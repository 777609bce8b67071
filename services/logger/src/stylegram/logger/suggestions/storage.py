"""Optuna's tables, in the database that the logger has anyhow: the only place where studies are kept.

Their names (`studies`, `trials`, `version_info`, …, and `alembic_version` for their own migrations) are none of ours,
whose versions are kept under each service's name.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy import Engine, NullPool
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import scoped_session, sessionmaker

from stylegram.common.errors import ConfigurationError, Unavailable

# Replicas that start at once make the same tables: all but one of them fail, once for each table at the worst.
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1


@lru_cache(maxsize=4)
def open_storage(engine: Engine) -> BaseStorage:
    """The studies in a database; their tables are made when absent.

    It remembers the trials that have ended, so that to ask costs what is new: one for each engine.

    Raises:
        Unavailable: the database did not answer.
        ConfigurationError: the tables are of another version of Optuna's.
    """
    _have_it_log_as_we_do()
    # Braces would be places for Optuna's own version.
    url = engine.url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    with unless_unavailable():
        storage = _with_tables(url)
        # Its own connections would begin no transaction before they write, and have none of our patience.
        storage.engine.dispose()
        storage.engine = engine
        storage.scoped_session = scoped_session(sessionmaker(bind=engine))
    return get_storage(storage)


@contextmanager
def unless_unavailable() -> Iterator[None]:
    """What Optuna says of a database that does not answer, as we say it.

    Raises:
        Unavailable: so it is.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        lost = isinstance(cause, DBAPIError) and cause.connection_invalidated
        if not (lost or isinstance(cause, OperationalError | InterfaceError | PoolTimeout)):
            raise
        words = " ".join(str(getattr(cause, "orig", cause)).split()).rstrip(".?")
        raise Unavailable(f"The database did not answer: {words}.") from error


def _with_tables(url: str) -> RDBStorage:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return RDBStorage(url, engine_kwargs={"poolclass": NullPool})
        except RuntimeError as error:  # which is all that it says
            raise ConfigurationError(f"The studies in the database cannot be used: {error}") from error
        except (StorageInternalError, SQLAlchemyError):
            if attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE_SECONDS)
    raise AssertionError("unreachable")


def _have_it_log_as_we_do() -> None:
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    # Says of each study and trial that there is one.
    logging.getLogger("optuna").setLevel(logging.WARNING)
