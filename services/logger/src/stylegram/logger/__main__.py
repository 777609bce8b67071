"""`python -m stylegram.logger`: remember runs until told to stop."""

import sys

from stylegram.common.health import Health
from stylegram.common.service import Service, serve
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.settings import LoggerSettings


def build(settings: LoggerSettings, health: Health) -> Service:
    """The logger, until it is told to stop."""
    logger = bootstrap(settings)
    return Service([logger.consumer(health.stop).run], logger.checks())


if __name__ == "__main__":
    sys.exit(serve(LoggerSettings, build))
