"""Parts of a response, as players of films ask for them (RFC 9110, section 14)."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

# Several ranges in one request may be answered by the whole, and no player asks for them.
_SINGLE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


def part(request: Request, whole: Response) -> Response:
    """The part of a response that was asked for.

    Args:
        request: where it has a `Range` of bytes, and no `If-Range` of another version, that is the part.
        whole: the whole, with its `ETag`.

    Returns:
        The part with 206, or the whole as it is.

    Raises:
        HTTPException: 416, as the range begins beyond the end.
    """
    whole.headers["Accept-Ranges"] = "bytes"
    length = len(whole.body)
    bounds = _bounds(request.headers.get("range", ""), length)
    if bounds is None or request.headers.get("if-range") not in {None, whole.headers["ETag"]}:
        return whole
    first, end = bounds
    if first >= end:
        detail = f"The range begins beyond the end: there are {length} bytes."
        raise HTTPException(416, detail, headers={"Content-Range": f"bytes */{length}"})
    headers = {name: value for name, value in whole.headers.items() if name != "content-length"}
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{length}"
    return Response(whole.body[first:end], 206, headers)


def _bounds(asked: str, length: int) -> tuple[int, int] | None:
    """Where the range begins and ends, the end excluded, neither beyond `length`; None where it is none."""
    match = _SINGLE.fullmatch(asked)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(length - int(last), 0), length
    if last and int(last) < int(first):
        return None
    return min(int(first), length), min(int(last) + 1, length) if last else length
