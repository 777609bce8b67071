"""What a cluster asks of a process: whether it lives, whether it can work, and how much it has done."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stylegram.ingest.http.dependencies import IngestDep

router = APIRouter(tags=["system"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers; nothing else is looked at, for restarting it would mend nothing else."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(ingest: IngestDep) -> dict[str, str]:
    """The database, the broker and the storage answer; 503 where one does not."""
    ingest.check()
    return {"status": "ready"}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics() -> Response:
    """Counters for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
