"""`python -m stylegram.publisher`: publish, and answer about posts, until told to stop; with `posts` or `account`, look
after what it does; with `migrate`, bring its tables up to date.
"""

import sys

from stylegram.common.health import Health
from stylegram.common.http.process import answering, opening
from stylegram.common.service import Service, serve
from stylegram.publisher.bootstrap import bootstrap
from stylegram.publisher.http.app import create_app
from stylegram.publisher.settings import PublisherSettings


def build(settings: PublisherSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop; the address is taken before anything else begins.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or the address is in use.
    """
    stop = health.stop
    with opening(settings) as (listener, undo):
        publisher = bootstrap(settings)
        undo.callback(publisher.close)
        app = create_app(
            publisher, tokens=settings.tokens, alive=health.check, shows_metrics=settings.api_shows_metrics
        )

        return Service([*publisher.targets(stop), answering(app, listener, stop)], publisher.checks())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.publisher.posts_command import run

        return run(words)
    return serve(PublisherSettings, build)


if __name__ == "__main__":
    sys.exit(main())
