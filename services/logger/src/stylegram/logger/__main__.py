"""`python -m stylegram.logger`: remember runs until told to stop."""

import sys

from stylegram.common.service import serve
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.settings import LoggerSettings

if __name__ == "__main__":
    sys.exit(serve(LoggerSettings, lambda settings, stop: [bootstrap(settings).consumer(stop).run]))
