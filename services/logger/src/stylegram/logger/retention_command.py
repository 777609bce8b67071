"""`python -m stylegram.logger forget|vacuum`: look after a cluster's record, as from a job that a clock starts."""

import argparse
import sys

from stylegram.common.database import migrate, open_database
from stylegram.common.errors import StylegramError
from stylegram.common.service import read_settings
from stylegram.logger.retention import forget, vacuum
from stylegram.logger.settings import LoggerSettings


def run(arguments: list[str]) -> int:
    """Do what the words say, on the database that the settings name.

    Returns:
        The exit status: 1 where an error of ours, which is printed, kept it from being done.
    """
    parser = argparse.ArgumentParser(prog="python -m stylegram.logger", description="Look after the record of runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    forgetting = commands.add_parser(
        "forget",
        help="drop what STYLEGRAM_KEEP_CURVES_DAYS and STYLEGRAM_KEEP_FAILED_DAYS say is old enough",
    )
    forgetting.add_argument("--dry-run", action="store_true", help="only count")
    commands.add_parser("vacuum", help="give the room of what was forgotten back")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(LoggerSettings)
        engine = open_database(settings.database_url.get_secret_value())
        try:
            migrate(engine, "logger")
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
    except StylegramError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
