"""The service: `python -m stylegram.ingest` relays jobs, follows events and syncs until it is told to stop."""

import sys
import threading
from collections.abc import Callable

import structlog

from stylegram.common.errors import Interrupted, StylegramError
from stylegram.common.service import serve
from stylegram.ingest.bootstrap import Ingest, bootstrap
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.sync import SyncReport

_log = structlog.get_logger(__name__)


def targets(settings: IngestSettings, stop: threading.Event) -> list[Callable[[], None]]:
    """What the service's threads run until `stop` is set."""
    ingest = bootstrap(settings)
    running: list[Callable[[], None]] = [lambda: ingest.relay().run(stop), ingest.consumer(stop).run]
    if (pause := settings.sync_seconds) is not None:
        running.append(lambda: sync_periodically(ingest, stop, pause))
    return running


def sync_periodically(ingest: Ingest, stop: threading.Event, pause: float) -> None:
    """Sync, wait, and again; a source that is away is asked again next time.

    Args:
        ingest: the service.
        stop: set it to end, between two files too.
        pause: seconds between two syncs.
    """

    def stop_between_files(_done: int, _total: int, _report: SyncReport) -> None:
        if stop.is_set():
            raise Interrupted("The sync was asked to stop; the next one goes on.")

    while not stop.is_set():
        try:
            ingest.sync_all(stop_between_files)
        except StylegramError as error:
            _log.warning("sync_failed", reason=str(error))
        stop.wait(pause)


if __name__ == "__main__":
    sys.exit(serve(IngestSettings, targets))
