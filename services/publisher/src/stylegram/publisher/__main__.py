"""`python -m stylegram.publisher`: publish, and answer about posts, until told to stop; with `posts` or `account`, look
after what it does.
"""

import sys
from contextlib import ExitStack

import structlog

from stylegram.common.health import Health
from stylegram.common.http.server import listen, url_of
from stylegram.common.http.server import serve as serve_http
from stylegram.common.service import Service, serve
from stylegram.publisher.bootstrap import bootstrap
from stylegram.publisher.http.app import create_app
from stylegram.publisher.settings import PublisherSettings

_log = structlog.get_logger(__name__)


def build(settings: PublisherSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    tokens, stop = settings.tokens, health.stop
    with ExitStack() as unless_all_goes_well:
        listener = listen(settings.http_host, settings.http_port, authenticated=bool(tokens))
        unless_all_goes_well.callback(listener.close)
        publisher = bootstrap(settings)
        unless_all_goes_well.callback(publisher.close)
        app = create_app(publisher, tokens=tokens, alive=health.check)

        def answer() -> None:
            _log.info("api_listens", url=url_of(listener))
            serve_http(app, listener, stop)

        targets = [*publisher.targets(stop), answer]
        unless_all_goes_well.pop_all()
        return Service(targets, publisher.checks())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.publisher.posts_command import run

        return run(words)
    return serve(PublisherSettings, build)


if __name__ == "__main__":
    sys.exit(main())
