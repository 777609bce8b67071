"""The app: every feature's endpoints around one ingest.

>>> app = create_app(bootstrap(IngestSettings()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8000), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from stylegram.common.health import Check
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http import assets, jobs, openapi, pages, problems, queues, system
from stylegram.ingest.http.authentication import Authentication, Tokens
from stylegram.ingest.http.body_limit import BodyLimit
from stylegram.ingest.http.dependencies import only_known_queries
from stylegram.ingest.http.guard import Guard
from stylegram.ingest.http.head import Head
from stylegram.ingest.http.headers import Headers
from stylegram.ingest.http.pictures import Pictures
from stylegram.ingest.http.watch import JobWatch


def create_app(
    ingest: Ingest,
    *,
    daily: Hyperparameters | None = None,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 64.0,
    alive: Check = lambda: None,
) -> FastAPI:
    """The HTTP face of `ingest`.

    Endpoints are plain functions, which run in a pool of threads: databases, storage and Pillow all block.

    Args:
        ingest: the service; whoever opened it closes it.
        daily: how the daily picture is painted; the model's defaults where None.
        tokens: whoever knows one is answered, under whatever name the app is reached; see `IngestSettings.tokens`.
            Without any, everybody is who asks for a loopback name.
        max_upload_megabytes: the most that a request's body may have.
        alive: raises, and at once, where a part of the process has ended that should run.
    """
    middleware = [Middleware(Head), Middleware(Headers), Middleware(Guard, any_host=bool(tokens))]
    if tokens:
        middleware.append(Middleware(Authentication, Tokens(tokens)))
    middleware.append(Middleware(BodyLimit, max_upload_megabytes))
    app = FastAPI(
        title="Stylegram",
        version=version("stylegram-ingest"),
        description="Photographs painted in the style of paintings.",
        openapi_tags=openapi.TAGS,
        # The interactive pages load their parts from other hosts.
        docs_url=None,
        redoc_url=None,
        # A body would be sent twice, and a path that is wrong stay unnoticed.
        redirect_slashes=False,
        middleware=middleware,
    )
    app.state.ingest = ingest
    app.state.daily = daily or Hyperparameters()
    app.state.pictures = Pictures(ingest.storage)
    app.state.watch = JobWatch(ingest.changed_jobs)
    app.state.alive = alive
    api, others = (jobs, assets, queues), (system, pages)
    for feature in api:
        app.include_router(feature.router, dependencies=[Depends(only_known_queries)])
    for feature in others:
        app.include_router(feature.router)
    problems.install(app, [route for feature in (*api, *others) for route in feature.router.routes])
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    openapi.complete(app, authenticated=bool(tokens))
    return app
