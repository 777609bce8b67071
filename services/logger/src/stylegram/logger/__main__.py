"""`python -m stylegram.logger`: remember runs and serve the record until told to stop; with `forget`, `vacuum` or
`migrate`, look after the record.
"""

import sys

from stylegram.common.health import Health
from stylegram.common.http.process import answering, opening
from stylegram.common.service import Service, serve
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.http.app import create_app
from stylegram.logger.settings import LoggerSettings


def build(settings: LoggerSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    stop = health.stop
    with opening(settings) as (listener, undo):
        logger = bootstrap(settings)
        undo.callback(logger.close)
        app = create_app(
            logger,
            tokens=settings.tokens,
            max_upload_megabytes=settings.max_upload_megabytes,
            alive=health.check,
            shows_metrics=settings.api_shows_metrics,
        )

        def follow_events() -> None:
            logger.run(stop)

        return Service([follow_events, answering(app, listener, stop)], logger.checks())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.logger.retention_command import run

        return run(words)
    return serve(LoggerSettings, build)


if __name__ == "__main__":
    sys.exit(main())
