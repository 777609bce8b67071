"""A month of posts: what went out on which day, and what is due next."""

import calendar
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self

from stylegram.common.clock import utcnow
from stylegram.ingest.pages.posts.shown import ShownPost

_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
# What the calendar can show, with a month to either side of it.
_YEARS = range(1970, 9999)
# In a day's square; the day itself has all.
MOST_SHOWN = 6


@dataclass(frozen=True)
class Month:
    """A month by the clocks of a time zone.

    Args:
        year: of the Gregorian calendar.
        number: 1 … 12.
        zone: whose days these are.
    """

    year: int
    number: int
    zone: tzinfo

    @classmethod
    def of(cls, text: str | None, zone: tzinfo) -> Self:
        """The month of a text like 2026-11; this one where it is none."""
        found = _MONTH.fullmatch(text or "")
        if found and int(found[1]) in _YEARS and 1 <= int(found[2]) <= 12:
            return cls(int(found[1]), int(found[2]), zone)
        today = utcnow().astimezone(zone)
        return cls(today.year, today.month, zone)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def title(self) -> str:
        """As in November 2026."""
        return f"{calendar.month_name[self.number]} {self.year}"

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return begin_of(date(self.year, self.number, 1), self.zone)

    @property
    def end(self) -> datetime:
        """The first moment of the next month."""
        return self.following.begin

    @property
    def previous(self) -> Self:
        """The month before."""
        return type(self)(self.year - (self.number == 1), (self.number - 2) % 12 + 1, self.zone)

    @property
    def following(self) -> Self:
        """The month after."""
        return type(self)(self.year + (self.number == 12), self.number % 12 + 1, self.zone)

    def days(self, posts: Sequence[ShownPost], due: Sequence[tuple[datetime, ShownPost]]) -> list["Day"]:
        """Its days, from the Monday of the first week to the Sunday of the last.

        Args:
            posts: those that went out.
            due: what goes out next, and when.
        """
        out, next_ones = defaultdict(list), defaultdict(list)
        for post in sorted(posts, key=lambda post: post.moment):
            out[post.moment.astimezone(self.zone).date()].append(post)
        now = utcnow().astimezone(self.zone)
        for moment, post in due:
            there = moment.astimezone(self.zone)
            next_ones[there.date()].append(("due now" if there <= now else f"due {there:%H:%M}", post))
        weeks = calendar.Calendar().monthdatescalendar(self.year, self.number)
        return [
            Day(day, day.month == self.number, day == now.date(), out[day], next_ones[day])
            for week in weeks
            for day in week
        ]


@dataclass(frozen=True)
class Day:
    """A day of the calendar.

    Args:
        date: which.
        is_of_month: whether it is of the month that is shown.
        is_today: whether it is today.
        posts: what went out, in order.
        due: when something is due, as in `due 14:05`, and what.
    """

    date: date
    is_of_month: bool
    is_today: bool
    posts: Sequence[ShownPost]
    due: Sequence[tuple[str, ShownPost]]

    @property
    def title(self) -> str:
        """As in Saturday 21 November."""
        return f"{self.date:%A} {self.date.day} {self.date:%B}"

    @property
    def shown(self) -> Sequence[ShownPost]:
        """As many of the posts as there is room for."""
        return self.posts[:MOST_SHOWN]


def begin_of(day: date, zone: tzinfo) -> datetime:
    """The day's first moment there, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def span_of(text: str | None, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """When the day of a text like 2026-11-21 begins and ends there; None where it is none."""
    try:
        day = date.fromisoformat(text or "")
        return begin_of(day, zone), begin_of(day + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        return None
