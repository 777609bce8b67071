"""`python -m stylegram.publisher`: publish until told to stop, or settle one post that needs review."""

import argparse
import sys

from stylegram.common.health import Health
from stylegram.common.service import Service, serve
from stylegram.publisher.bootstrap import bootstrap
from stylegram.publisher.settings import PublisherSettings


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m stylegram.publisher", description=__doc__)
    settle = parser.add_subparsers(dest="command").add_parser("settle", help="say whether a post is out")
    settle.add_argument("key", help="the post, as the reason for its review names it")
    verdict = settle.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--published", metavar="URL", help="it is out, and there")
    verdict.add_argument("--not-published", action="store_true", help="it is not out, and has failed")
    options = parser.parse_args(arguments)

    def publish(settings: PublisherSettings, health: Health) -> Service:
        publisher = bootstrap(settings)
        return Service([publisher.consumer(health.stop).run], publisher.checks())

    def settle_one(settings: PublisherSettings, health: Health) -> Service:
        publisher = bootstrap(settings).publisher(health.stop)
        return Service([lambda: publisher.settle(options.key, options.published)])

    if options.command == "settle":
        # Beside a publisher that runs, perhaps, and has the port.
        return serve(PublisherSettings, settle_one, metrics_port=None)
    return serve(PublisherSettings, publish)


if __name__ == "__main__":
    sys.exit(main())
