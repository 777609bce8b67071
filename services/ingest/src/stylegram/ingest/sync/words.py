"""What a sync did, in words."""

from stylegram.common.records import Role
from stylegram.ingest.sync.report import SyncReport

NAMES = {Role.CONTENT: "photographs", Role.STYLE: "paintings"}
"""What people call the pictures of a role."""


def summary(report: SyncReport) -> str:
    """What was done, in a line.

    >>> summary(SyncReport(Role.CONTENT, added=2, unchanged=3))
    '2 new, 3 known'
    """
    counts = {
        "new": report.added,
        "changed": report.changed,
        "copies": report.duplicates,
        "known": report.unchanged,
        "refused": report.quarantined,
        "unreadable": report.unreadable,
        "gone": report.removed,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


def printable(text: str) -> str:
    """On one line; names may have line breaks in them, and what terminals obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
