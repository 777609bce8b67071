"""`python -m stylegram.publisher`: publish until told to stop, or settle one post that needs review."""

import argparse
import sys
import threading
from collections.abc import Callable

from stylegram.common.service import serve
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

    def targets(settings: PublisherSettings, stop: threading.Event) -> list[Callable[[], None]]:
        service = bootstrap(settings)
        if options.command == "settle":
            return [lambda: service.publisher(stop).settle(options.key, options.published)]
        return [service.consumer(stop).run]

    return serve(PublisherSettings, targets)


if __name__ == "__main__":
    sys.exit(main())
