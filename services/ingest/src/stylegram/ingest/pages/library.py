"""To be written."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/library")
def show(request: Request) -> Response:
    """The page."""
    return render(request, "library.html")
