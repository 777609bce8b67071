"""The preview's API: one question.

>>> app = create_app(FastPainter(default_cache()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8002), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Collection
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, File, Request, Response

from stylegram.common.health import Check
from stylegram.common.http.app import Part, assemble
from stylegram.common.http.problems import responses
from stylegram.stylizer.preview_service.metrics import PREVIEW_SECONDS
from stylegram.stylizer.preview_service.painter import FastPainter

router = APIRouter(prefix="/v1", tags=["preview"])


def _painter(request: Request) -> FastPainter:
    painter: FastPainter = request.app.state.painter
    return painter


@router.post(
    "/preview", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}, **responses(400, 413, 422)}
)
def preview(
    content: Annotated[bytes, File(description="The photograph, a JPEG or PNG of 4 megapixels at most.")],
    style: Annotated[bytes, File(description="The painting, likewise.")],
    painter: Annotated[FastPainter, Depends(_painter)],
) -> Response:
    """Paint one picture in the manner of another, in one pass: a JPEG of the photograph's size."""
    with PREVIEW_SECONDS.time():
        return Response(painter.preview(content, style), media_type="image/jpeg")


def create_app(
    painter: FastPainter,
    *,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 16.0,
    alive: Check = lambda: None,
    shows_metrics: bool = True,
) -> FastAPI:
    """The HTTP face of `painter`; see `assemble`.

    Args:
        painter: paints.
        tokens: see `assemble`.
        max_upload_megabytes: likewise.
        alive: likewise.
        shows_metrics: likewise.
    """
    return assemble(
        Part(
            routers=[router],
            state={"painter": painter},
            tags=[{"name": "preview", "description": "Pictures at a glance."}],
        ),
        title="Stylegram's preview",
        version=version("stylegram-stylizer"),
        description="A photograph in the manner of a painting, by a fast network.",
        tokens=tokens,
        max_upload_megabytes=max_upload_megabytes,
        alive=alive,
        ready=painter.load,
        shows_metrics=shows_metrics,
    )
