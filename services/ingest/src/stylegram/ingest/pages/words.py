"""Names and times as people write them."""

from datetime import datetime
from pathlib import PurePath

from stylegram.common.clock import utcnow


def title_of(file_name: str | None) -> str:
    """The file's name as a person would write it.

    >>> title_of("orchard_at_evening.jpg"), title_of(None)
    ('Orchard at evening', 'unknown')
    """
    if not file_name:
        return "unknown"
    words = " ".join(PurePath(file_name).stem.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:] or file_name


def ago(when: datetime) -> str:
    """How long ago that was, roughly, as in `5 min ago`."""
    seconds = (utcnow() - when).total_seconds()
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """A time span in its largest unit.

    >>> span(20.4), span(300), span(200_000)
    ('20 s', '5 min', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
