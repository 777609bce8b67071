"""The preview as a process: it paints what it is asked for until it is told to stop."""

import structlog

from stylegram.common.health import Health
from stylegram.common.http.server import listen, url_of
from stylegram.common.http.server import serve as serve_http
from stylegram.common.service import Service
from stylegram.stylizer.preview_service.app import create_app
from stylegram.stylizer.preview_service.painter import FastPainter
from stylegram.stylizer.preview_service.settings import PreviewSettings

_log = structlog.get_logger(__name__)


def build(settings: PreviewSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: the address is in use.
    """
    listener = listen(settings.http_host, settings.http_port, authenticated=bool(settings.tokens))
    painter = FastPainter(settings.weights_dir)
    app = create_app(
        painter,
        tokens=settings.tokens,
        max_upload_megabytes=settings.max_upload_megabytes,
        alive=health.check,
    )

    def answer() -> None:
        _log.info("api_listens", url=url_of(listener))
        serve_http(app, listener, health.stop)

    return Service([answer], {"models": painter.load})
