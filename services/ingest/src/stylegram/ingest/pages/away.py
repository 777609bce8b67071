"""What a page shows while what it asks is not there."""

from fastapi import Request
from starlette.responses import Response

from stylegram.common.errors import NotFound, StylegramError
from stylegram.ingest.pages.templating import render


def away(
    request: Request, error: StylegramError, *, title: str, meanwhile: str, unknown: str, setting: str
) -> Response:
    """The page in its place.

    Args:
        request: for which it is written.
        error: what came instead of an answer.
        title: of the page.
        meanwhile: what goes on where it is away.
        unknown: what it means that nobody said where it is, which is no fault of who asks.
        setting: what says where it is.
    """
    is_unknown = isinstance(error, NotFound)
    return render(
        request,
        "away.html",
        status=200 if is_unknown else 503,
        error=error,
        is_unknown=is_unknown,
        title=title,
        meanwhile=meanwhile,
        unknown=unknown,
        setting=setting,
    )
