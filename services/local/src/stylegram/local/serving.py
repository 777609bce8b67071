"""The house with its front door open: the page and the API, and the services behind them."""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from stylegram.common.errors import StylegramError
from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.logs import configure_logs
from stylegram.common.service import read_settings, run_until_signalled
from stylegram.ingest.http.app import create_app
from stylegram.ingest.settings import IngestSettings
from stylegram.local.house import House
from stylegram.logger.http.app import logger_part
from stylegram.publisher.http.app import publisher_part

# A sync that finds nothing new only lists the folders; who cannot wait has a button.
_SYNC_SECONDS = 300.0
_LOOK_SECONDS = 0.5

_log = structlog.get_logger(__name__)


def serve_house(
    state: Path,
    photos: str,
    styles: str,
    *,
    host: str,
    port: int,
    daily: Hyperparameters,
    announce: Callable[[str, Path], None],
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; call it on the main thread.

    Where the environment has tokens for the API, whoever asks needs one, on this machine too.

    Args:
        state: as `House` takes it.
        photos: likewise.
        styles: likewise.
        host: `localhost` or a loopback address; any address of this machine's where there are tokens.
        port: 0 takes any that is free.
        daily: how the daily picture is painted.
        announce: told the page's address, when it can be asked for, and the log's place.
        on_end: called when the end has begun, which takes as long as an evaluation does.

    Raises:
        ConfigurationError: other machines could reach the address and there are no tokens, or a token is too short,
            or the state folder cannot be used.
        Unavailable: the port is taken.
        StylegramError: a service ended that should be running.
    """
    settings = read_settings(IngestSettings)
    with listen(host, port, authenticated=bool(settings.tokens)) as listener:
        house = House(state, photos, styles)
        stop = threading.Event()

        def answer() -> None:
            app = create_app(
                house.ingest,
                logger_part(house.logger),
                publisher_part(house.publisher),
                daily=daily,
                tokens=settings.tokens,
                max_upload_megabytes=settings.max_upload_megabytes,
                prefix=settings.http_prefix,
                alive=house.check,
            )
            announce(url_of(listener) + settings.http_prefix, house.log)
            serve(app, listener, stop)

        def watch() -> None:
            while not stop.wait(_LOOK_SECONDS):
                house.check()
            on_end()

        def sync() -> None:
            house.ingest.sync_periodically(stop, _SYNC_SECONDS)

        def warm_up() -> None:
            try:
                house.painter.load()
            except StylegramError as error:
                _log.warning("no_previews", reason=str(error))

        try:
            with house.log.open("a", encoding="utf-8") as log:
                configure_logs(json=True, stream=log)
                with house.running():
                    run_until_signalled(answer, watch, sync, warm_up, stop=stop)
        finally:
            configure_logs(level="warning")
            house.close()
