"""`python -m stylegram.stylizer`: paint jobs until told to stop."""

import sys

from stylegram.common.service import serve
from stylegram.stylizer.bootstrap import bootstrap
from stylegram.stylizer.settings import StylizerSettings

if __name__ == "__main__":
    sys.exit(serve(StylizerSettings, lambda settings, stop: [bootstrap(settings, stop).run]))
