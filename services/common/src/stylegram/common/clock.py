"""The time, always in UTC and always aware of it."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """The current time with its time zone, UTC."""
    return datetime.now(UTC)
