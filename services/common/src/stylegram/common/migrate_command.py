"""`python -m stylegram.SERVICE migrate`: bring a service's tables up to date, before a new version of it starts."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stylegram.common.settings import DatabaseSettings

WAIT = 300.0
"""Seconds for which a database that does not answer is waited for, unless somebody says otherwise."""
HELP = "bring the tables up to date, and end"
WAIT_HELP = "seconds for which a database that does not answer is waited for"


def add_migrate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Have a service's parser know the command; see `migrate_tables`."""
    parser = commands.add_parser("migrate", help=HELP)
    parser.add_argument("--wait", type=float, default=WAIT, metavar="SECONDS", help=f"{WAIT_HELP} (default {WAIT:g})")


def migrate_tables(
    settings_type: "type[DatabaseSettings]",
    service: str,
    wait: float,
    also: "Callable[[Engine], object] | None" = None,
) -> int:
    """Do it, on the database that the environment names; tables of a newer version stay as they are.

    Args:
        settings_type: the service's.
        service: whose tables.
        wait: see `WAIT`.
        also: makes tables that the service has from others.

    Returns:
        The exit status of a command that has done its work.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: the database did not answer for so long, or takes no changes.
    """
    from stylegram.common.database import migrate, open_database
    from stylegram.common.logs import configure_logs
    from stylegram.common.service import log_away, read_settings, until_it_answers

    settings = read_settings(settings_type)
    configure_logs(json=settings.json_logs, level=settings.log_level)
    engine = open_database(settings.database_url.get_secret_value())

    def work() -> None:
        migrate(engine, service)
        if also:
            also(engine)

    try:
        until_it_answers(work, within=wait, on_away=log_away)
    finally:
        engine.dispose()
    sys.stdout.write(f"The tables of {service} are up to date.\n")
    return 0
