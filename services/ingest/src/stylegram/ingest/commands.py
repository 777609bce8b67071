"""`python -m stylegram.ingest migrate|daily|sync|reconcile`: what a cluster has done before ingest starts, and by the
clock.
"""

import argparse
from functools import partial

from stylegram.common.migrate_command import add_migrate, migrate_tables
from stylegram.common.service import run_to_end

_WAIT_SECONDS = 600.0


def run(arguments: list[str]) -> int:
    """Do what the words say.

    Returns:
        The exit status; see `run_to_end`.
    """
    parser = argparse.ArgumentParser(
        prog="python -m stylegram.ingest",
        description="Without a command, serve until told to stop. The settings come from the environment.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add_migrate(commands)
    daily = _errand(commands, "daily", "have the picture of the day made; asked again on a day, it is the same")
    daily.add_argument("--no-sync", action="store_false", dest="sync", help="do not sync the sources first")
    daily.add_argument(
        "--follow",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait until its post is out or waits for its time, for so long at most (default 0)",
    )
    _errand(commands, "sync", "have the sources synced, and wait for the end")
    _errand(commands, "reconcile", "have jobs put right of which nothing is heard")
    return run_to_end(partial(_do, parser.parse_args(arguments)))


def _errand(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=f"At the ingest of STYLEGRAM_URL, {words}.")
    parser.add_argument(
        "--wait",
        type=float,
        default=_WAIT_SECONDS,
        metavar="SECONDS",
        help=f"for which ingest may be away, each time (default {_WAIT_SECONDS:g})",
    )
    return parser


def _do(given: argparse.Namespace) -> int:
    if given.command == "migrate":
        from stylegram.ingest.settings import IngestSettings

        return migrate_tables(IngestSettings, "ingest", given.wait)
    from stylegram.common.logs import configure_logs
    from stylegram.ingest.errands import open_errands

    configure_logs(level="warning")
    with open_errands(wait=given.wait) as errands:
        match given.command:
            case "daily":
                well = errands.daily(sync=given.sync, follow=given.follow)
            case "sync":
                well = errands.sync()
            case _:
                well = errands.reconcile()
    return 0 if well else 1
