"""The service: `python -m stylegram.ingest` relays jobs, follows events and syncs until it is told to stop."""

import sys
import threading
from collections.abc import Callable

from stylegram.common.service import serve
from stylegram.ingest.bootstrap import bootstrap
from stylegram.ingest.settings import IngestSettings


def targets(settings: IngestSettings, stop: threading.Event) -> list[Callable[[], None]]:
    """What the service's threads run until `stop` is set."""
    ingest = bootstrap(settings)
    running: list[Callable[[], None]] = [lambda: ingest.relay().run(stop), ingest.consumer(stop).run]
    if (pause := settings.sync_seconds) is not None:
        running.append(lambda: ingest.sync_periodically(stop, pause))
    return running


if __name__ == "__main__":
    sys.exit(serve(IngestSettings, targets))
