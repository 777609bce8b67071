"""The app: every feature's endpoints around one ingest.

>>> app = create_app(bootstrap(IngestSettings()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8000), threading.Event())  # doctest: +SKIP
"""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http import assets, jobs, pages, problems, system
from stylegram.ingest.http.guard import Guard
from stylegram.ingest.http.headers import Headers
from stylegram.ingest.http.pictures import Pictures


def create_app(ingest: Ingest, *, daily: Hyperparameters | None = None) -> FastAPI:
    """The HTTP face of `ingest`.

    Endpoints are plain functions, which run in a pool of threads: databases, storage and Pillow all block.

    Args:
        ingest: the service; whoever opened it closes it.
        daily: how the daily picture is painted; the model's defaults where None.
    """
    app = FastAPI(
        title="Stylegram",
        version=version("stylegram-ingest"),
        description="Photographs painted in the style of paintings.",
        # The interactive pages load their parts from other hosts.
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Headers), Middleware(Guard)],
        responses=problems.RESPONSES,
    )
    app.state.ingest = ingest
    app.state.daily = daily or Hyperparameters()
    app.state.pictures = Pictures(ingest.storage)
    problems.install(app)
    for feature in (jobs, assets, system, pages):
        app.include_router(feature.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    return app
