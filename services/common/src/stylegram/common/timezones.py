"""Time zones by name, as settings have them."""

from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def timezone_of(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        LookupError: there is none of that name.
        ValueError: it is no name.
    """
    # Slim images have no time zone database, and UTC needs none.
    return UTC if name == "UTC" else ZoneInfo(name)


def _known(name: str) -> str:
    try:
        timezone_of(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"'{name}' is no time zone that this machine knows; write one as in Europe/Berlin, or UTC"
        ) from None
    return name


TimezoneName = Annotated[str, AfterValidator(_known)]
"""A setting that `timezone_of` understands."""
