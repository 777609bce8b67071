"""`python -m stylegram.logger`: remember runs and serve the record until told to stop; with `forget` or `vacuum`, look
after the record.
"""

import sys
from contextlib import ExitStack

import structlog

from stylegram.common.health import Health
from stylegram.common.http.server import listen, url_of
from stylegram.common.http.server import serve as serve_http
from stylegram.common.service import Service, serve
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.http.app import create_app
from stylegram.logger.settings import LoggerSettings

_log = structlog.get_logger(__name__)


def build(settings: LoggerSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    tokens, stop = settings.tokens, health.stop
    with ExitStack() as unless_all_goes_well:
        listener = listen(settings.http_host, settings.http_port, authenticated=bool(tokens))
        unless_all_goes_well.callback(listener.close)
        logger = bootstrap(settings)
        unless_all_goes_well.callback(logger.close)
        app = create_app(
            logger,
            tokens=tokens,
            max_upload_megabytes=settings.max_upload_megabytes,
            alive=health.check,
        )

        def follow_events() -> None:
            logger.run(stop)

        def answer() -> None:
            _log.info("api_listens", url=url_of(listener))
            serve_http(app, listener, stop)

        unless_all_goes_well.pop_all()
        return Service([follow_events, answer], logger.checks())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.logger.retention_command import run

        return run(words)
    return serve(LoggerSettings, build)


if __name__ == "__main__":
    sys.exit(main())
