"""`python -m stylegram.logger forget|vacuum|migrate`: look after a cluster's record, as jobs of the cluster do."""

import argparse
import sys
from functools import partial

from stylegram.common.database import open_database, prepare_tables
from stylegram.common.logs import configure_logs
from stylegram.common.migrate_command import add_migrate, migrate_tables
from stylegram.common.service import read_settings, run_to_end
from stylegram.logger.retention import forget, vacuum
from stylegram.logger.settings import LoggerSettings


def run(arguments: list[str]) -> int:
    """Do what the words say, on the database that the settings name.

    Returns:
        The exit status; see `run_to_end`.
    """
    parser = argparse.ArgumentParser(prog="python -m stylegram.logger", description="Look after the record of runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    forgetting = commands.add_parser(
        "forget",
        help="drop what STYLEGRAM_KEEP_CURVES_DAYS and STYLEGRAM_KEEP_FAILED_DAYS say is old enough",
    )
    forgetting.add_argument("--dry-run", action="store_true", help="only count")
    commands.add_parser("vacuum", help="give the room of what was forgotten back")
    add_migrate(commands)
    return run_to_end(partial(_do, parser.parse_args(arguments)))


def _do(given: argparse.Namespace) -> int:
    if given.command == "migrate":
        # Loads the library that studies are made with.
        from stylegram.logger.suggestions.storage import open_storage

        return migrate_tables(LoggerSettings, "logger", given.wait, also=open_storage)
    settings = read_settings(LoggerSettings)
    configure_logs(json=settings.json_logs, level=settings.log_level)
    engine = open_database(settings.database_url.get_secret_value())
    try:
        prepare_tables(engine, "logger", migrate_at_start=settings.migrate_at_start)
        if given.command == "vacuum":
            sys.stdout.write(f"{vacuum(engine).words()}\n")
            return 0
        forgotten = forget(
            engine,
            curves_days=settings.keep_curves_days,
            failed_days=settings.keep_failed_days,
            dry_run=given.dry_run,
        )
        sys.stdout.write(f"{forgotten.words(dry_run=given.dry_run)}\n")
    finally:
        engine.dispose()
    return 0
