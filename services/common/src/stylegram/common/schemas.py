"""What several services' answers and questions are made of."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

_Item = TypeVar("_Item")


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is beyond the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time that somebody asks for; it says its time zone."""
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Page(BaseModel, Generic[_Item]):
    """A part of a list."""

    model_config = ConfigDict(frozen=True)

    items: list[_Item] = Field(description="In the order that was asked for.")
    next: str | None = Field(description="The cursor of what follows; null at the end.")


class Listing(BaseModel, Generic[_Item]):
    """A list that can grow fields beside its items."""

    items: list[_Item] = Field(description="All of them.")
