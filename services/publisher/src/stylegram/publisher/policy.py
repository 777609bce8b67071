"""When posts may go out: in which windows, how many a day, how far apart.

Everything here is a pure function of what the database holds, so that a restart forgets nothing.

>>> from datetime import UTC, datetime, timedelta
>>> policy = Policy(windows_of("08:00-11:00, mon-fri 17:30-21:00"), UTC, daily_budget=3)
>>> saturday = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
>>> print(policy.earliest(saturday, since=saturday, next_post_at=None, recent=()))
2026-11-22 08:00:00+00:00
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, TypeAdapter
from pydantic_settings import NoDecode

from stylegram.common.timezones import timezone_of

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_DAY_MINUTES = 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAME = "|".join(_DAYS)
_WINDOW = re.compile(
    rf"(?:(?P<first>{_DAY_NAME})(?:\s*[-–]\s*(?P<last>{_DAY_NAME}))?\s+)?"
    r"(?P<start>(?:[01]?\d|2[0-3]):[0-5]\d)\s*[-–]\s*(?P<end>(?:[01]?\d|2[0-3]):[0-5]\d|24:00)",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Window:
    """A time of day at which posts go out.

    Args:
        start: minutes after midnight by the clock on the wall, 0 to 1439.
        end: likewise, the first minute that is outside; beyond 1440 where it passes midnight.
        days: on which it starts; 0 is Monday.
    """

    start: int
    end: int
    days: frozenset[int] = frozenset(range(len(_DAYS)))

    def has(self, weekday: int, minute: int) -> bool:
        """Whether it is open at that minute of that day, 0 being Monday and midnight."""
        return (weekday in self.days and self.start <= minute < self.end) or (
            (weekday - 1) % len(_DAYS) in self.days and minute + _DAY_MINUTES < self.end
        )


def windows_of(text: str) -> tuple[Window, ...]:
    """The windows that the text tells, as '08:00-11:00, mon-fri 17:30-21:00'; none where it is empty.

    Each is on every day, or on those before it; one that ends before it starts passes midnight.

    Raises:
        ValueError: it cannot be understood.
    """
    return tuple(_window_of(part) for part in text.split(",")) if text.strip() else ()


def _window_of(text: str) -> Window:
    found = _WINDOW.fullmatch(text.strip())
    if not found:
        raise ValueError(
            f"'{text.strip()}' is no window; write one as 08:00-11:00, as sat 10:00-14:00 or as mon-fri 17:30-21:00"
        )
    start, end = _minutes_of(found["start"]), _minutes_of(found["end"])
    if start == end:
        raise ValueError(f"'{text.strip()}' starts as it ends; write the whole day as 00:00-24:00")
    if end < start:
        end += _DAY_MINUTES
    if not found["first"]:
        return Window(start, end)
    first, last = (_DAYS.index(name.lower()) for name in (found["first"], found["last"] or found["first"]))
    return Window(start, end, frozenset((first + n) % len(_DAYS) for n in range((last - first) % len(_DAYS) + 1)))


def _minutes_of(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _read_windows(value: object) -> object:
    return windows_of(value) if isinstance(value, str) else value


# NoDecode: settings would take what is in the environment for JSON.
Windows = Annotated[tuple[Window, ...], NoDecode, BeforeValidator(_read_windows)]
"""A setting that `windows_of` understands."""


def _zone(given: object) -> object:
    return given if isinstance(given, tzinfo) else timezone_of(str(given))


_Timezone = Annotated[tzinfo, PlainValidator(_zone), PlainSerializer(str)]


@dataclass(frozen=True)
class Policy:
    """What an account's posts keep to.

    Args:
        windows: when they go out; at any time where there are none.
        timezone: of the windows, and of what people read.
        daily_budget: posts in any 24 hours at most, 1 at least; None for any number.
        spacing: between two posts.
        jitter: share of it, 0 to 1, by which chance makes it longer.
        warm_up: until a new account has the whole budget.
        dry_run: whether posts are rehearsed, each once, rather than posted.
    """

    windows: tuple[Window, ...] = ()
    timezone: _Timezone = UTC
    daily_budget: int | None = None
    spacing: timedelta = timedelta(0)
    jitter: float = 0.0
    warm_up: timedelta = timedelta(0)
    dry_run: bool = False

    def budget(self, since: datetime, now: datetime) -> int | None:
        """Posts in the 24 hours before `now` at most: of a new account one, and more and more; None for any number.

        Args:
            since: when the warm-up began.
            now: 24 hours of which time end now.
        """
        if self.daily_budget is None:
            return None
        warm = max(now - since, timedelta(0))
        if warm >= self.warm_up:
            return self.daily_budget
        return 1 + (self.daily_budget - 1) * warm // self.warm_up

    def left(self, now: datetime, *, since: datetime, recent: Sequence[datetime]) -> int | None:
        """How many more posts the budget has room for at `now`; None for any number. See `earliest`."""
        budget = self.budget(since, now)
        return None if budget is None else max(0, budget - len(_within_a_day(now, recent)))

    def earliest(
        self, now: datetime, *, since: datetime, next_post_at: datetime | None, recent: Sequence[datetime]
    ) -> datetime:
        """When the next post may go out; `now` if it may at once.

        Args:
            now: not before this.
            since: when the warm-up began.
            next_post_at: nor before this, see `next_after`.
            recent: when posts went out, or may have, that are not older than a day; in any order.
        """
        at = now if next_post_at is None else max(now, next_post_at)
        while True:
            at = self._opening(at)
            if not self._is_spent(at, since, recent):
                return at
            at = min(self._reliefs(at, since, recent))

    def reason(
        self, now: datetime, *, since: datetime, next_post_at: datetime | None, recent: Sequence[datetime]
    ) -> str:
        """What `earliest` says, for people, as in "the day's 3 posts are out; the next is due 2026-11-21 09:10 CET"."""
        due = self.earliest(now, since=since, next_post_at=next_post_at, recent=recent)
        if due == now:
            verdict = "the next may go out at once"
        else:
            verdict = f"the next is due {due.astimezone(self.timezone):%Y-%m-%d %H:%M %Z}"
            if due == self._opening(now):
                verdict += ", when a window opens"
            elif not self._is_spent(now, since, recent):
                verdict += ", for there is a pause between two"
        budget = self.budget(since, now)
        if budget is None or self.daily_budget is None:
            return verdict
        count = len(_within_a_day(now, recent))
        if budget == 1:
            out = f"the day's one post is {'out' if count else 'not out yet'}"
        elif count >= budget:
            out = f"the day's {budget} posts are out"
        else:
            out = f"{count or 'none'} of the day's {budget} posts {'are' if count > 1 else 'is'} out"
        if budget < self.daily_budget:
            whole = (since + self.warm_up).astimezone(self.timezone)
            out += f" (the account is new: {self.daily_budget} a day from {whole:%Y-%m-%d} on)"
        return f"{out}; {verdict}"

    def next_after(self, published_at: datetime, chance: float) -> datetime | None:
        """When the post after one may go out at the earliest; None if there is no pause between two.

        Args:
            published_at: when the one did.
            chance: 0 to 1, drawn once for each pause.
        """
        return published_at + self.spacing * (1 + self.jitter * chance) if self.spacing else None

    def _is_spent(self, at: datetime, since: datetime, recent: Sequence[datetime]) -> bool:
        return self.left(at, since=since, recent=recent) == 0

    def _reliefs(self, at: datetime, since: datetime, recent: Sequence[datetime]) -> Iterator[datetime]:
        """When there is more of the budget than `at` that time, at which it is spent."""
        yield from (post + _DAY for post in _within_a_day(at, recent))
        budget = self.budget(since, at)
        if budget is not None and self.daily_budget is not None and budget < self.daily_budget:
            # Rounded up to the microsecond: then, and not just before, the budget is one more.
            yield since - (-(self.warm_up * budget) // (self.daily_budget - 1))

    def _opening(self, at: datetime) -> datetime:
        """The first time from `at` on at which a window is open."""
        if self._is_open(at):
            return at
        today = at.astimezone(self.timezone).date()
        openings = itertools.chain.from_iterable(self._minutes_to_try(today + _DAY * n) for n in itertools.count())
        return next(minute for minute in openings if minute >= at and self._is_open(minute))

    def _is_open(self, at: datetime) -> bool:
        clock = at.astimezone(self.timezone)
        minute = clock.hour * 60 + clock.minute
        return not self.windows or any(window.has(clock.weekday(), minute) for window in self.windows)

    def _minutes_to_try(self, day: date) -> Iterator[datetime]:
        """Times at which a window may open on that day, in their order."""
        midnight, next_midnight = self._midnight(day), self._midnight(day + _DAY)
        if next_midnight - midnight == _DAY:
            yield from (midnight + _MINUTE * start for start in sorted(window.start for window in self.windows))
        else:
            # The clock is changed: times are left out, and windows end early or open twice. Each minute is asked.
            yield from (midnight + _MINUTE * n for n in range((next_midnight - midnight) // _MINUTE))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.timezone).astimezone(UTC)


_policies = TypeAdapter(Policy)


def written(policy: Policy) -> str:
    """The policy as it is kept, for those who look after posts and do not know the publisher's settings.

    >>> read(written(Policy(daily_budget=3))).daily_budget
    3
    """
    return _policies.dump_json(policy).decode()


def read(text: str) -> Policy:
    """The policy that was written so.

    Raises:
        ValueError: another version wrote it, which had other words.
    """
    return _policies.validate_json(text)


def _within_a_day(now: datetime, times: Sequence[datetime]) -> list[datetime]:
    return [then for then in times if then > now - _DAY]
