"""Which names objects may have. The same rule for every storage, so that what one takes, all take."""

import re

from stylegram.common.errors import InvalidObjectName

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+@-]*")
# Google Cloud Storage takes 1,024 bytes; folders take 255 a segment and 4,096 a path with the root before it.
_MAX_SEGMENT = 200
_MAX_NAME = 900


def check(name: str) -> str:
    """Return `name` if it is a relative path of plain segments.

    >>> check("runs/42/result.png")
    'runs/42/result.png'

    Raises:
        InvalidObjectName: it is absolute, empty, too long, has `.` or `..` or a hidden segment, or a character
            that some storage or shell would read as something else.
    """
    segments = name.split("/")
    plain = all(len(segment) <= _MAX_SEGMENT and _SEGMENT.fullmatch(segment) for segment in segments)
    if not plain or len(name) > _MAX_NAME:
        raise InvalidObjectName(
            f"{name[:80]!r} cannot name an object.",
            advice="Use segments of letters, digits and ._=+@- between single slashes; none may start with a dot.",
        )
    return name
