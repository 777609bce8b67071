"""Posts and accounts as pages show them: which words, which address, which colour."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Literal
from urllib.parse import unquote, urlsplit

from stylegram.common.timezones import timezone_of
from stylegram.common.views.posts import AccountState, AccountView, PostState, PostView

Tone = Literal["", "good", "bad", "warn"]
"""The colour of a badge."""

_KINDS = {"photo": "Photo", "carousel": "Carousel", "story": "Story", "reel": "Reel"}
_TILE = "grid-"
# As the publisher writes times in its words, for logs and terminals too.
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)?\b", re.ASCII)
_POST_STATES: dict[PostState, tuple[str, Tone]] = {
    PostState.PREPARED: ("waiting", ""),
    PostState.UPLOADING: ("going out", "warn"),
    PostState.COMMITTING: ("going out", "warn"),
    PostState.PUBLISHED: ("out", "good"),
    PostState.FAILED: ("failed", "bad"),
    PostState.NEEDS_REVIEW: ("needs review", "warn"),
}
_ACCOUNT_STATES: dict[AccountState, tuple[str, Tone]] = {
    AccountState.ACTIVE: ("active", "good"),
    AccountState.COOLING: ("left alone for a while", "warn"),
    AccountState.LOGIN_NEEDED: ("needs a login", "bad"),
    AccountState.STOPPED: ("stopped", "bad"),
}


@dataclass(frozen=True)
class ShownPost:
    """A post on a page.

    Args:
        view: what the API says of it.
    """

    view: PostView

    @property
    def state(self) -> str:
        """How far it is, in words."""
        if self.waits_for_yes:
            return "waits for a yes"
        return "rejected" if self.view.error_code == "rejected" else _POST_STATES[self.view.state][0]

    @property
    def tone(self) -> Tone:
        """The state's colour."""
        return "warn" if self.waits_for_yes else _POST_STATES[self.view.state][1]

    @property
    def waits_for_yes(self) -> bool:
        """Whether it goes out only when somebody says yes. What an older version left says no pictures' names."""
        return self.may_wait and self.view.approved_at is None and self.view.style is not None

    @property
    def may_wait(self) -> bool:
        """Whether it can still be rejected, or get another caption."""
        return self.view.state is PostState.PREPARED

    @property
    def is_tile(self) -> bool:
        """Whether it is a part of a grid."""
        return self.view.kind.startswith(_TILE)

    @property
    def kind(self) -> str:
        """What it is to the account."""
        if self.is_tile:
            return f"Tile {self.view.kind.removeprefix(_TILE)} of a grid of nine"
        return _KINDS.get(self.view.kind, self.view.kind)

    @property
    def account(self) -> str:
        """The account's name."""
        return account_name(self.view.account)

    @property
    def moment(self) -> datetime:
        """When it went out; if it is not out, when it came."""
        return self.view.published_at or self.view.created_at

    @property
    def link(self) -> str | None:
        """Where it is on the web; a browser follows no other address."""
        url = self.view.url or ""
        return url if url.lower().startswith(("http://", "https://")) else None

    @property
    def file(self) -> str | None:
        """Where it is in a folder."""
        return folder_of(self.view.url) if self.view.url else None


@dataclass(frozen=True)
class ShownAccount:
    """An account on a page.

    Args:
        view: what the API says of it.
    """

    view: AccountView

    @property
    def name(self) -> str:
        """As people call it."""
        return account_name(self.view.account)

    @property
    def folder(self) -> str | None:
        """Where the posts go, if that is a folder."""
        return folder_of(self.view.account)

    @property
    def state(self) -> str:
        """How it stands, in words."""
        return _ACCOUNT_STATES[self.view.state][0]

    @property
    def tone(self) -> Tone:
        """The state's colour."""
        return _ACCOUNT_STATES[self.view.state][1]

    @property
    def outlook(self) -> str:
        """When the next post goes out, or why none does."""
        return plain(self.view.outlook[:1].upper() + self.view.outlook[1:], self.view.account)

    @property
    def may_resume(self) -> bool:
        """Whether somebody has to say that it goes on."""
        return self.view.state is not AccountState.ACTIVE

    @property
    def timezone(self) -> tzinfo:
        """Where its days begin; UTC where this machine does not know the zone."""
        try:
            return timezone_of(self.view.timezone)
        except (LookupError, ValueError, OSError):
            return timezone_of("UTC")


def clock_of(zone: tzinfo) -> Callable[[datetime], str]:
    """What writes times as a clock there shows them.

    >>> clock_of(timezone_of("UTC"))(datetime(2026, 11, 21, 9, 5, tzinfo=timezone_of("UTC")))
    '21 November 2026, 09:05 UTC'
    """

    def when(time: datetime) -> str:
        there = time.astimezone(zone)
        return f"{day_title(there)}, {there:%H:%M %Z}"

    return when


def day_title(day: date) -> str:
    """As in 21 November 2026."""
    return f"{day.day} {day:%B %Y}"


def plain(text: str, account: str) -> str:
    """What the publisher says of an account, with its name and times as pages write them.

    >>> plain("At 2026-11-21 01:00:30 UTC it went to file:///outbox.", "file:///outbox")
    'At 21 November 2026, 01:00 UTC it went to Outbox folder.'
    """

    def written(found: re.Match[str]) -> str:
        try:
            return f"{day_title(date.fromisoformat(found[1]))}, {found[2]}"
        except ValueError:  # as of somebody else's number
            return found[0]

    return _TIME.sub(written, text.replace(account, account_name(account)) if account else text)


def account_name(account: str) -> str:
    """The account as people call it.

    >>> account_name("instagrapi://painter"), account_name("graph://17841400"), account_name("file:///var/outbox")
    ('@painter', 'Instagram 17841400', 'Outbox folder')
    """
    scheme, _, name = account.partition("://")
    match scheme:
        case "file":
            return "Outbox folder"
        case "instagrapi":
            return f"@{name}"
        case "graph":
            return f"Instagram {name}"
        case _:
            return account


def folder_of(url: str) -> str | None:
    """The path that a `file:` URL stands for; None for any other.

    >>> folder_of("file:///var/out%20box")
    '/var/out box'
    """
    try:
        return unquote(urlsplit(url).path) if url.startswith("file:") else None
    except ValueError:  # as of file://[
        return None
