"""`python -m stylegram.stylizer`: paint jobs until told to stop."""

import sys

from stylegram.common.health import Health
from stylegram.common.service import Service, serve
from stylegram.stylizer.bootstrap import bootstrap
from stylegram.stylizer.settings import StylizerSettings


def build(settings: StylizerSettings, health: Health) -> Service:
    """The stylizer, until it is told to stop."""
    stylizer = bootstrap(settings, health.stop)
    return Service([stylizer.run], stylizer.checks())


if __name__ == "__main__":
    sys.exit(serve(StylizerSettings, build))
