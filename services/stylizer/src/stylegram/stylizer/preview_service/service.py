"""The preview as a process: it paints what it is asked for until it is told to stop."""

from stylegram.common.health import Health
from stylegram.common.http.process import answering, opening
from stylegram.common.service import Service
from stylegram.stylizer.preview_service.app import create_app
from stylegram.stylizer.preview_service.painter import FastPainter
from stylegram.stylizer.preview_service.settings import PreviewSettings


def build(settings: PreviewSettings, health: Health) -> Service:
    """Everything that runs until it is told to stop.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: the address is in use.
    """
    with opening(settings) as (listener, _):
        painter = FastPainter(settings.weights_dir)
        app = create_app(
            painter,
            tokens=settings.tokens,
            max_upload_megabytes=settings.max_upload_megabytes,
            alive=health.check,
            shows_metrics=settings.api_shows_metrics,
        )
        return Service([answering(app, listener, health.stop)], {"models": painter.load})
