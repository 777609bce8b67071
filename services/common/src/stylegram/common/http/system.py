"""What a cluster asks of a process: whether it lives, whether it can work, and how much it has done."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stylegram.common.errors import Unavailable
from stylegram.common.health import Check
from stylegram.common.http.problems import responses

router = APIRouter(tags=["system"])
metrics_router = APIRouter(tags=["system"])

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""What whoever keeps the process running asks for: it knows no token, and calls us by an address of its own."""


@router.get("/healthz", responses=responses(503))
async def healthz(request: Request) -> dict[str, str]:
    """The process and all of its parts run; 503 where one has ended. Nothing else is looked at, for starting it anew
    would mend nothing else.
    """
    # No plain function: it would wait for a thread while all of them are busy with pictures.
    alive: Check = request.app.state.alive
    try:
        alive()
    except Exception:  # whatever it was, its log has it
        raise Unavailable("A part of this process has ended.", advice="Start it anew; its log tells why.") from None
    return {"status": "ok"}


@router.get("/readyz", responses=responses(503))
def readyz(request: Request) -> dict[str, str]:
    """All that the process depends on answers, as its database; 503 where something does not."""
    ready: Check = request.app.state.ready
    ready()
    return {"status": "ready"}


@metrics_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Counters and gauges for Prometheus; what has to be asked elsewhere is asked for the occasion."""
    measure: Callable[[], None] = request.app.state.measure
    measure()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
