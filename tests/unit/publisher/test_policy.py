"""When posts may go out, whatever the windows, the budget and the clock."""

import functools
import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stylegram.common.service import read_settings
from stylegram.publisher.policy import Policy, Window, Windows, windows_of
from stylegram.publisher.settings import PublisherSettings

BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# In Berlin, 02:00 of this day is 03:00, and of that day 03:00 is 02:00.
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)
START = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)  # a Monday

WINDOWS = st.builds(
    lambda start, length, days: Window(start, start + length, days),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.frozensets(st.integers(0, 6), min_size=1),
)
POLICIES = st.builds(
    Policy,
    windows=st.lists(WINDOWS, max_size=3).map(tuple),
    timezone=st.sampled_from([UTC, BERLIN, ZoneInfo("America/Havana"), timezone(timedelta(hours=5, minutes=45))]),
    daily_budget=st.none() | st.integers(1, 30),
    spacing=st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes)),
    jitter=st.floats(0, 1),
    warm_up=st.integers(0, 30 * 24).map(lambda hours: timedelta(hours=hours)),
)
TIMES = st.integers(-500_000, 100_000).map(lambda minutes: START + minutes * MINUTE)
# Around the changes of the clock, where chance alone would seldom look.
NIGHTS = st.builds(
    lambda change, minutes: change.astimezone(UTC) + minutes * MINUTE,
    st.sampled_from([SPRING, AUTUMN]),
    st.integers(-1440, 2880),
)


@functools.cache
def minutes_of_week(windows: tuple[Window, ...]) -> frozenset[int]:
    days = ((window, day) for window in windows for day in window.days)
    return frozenset((day * 1440 + n) % (7 * 1440) for window, day in days for n in range(window.start, window.end))


def is_inside(policy: Policy, at: datetime) -> bool:
    """Whether the clock on the wall shows a time in a window."""
    clock = at.astimezone(policy.timezone)
    minute = clock.weekday() * 1440 + clock.hour * 60 + clock.minute
    return not policy.windows or minute in minutes_of_week(policy.windows)


def due(policy: Policy, now: datetime, recent: Sequence[datetime] = (), since: datetime | None = None) -> datetime:
    return policy.earliest(now, since=since or now - 365 * DAY, next_post_at=None, recent=recent)


def berlin(text: str) -> Policy:
    return Policy(windows_of(text), BERLIN)


# Windows, as they are written


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("", ()),
        ("  ", ()),
        ("08:00-11:00", (Window(480, 660),)),
        ("8:00 – 11:00", (Window(480, 660),)),
        ("00:00-24:00", (Window(0, 1440),)),
        ("22:00-01:00", (Window(1320, 1500),)),
        ("22:00-00:00", (Window(1320, 1440),)),
        ("Sat 10:00-14:00", (Window(600, 840, frozenset({5})),)),
        ("mon-fri 17:30-21:00", (Window(1050, 1260, frozenset(range(5))),)),
        ("fri-mon 17:30-21:00", (Window(1050, 1260, frozenset({4, 5, 6, 0})),)),
        ("08:00-11:00, sun-sun 09:00-09:01", (Window(480, 660), Window(540, 541, frozenset({6})))),
    ],
)
def test_windows_are_written_as_people_do(text: str, windows: tuple[Window, ...]) -> None:
    assert windows_of(text) == windows
    assert TypeAdapter(Windows).validate_python(text) == windows
    assert TypeAdapter(Windows).validate_python(windows) == windows


@pytest.mark.parametrize(
    "text",
    [
        "8-11",
        "08:00",
        "08:00-25:00",
        "24:00-08:00",
        "08:60-09:00",
        "08:00-08:00",
        "08:00-11:00,",
        "08:00-11:00 17:00-18:00",
        "mon 08:00-11:00; tue 08:00-09:00",
        "funday 08:00-11:00",
        "mon08:00-11:00",
        "٠٨:٠٠-١١:٠٠",
    ],
)
def test_what_is_no_window_is_refused_in_its_own_words(text: str) -> None:
    with pytest.raises(ValidationError, match=r"write (one|the whole day) as"):
        TypeAdapter(Windows).validate_python(text)


def test_the_environment_and_a_file_hold_windows_as_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("settings") / "windows"
    file.write_text("22:00-01:00\n")
    monkeypatch.setenv("STYLEGRAM_POST_WINDOWS_FILE", str(file))
    assert read_settings(PublisherSettings).post_windows == (Window(1320, 1500),)
    monkeypatch.setenv("STYLEGRAM_POST_WINDOWS", "mon-fri 08:00-11:00, 17:30-21:00")
    assert read_settings(PublisherSettings).post_windows == windows_of("mon-fri 08:00-11:00, 17:30-21:00")
    monkeypatch.setenv("STYLEGRAM_POST_WINDOWS", "")
    assert read_settings(PublisherSettings).post_windows == ()


# Windows, as they open


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        # A Monday's night belongs to Monday's window.
        ("mon 22:00-01:00", "2026-11-16 21:59", "2026-11-16 22:00"),
        ("mon 22:00-01:00", "2026-11-17 00:59", "2026-11-17 00:59"),
        ("mon 22:00-01:00", "2026-11-17 01:00", "2026-11-23 22:00"),
        ("sun 22:00-01:00", "2026-11-16 00:30", "2026-11-16 00:30"),
        ("00:00-24:00", "2026-11-17 23:59", "2026-11-17 23:59"),
        ("08:00-11:00, mon-fri 17:30-21:00", "2026-11-20 11:00", "2026-11-20 17:30"),
        ("08:00-11:00, mon-fri 17:30-21:00", "2026-11-21 11:00", "2026-11-22 08:00"),
        # In spring the hour from 02:00 on is left out,
        ("01:30-02:30", "2026-03-29 01:59", "2026-03-29 01:59"),
        ("01:30-02:30", "2026-03-29 03:00", "2026-03-30 01:30"),
        ("02:15-02:45", "2026-03-28 12:00", "2026-03-30 02:15"),
        ("sun 02:15-02:45", "2026-03-28 12:00", "2026-04-05 02:15"),
        ("02:30-03:30", "2026-03-29 01:00", "2026-03-29 03:00"),
        ("08:00-11:00", "2026-03-28 12:00", "2026-03-29 08:00"),
        # and in autumn it comes twice: +01:00 is the second.
        ("02:15-02:45", "2026-10-25 01:00", "2026-10-25 02:15+02:00"),
        ("02:15-02:45", "2026-10-25 02:45+02:00", "2026-10-25 02:15+01:00"),
        ("02:15-02:45", "2026-10-25 02:45+01:00", "2026-10-26 02:15"),
        ("01:30-02:30", "2026-10-25 02:45+02:00", "2026-10-25 02:00+01:00"),
        ("08:00-11:00", "2026-10-24 12:00", "2026-10-25 08:00"),
    ],
)
def test_windows_go_by_the_clock_on_the_wall(windows: str, now: str, opens: str) -> None:
    def at(text: str) -> datetime:
        time = datetime.fromisoformat(text)
        return time if time.tzinfo else time.replace(tzinfo=BERLIN)

    assert due(berlin(windows), at(now).astimezone(UTC)) == at(opens).astimezone(UTC)


@given(POLICIES, TIMES | NIGHTS)
@example(Policy(windows_of("00:30-00:45"), ZoneInfo("America/Havana")), datetime(2026, 3, 7, 12, tzinfo=UTC))
@example(Policy(windows_of("00:30-00:45"), ZoneInfo("America/Havana")), datetime(2026, 11, 1, 4, 50, tzinfo=UTC))
@settings(max_examples=300, deadline=None)
def test_a_post_waits_for_the_very_next_minute_of_a_window(policy: Policy, now: datetime) -> None:
    policy = Policy(policy.windows, policy.timezone)
    at = due(policy, now)
    assert at >= now
    assert is_inside(policy, at)
    if at > now:
        assert not is_inside(policy, now)
        assert not is_inside(policy, at - timedelta(microseconds=1))
        assert not any(is_inside(policy, at - n * MINUTE) for n in range(1, (at - now) // MINUTE + 1))


# The budget


@given(POLICIES, TIMES, TIMES, st.timedeltas(timedelta(0), timedelta(days=40)))
@settings(max_examples=300, deadline=None)
def test_a_warm_up_never_takes_back_what_it_gave(
    policy: Policy, since: datetime, now: datetime, later: timedelta
) -> None:
    before, after = policy.budget(since, now), policy.budget(since, now + later)
    if before is None or after is None:
        assert policy.daily_budget is None
        return
    assert policy.daily_budget is not None
    assert 1 <= before <= after <= policy.daily_budget


def test_a_warm_up_grows_from_one_to_the_whole_budget() -> None:
    policy = Policy(daily_budget=3, warm_up=14 * DAY)
    assert [policy.budget(START, START + n * DAY) for n in range(16)] == [1] * 7 + [2] * 7 + [3] * 2
    assert policy.budget(START, START - DAY) == 1, "two machines' clocks"
    assert Policy(daily_budget=3).budget(START, START) == 3
    assert Policy(warm_up=14 * DAY).budget(START, START) is None


@given(POLICIES, TIMES, st.integers(0, 29))
@settings(max_examples=200, deadline=None)
def test_who_waits_for_the_warm_up_waits_no_longer_than_it_takes(policy: Policy, since: datetime, step: int) -> None:
    policy = Policy(daily_budget=policy.daily_budget, warm_up=policy.warm_up)
    now = since + policy.warm_up * step / 30
    budget = policy.budget(since, now)
    if budget is None:
        return
    at = due(policy, now, [now] * budget, since)
    assert now < at <= now + DAY
    grown = policy.budget(since, at)
    assert grown is not None
    assert grown > budget or at == now + DAY
    assert policy.budget(since, at - timedelta(microseconds=1)) == budget


# Both, as an account lives by them


@given(
    POLICIES, TIMES | NIGHTS, st.none() | st.timedeltas(-DAY, 3 * DAY), st.lists(st.timedeltas(-DAY, HOUR), max_size=40)
)
@settings(max_examples=300, deadline=None)
def test_when_a_post_is_due_it_may_go_out(
    policy: Policy, now: datetime, pause: timedelta | None, ages: list[timedelta]
) -> None:
    next_post_at = None if pause is None else now + pause
    recent = [now + age for age in ages]
    since = now - 3 * DAY
    at = policy.earliest(now, since=since, next_post_at=next_post_at, recent=recent)
    assert at >= max(now, next_post_at or now)
    assert is_inside(policy, at)
    budget = policy.budget(since, at)
    assert budget is None or sum(then > at - DAY for then in recent) < budget
    # What is due stays due: whoever wakes at that time posts.
    assert policy.earliest(at, since=since, next_post_at=next_post_at, recent=recent) == at
    assert policy.reason(now, since=since, next_post_at=next_post_at, recent=recent)


@given(POLICIES, TIMES, st.randoms(use_true_random=False), st.sampled_from([0, 7, 600]))
@settings(max_examples=40, deadline=None)
def test_a_greedy_account_obeys_everything_for_sixty_days(
    policy: Policy, since: datetime, chance: random.Random, dawdling: int
) -> None:
    """It posts whenever it may, or a little later, as its machine pleases."""
    now, next_post_at, posts = since, None, list[datetime]()
    while now < since + 60 * DAY and len(posts) < 400:
        at = policy.earliest(now, since=since, next_post_at=next_post_at, recent=[t for t in posts if t > now - DAY])
        late = at + timedelta(seconds=chance.uniform(0, dawdling))
        if policy.earliest(late, since=since, next_post_at=next_post_at, recent=posts[-40:]) == late:
            at = late
        posts.append(at)
        next_post_at = policy.next_after(at, chance.random())
        now = at if policy.spacing else at + MINUTE

    assert all(is_inside(policy, post) for post in posts)
    assert all(after - before >= policy.spacing for before, after in itertools.pairwise(posts))
    for n, post in enumerate(posts):
        budget = policy.budget(since, post)
        assert budget is None or sum(then > post - DAY for then in posts[: n + 1]) <= budget


def test_a_greedy_account_is_not_held_up_without_need() -> None:
    policy = Policy(windows_of("08:00-11:00, 17:30-21:00"), BERLIN, 3, 2 * HOUR, 0.3, 14 * DAY)
    now, posts = START, list[datetime]()
    while now < START + 60 * DAY:
        posts.append(policy.earliest(now, since=START, next_post_at=policy.next_after(now, 1), recent=posts[-3:]))
        now = posts[-1]
    # One a day in the first week, two in the second, and from then on three; a rolling day makes it a little less.
    assert 7 * 1 + 7 * 2 + 46 * 3 - 6 <= len(posts) <= 7 * 1 + 7 * 2 + 46 * 3 + 3


def test_the_pause_between_two_posts_has_its_share_of_chance() -> None:
    policy = Policy(spacing=2 * HOUR, jitter=0.5)
    assert policy.next_after(START, 0) == START + 2 * HOUR
    assert policy.next_after(START, 0.5) == START + 2.5 * HOUR
    assert policy.next_after(START, 1) == START + 3 * HOUR
    assert Policy(jitter=0.5).next_after(START, 1) is None


# What people are told


@pytest.mark.parametrize(
    ("policy", "next_post_at", "recent", "words"),
    [
        (Policy(), None, 9, "the next may go out at once"),
        (Policy(daily_budget=3), None, 0, "none of the day's 3 posts is out; the next may go out at once"),
        (Policy(daily_budget=3), None, 1, "1 of the day's 3 posts is out; the next may go out at once"),
        (Policy(daily_budget=3), None, 2, "2 of the day's 3 posts are out; the next may go out at once"),
        (
            Policy(daily_budget=3),
            START - HOUR,
            3,
            "the day's 3 posts are out; the next is due 2026-11-17 09:00 UTC",
        ),
        (Policy(daily_budget=1), None, 0, "the day's one post is not out yet; the next may go out at once"),
        (
            Policy(windows_of("08:00-11:00"), BERLIN, daily_budget=1),
            None,
            1,
            "the day's one post is out; the next is due 2026-11-17 10:00 CET",
        ),
        (
            berlin("18:00-21:00"),
            START + HOUR,
            1,
            "the next is due 2026-11-16 18:00 CET, when a window opens",
        ),
        (
            Policy(daily_budget=3, spacing=2 * HOUR),
            START + HOUR,
            1,
            "1 of the day's 3 posts is out; the next is due 2026-11-16 13:00 UTC, for there is a pause between two",
        ),
        (
            Policy(daily_budget=5, warm_up=730 * DAY),
            None,
            3,
            "the day's 3 posts are out (the account is new: 5 a day from 2027-11-16 on);"
            " the next is due 2026-11-17 09:00 UTC",
        ),
    ],
)
def test_people_are_told_why_a_post_waits(
    policy: Policy, next_post_at: datetime | None, recent: int, words: str
) -> None:
    posts = [START - 3 * HOUR + n * HOUR for n in range(recent)]
    assert policy.reason(START, since=START - 365 * DAY, next_post_at=next_post_at, recent=posts) == words


# From the settings


def test_a_public_account_is_careful_unless_somebody_says_otherwise() -> None:
    chosen = read_settings(PublisherSettings, timezone="Europe/Berlin", post_windows="08:00-11:00")
    public = chosen.policy(is_public=True)
    assert public == Policy(windows_of("08:00-11:00"), BERLIN, 3, 2 * HOUR, 0.3, 14 * DAY)
    assert chosen.policy(is_public=False) == Policy(windows_of("08:00-11:00"), BERLIN, None, 0 * HOUR, 0.3)
    bold = {"post_daily_budget": 9, "post_spacing_minutes": 0, "post_warm_up_days": 0, "post_jitter": 0}
    said = read_settings(PublisherSettings, **bold)
    for is_public in (True, False):
        assert said.policy(is_public=is_public) == Policy((), UTC, 9)
