"""The service: `python -m stylegram.ingest` serves the API, relays jobs and follows events until it is told to stop."""

import sys
from contextlib import ExitStack

import structlog

from stylegram.common.health import Health
from stylegram.common.http.server import listen, url_of
from stylegram.common.http.server import serve as serve_http
from stylegram.common.service import Service, Target, serve
from stylegram.ingest.bootstrap import bootstrap
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, PUBLISHER, Address, forwarding_part
from stylegram.ingest.settings import IngestSettings

_log = structlog.get_logger(__name__)


def build(settings: IngestSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    tokens, stop = settings.tokens, health.stop
    with ExitStack() as unless_all_goes_well:
        listener = listen(settings.http_host, settings.http_port, authenticated=bool(tokens))
        unless_all_goes_well.callback(listener.close)
        ingest = bootstrap(settings)
        unless_all_goes_well.callback(ingest.close)
        app = create_app(
            ingest,
            forwarding_part(
                Address(LOGGER, settings.logger_url, settings.logger_token, settings.logger_seconds),
                Address(PUBLISHER, settings.publisher_url, settings.publisher_token, settings.logger_seconds),
            ),
            daily=settings.daily_hyperparameters,
            tokens=tokens,
            max_upload_megabytes=settings.max_upload_megabytes,
            prefix=settings.http_prefix,
            alive=health.check,
        )

        def relay() -> None:
            ingest.relay().run(stop)

        def follow_events() -> None:
            ingest.consumer(stop).run()

        def reconcile() -> None:
            ingest.reconcile_periodically(stop, settings.reconcile_seconds)

        def answer() -> None:
            _log.info("api_listens", url=url_of(listener))
            serve_http(app, listener, stop)
            # What somebody started through it has no other end than the process's, which is none to be proud of.
            ingest.end_sync()

        running: list[Target] = [relay, follow_events, reconcile, answer]
        if (pause := settings.sync_seconds) is not None:

            def sync() -> None:
                ingest.sync_periodically(stop, pause)

            running.append(sync)
        unless_all_goes_well.pop_all()
        return Service(running, {"ingest": ingest.check})


if __name__ == "__main__":
    sys.exit(serve(IngestSettings, build))
