"""The service: `python -m stylegram.ingest` serves the API, relays jobs and follows events until it is told to stop;
with a word, as `migrate` or `daily`, it does that and ends.
"""

import sys

from stylegram.common.health import Health
from stylegram.common.http.process import answering, opening
from stylegram.common.service import Service, Target, serve
from stylegram.ingest.bootstrap import bootstrap
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, PUBLISHER, Address, forwarding_part
from stylegram.ingest.settings import IngestSettings


def build(settings: IngestSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    stop = health.stop
    with opening(settings) as (listener, undo):
        ingest = bootstrap(settings)
        undo.callback(ingest.close)
        app = create_app(
            ingest,
            forwarding_part(
                Address(LOGGER, settings.logger_url, settings.logger_token, settings.logger_seconds),
                Address(PUBLISHER, settings.publisher_url, settings.publisher_token, settings.logger_seconds),
            ),
            daily=settings.daily_hyperparameters,
            tokens=settings.tokens,
            max_upload_megabytes=settings.max_upload_megabytes,
            prefix=settings.http_prefix,
            alive=health.check,
            shows_metrics=settings.api_shows_metrics,
        )

        def relay() -> None:
            ingest.relay().run(stop)

        def follow_events() -> None:
            ingest.consumer(stop).run()

        def reconcile() -> None:
            ingest.reconcile_periodically(stop, settings.reconcile_seconds)

        def answer() -> None:
            answering(app, listener, stop)()
            # What somebody started through it has no other end than the process's, which is none to be proud of.
            ingest.end_sync()

        running: list[Target] = [relay, follow_events, reconcile, answer]
        if (pause := settings.sync_seconds) is not None:

            def sync() -> None:
                ingest.sync_periodically(stop, pause)

            running.append(sync)
        return Service(running, {"ingest": ingest.check}, ingest.measure)


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.ingest.commands import run

        return run(words)
    return serve(IngestSettings, build)


if __name__ == "__main__":
    sys.exit(main())
