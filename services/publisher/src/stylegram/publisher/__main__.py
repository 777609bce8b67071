"""`python -m stylegram.publisher`: publish until told to stop; with `posts` or `account`, look after what it does."""

import sys

from stylegram.common.health import Health
from stylegram.common.service import Service, serve
from stylegram.publisher.bootstrap import bootstrap
from stylegram.publisher.settings import PublisherSettings


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words:
        from stylegram.publisher.posts_command import run

        return run(words)

    def publish(settings: PublisherSettings, health: Health) -> Service:
        publisher = bootstrap(settings)
        return Service(publisher.targets(health.stop), publisher.checks())

    return serve(PublisherSettings, publish)


if __name__ == "__main__":
    sys.exit(main())
