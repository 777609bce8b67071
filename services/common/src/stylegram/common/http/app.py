"""The app: what one service has to answer with, or several at one address.

>>> from stylegram.common.http.server import listen, serve
>>> app = assemble(Part(), title="Nothing", version="1", description="It is well.")
>>> serve(app, listen("127.0.0.1", 8000), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware

from stylegram.common.health import Check
from stylegram.common.http import openapi, problems, system
from stylegram.common.http.authentication import Authentication, Door, Tokens
from stylegram.common.http.body_limit import BodyLimit
from stylegram.common.http.dependencies import only_known_queries
from stylegram.common.http.guard import Guard
from stylegram.common.http.head import Head
from stylegram.common.http.headers import Headers
from stylegram.common.http.prefix import Prefix
from stylegram.common.http.sessions import Sessions


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a service has to answer with.

    Args:
        routers: its API; a name in a query that an endpoint does not know is refused.
        further_routers: what takes any query, as pages do.
        state: what its endpoints find in `request.app.state`, by name.
        tags: what OpenAPI says of the tags.
        models: see `openapi.Model`.
        additions: see `openapi.Addition`.
        close: lets go of whoever listens to a stream; called when the server is about to end.
    """

    routers: Sequence[APIRouter] = ()
    further_routers: Sequence[APIRouter] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[Mapping[str, str]] = ()
    models: Sequence[openapi.Model] = ()
    additions: Sequence[openapi.Addition] = ()
    close: Callable[[], None] = _nothing


def assemble(
    *parts: Part,
    title: str,
    version: str,
    description: str,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 64.0,
    alive: Check = _nothing,
    ready: Check = _nothing,
    measure: Callable[[], None] = _nothing,
    shows_metrics: bool = True,
    problem_page: problems.ProblemPage | None = None,
    door: Door | None = None,
    prefix: str = "",
) -> FastAPI:
    """One app of all the parts; where two know a path, the first answers.

    Endpoints are plain functions, which run in a pool of threads: databases, storage and Pillow all block.

    Args:
        parts: what there is to answer with.
        title: the API's.
        version: the service's.
        description: what it is for.
        tokens: whoever knows one is answered, under whatever name the app is reached; see `HttpSettings.tokens`.
            Without any, everybody is who asks for a loopback name.
        max_upload_megabytes: the most that a request's body may have.
        alive: raises, and at once, where a part of the process has ended that should run.
        ready: raises where something does not answer that the process depends on.
        measure: brings those gauges up to date that nothing else does.
        shows_metrics: whether `/metrics` is here; what faces people has none where a port of its own shows it.
        problem_page: see `problems.install`.
        door: where people log in; see `Authentication`.
        prefix: see `Prefix`.
    """
    sessions = Sessions(tokens, prefix or "/")
    middleware = [
        Middleware(Prefix, prefix),
        Middleware(Head),
        Middleware(Headers),
        Middleware(Guard, any_host=bool(tokens)),
    ]
    if tokens:
        middleware.append(Middleware(Authentication, Tokens(tokens), sessions, door))
    middleware.append(Middleware(BodyLimit, max_upload_megabytes, door.path if door else None))
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        openapi_tags=[*(dict(tag) for part in parts for tag in part.tags), openapi.SYSTEM_TAG],
        # The interactive pages load their parts from other hosts.
        docs_url=None,
        redoc_url=None,
        # A body would be sent twice, and a path that is wrong stay unnoticed.
        redirect_slashes=False,
        middleware=middleware,
    )
    checked = [router for part in parts for router in part.routers]
    own = [system.router, system.metrics_router] if shows_metrics else [system.router]
    others = [*own, *(router for part in parts for router in part.further_routers)]
    for router in checked:
        app.include_router(router, dependencies=[Depends(only_known_queries)])
    for router in others:
        app.include_router(router)
    for part in parts:
        for name, value in part.state.items():
            setattr(app.state, name, value)
    app.state.alive, app.state.ready, app.state.measure = alive, ready, measure
    app.state.shows_metrics = shows_metrics
    app.state.sessions, app.state.prefix, app.state.max_upload_megabytes = sessions, prefix, max_upload_megabytes

    def close() -> None:
        for part in parts:
            part.close()

    app.state.close = close
    problems.install(app, [route for router in (*checked, *others) for route in router.routes], problem_page)
    openapi.complete(
        app,
        authenticated=bool(tokens),
        models=[model for part in parts for model in part.models],
        additions=[add for part in parts for add in part.additions],
    )
    return app
