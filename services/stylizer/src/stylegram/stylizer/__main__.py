"""`python -m stylegram.stylizer`: paint jobs until told to stop; with `preview`, make previews instead; with `fetch`,
put the model files of either in their place.

Each loads only what it needs: the preview gets along without torch, and the worker without what answers over HTTP.
"""

import sys
from typing import TYPE_CHECKING

from stylegram.common.health import Health
from stylegram.common.service import Service, serve

if TYPE_CHECKING:
    from stylegram.stylizer.settings import StylizerSettings


def build(settings: "StylizerSettings", health: Health) -> Service:
    """The stylizer, until it is told to stop."""
    from stylegram.stylizer.bootstrap import bootstrap

    stylizer = bootstrap(settings, health.stop)
    return Service([stylizer.run], stylizer.checks())


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    match sys.argv[1:] if arguments is None else arguments:
        case []:
            from stylegram.stylizer.settings import StylizerSettings

            return serve(StylizerSettings, build)
        case ["preview"]:
            from stylegram.stylizer.preview_service.service import build as build_preview
            from stylegram.stylizer.preview_service.settings import PreviewSettings

            return serve(PreviewSettings, build_preview)
        case ["fetch", *words]:
            from stylegram.stylizer.fetch_command import run

            return run(words)
        case words:
            sys.stderr.write(f"There is no {' '.join(words)!r}: it is `preview`, `fetch`, or nothing at all.\n")
            return 2


if __name__ == "__main__":
    sys.exit(main())
