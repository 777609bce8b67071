"""Instagram as a fake: its accounts with what was uploaded and posted, and a plan of what goes wrong.

    instagram = InstagramFake()
    account = instagram.add_account("stylegram")
    instagram.faults.add(DROPPED_AFTER, call="configure")

It speaks no protocol: `instagrapi_fake_http` and `graph_fake_http` put the two APIs in front of it, which ask
`faults.next(call)` at every request what is to go wrong with it.
"""

import base64
import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

_FIRST_MEDIA = 3_500_000_000_000_000_000
_FIRST_USER = 49_000_000_000


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    Args:
        name: for people, as in the list of what happened.
        acts: whether what was asked for happens nevertheless.
        status: of the answer, in place of the right one; 0 leaves the right one.
        body: of the answer: text as it is, or what becomes JSON; None leaves the right one.
        headers: that the answer has beside.
        drops: whether the connection is closed without an answer.
        cut: whether it is closed in the middle of the answer.
        seconds: that pass before the answer.
    """

    name: str
    acts: bool = False
    status: int = 0
    body: Mapping[str, object] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drops: bool = False
    cut: bool = False
    seconds: float = 0.0


DROPPED_BEFORE = Fault("dropped before it was read", drops=True)
DROPPED_AFTER = Fault("dropped after it was accepted", acts=True, drops=True)
HALF_AN_ANSWER = Fault("half an answer", acts=True, cut=True)
NOT_JSON = Fault("an answer that is a page", acts=True, status=200, body="<!DOCTYPE html><title>Instagram</title>")
SERVER_ERROR = Fault("server error", status=500, body="Oops, an error occurred.")
SERVER_ERROR_AFTER = replace(SERVER_ERROR, name="server error after it was accepted", acts=True)
BAD_GATEWAY = Fault("bad gateway", acts=True, status=502, body="<html>502 Bad Gateway</html>")
REQUEST_TIMEOUT = Fault("request timeout", acts=True, status=408, body="")
TOO_MANY = Fault("too many requests", status=429, body="")


def slow(seconds: float, *, acts: bool = True) -> Fault:
    """An answer that takes so long."""
    return Fault(f"answered after {seconds} s", acts=acts, seconds=seconds)


class Faults:
    """The plan: faults that were asked for, in their order, and such as chance brings."""

    def __init__(self) -> None:
        self.happened = Counter[str]()
        """How often each came true, by its name."""
        self._script: list[tuple[str, Fault]] = []
        self._chance = random.Random(0)
        self._share = 0.0
        self._menu: Sequence[tuple[str, Fault]] = ()
        self._lock = threading.Lock()

    def add(self, fault: Fault, *, call: str, times: int = 1) -> None:
        """Have the next requests of that kind go wrong.

        Args:
            fault: what goes wrong.
            call: the start of the call's name, as the API's server calls it; see there.
            times: how often.
        """
        with self._lock:
            self._script += [(call, fault)] * times

    def storm(self, menu: Sequence[tuple[str, Fault]], *, share: float, seed: int) -> None:
        """Have a share of all requests go wrong at random, each with one of the menu's faults for such a call."""
        with self._lock:
            self._menu, self._share, self._chance = menu, share, random.Random(seed)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._script, self._menu = [], ()

    def next(self, call: str) -> Fault | None:
        """What goes wrong with this request; None if nothing does."""
        with self._lock:
            fault = self._scripted(call) or self._drawn(call)
            if fault:
                self.happened[fault.name] += 1
            return fault

    def _scripted(self, call: str) -> Fault | None:
        for position, (start, fault) in enumerate(self._script):
            if call.startswith(start):
                del self._script[position]
                return fault
        return None

    def _drawn(self, call: str) -> Fault | None:
        possible = [fault for start, fault in self._menu if call.startswith(start)]
        if not possible or self._chance.random() >= self._share:
            return None
        return self._chance.choice(possible)


@dataclass
class FakePost:
    """A post as the account shows it.

    Args:
        media_id: its number.
        kind: photo, carousel, story or reel.
        caption: its text.
        files: the media as they were uploaded; a reel's film and then its cover.
        alt_texts: of the pictures.
        taken_at: when it was published.
        upload_id: what the app called the upload; empty where there is none.
    """

    media_id: str
    kind: str
    caption: str
    files: tuple[bytes, ...]
    alt_texts: tuple[str, ...] = ()
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    upload_id: str = ""
    likes: int = 0
    comments: int = 0
    reach: int = 0
    saves: int = 0
    shares: int = 0
    is_hidden: bool = False
    """Whether it is out, but in no list yet."""

    @property
    def code(self) -> str:
        """The short name in its address."""
        number = int(self.media_id)
        return base64.urlsafe_b64encode(number.to_bytes(9, "big")).decode().lstrip("A")


@dataclass
class FakeAccount:
    """Somebody's account."""

    user_id: str
    username: str
    password: str = ""
    totp_seed: str = ""
    """Of its second factor, if it has one."""
    mailed_code: str = ""
    """What is sent by mail to whoever logs in, and asked for, where Instagram wants to be sure."""
    is_business: bool = False
    posts: list[FakePost] = field(default_factory=list)
    """Oldest first."""
    tokens: set[str] = field(default_factory=set)
    """Of the logins that it takes."""
    quota: int = 50
    """Of posts in 24 hours, where the API tells one."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def publish(
        self, kind: str, caption: str, files: Sequence[bytes], *, alt_texts: Sequence[str] = (), upload_id: str = ""
    ) -> FakePost:
        """Show it to the world."""
        with self._lock:
            post = FakePost(
                str(next(_media)), kind, caption, tuple(files), alt_texts=tuple(alt_texts), upload_id=upload_id
            )
            self.posts.append(post)
            return post

    def post(self, media_id: str) -> FakePost | None:
        """The post of that number."""
        return next((post for post in self.posts if post.media_id == media_id), None)

    def find(self, marker: str) -> list[FakePost]:
        """All posts whose captions have the marker: more than one is what must never be."""
        return [post for post in self.posts if marker in post.caption]

    def recent(self) -> list[FakePost]:
        """What lists show, newest first."""
        return [post for post in reversed(self.posts) if not post.is_hidden]


_media = count(_FIRST_MEDIA, 7)


class InstagramFake:
    """The accounts, and what goes wrong."""

    def __init__(self) -> None:
        self.accounts: dict[str, FakeAccount] = {}
        self.faults = Faults()
        self._users = count(_FIRST_USER)

    def add_account(self, username: str, password: str = "", *, is_business: bool = False) -> FakeAccount:
        """A new account."""
        account = FakeAccount(str(next(self._users)), username, password, is_business=is_business)
        self.accounts[username] = account
        return account

    def by_id(self, user_id: str) -> FakeAccount | None:
        """The account of that number."""
        return next((account for account in self.accounts.values() if account.user_id == user_id), None)

    def by_token(self, token: str) -> FakeAccount | None:
        """The account that takes this login."""
        return next((account for account in self.accounts.values() if token in account.tokens), None)
