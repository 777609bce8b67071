"""Posts go out on two accounts while everything goes wrong, and each goes out once, or waits for a person.

One account is behind Instagram's private API and one behind the Graph API: fakes that the real clients talk to, which
drop sockets before and after a post was accepted, refuse, and want to be left alone. The publishers are killed again
and again, in each state that a post can be in. First nobody is needed, then nobody comes who is, then a person does,
who looks at the account and has nothing but the commands.

By default it is a short storm; `make chaos` asks for all of it with `STYLEGRAM_CHAOS_POSTS=1000`.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

import postgres_server
from instagram_fake import FakePost, slow
from publishing_storm import SECONDS_HELD, Front, Job, app_front, graph_front, jobs_of, leave, leave_assets
from stylegram.common.database import migrate
from stylegram.common.messages import NEEDS_REVIEW, PostFailed, PostFeedback, PostPublished, PostWaiting, decode
from stylegram.common.topology import LOGGER_EVENTS, PUBLISHER_POSTS
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import AccountRow, AccountState, PostRow, PostState

POSTS = int(os.environ.get("STYLEGRAM_CHAOS_POSTS", "80"))
SEED = int(os.environ.get("STYLEGRAM_CHAOS_SEEDS", "1").split(",")[0])
# Of requests, first and at last.
SHARES = (0.15, 0.1)
# Seconds for all of it: a post that never ends is a failure, not a long test.
PATIENCE = 900.0
# Of each account, of which so many may be new at a time.
BATCH = 25
# In each state.
POSTS_PER_KILL = 40
# Seconds that nothing comes of, for nobody helps.
STALLED = 15.0
DEADLY = (PostState.PREPARED, PostState.UPLOADING, PostState.COMMITTING, PostState.PUBLISHED)
ENDS = (PostState.PUBLISHED, PostState.FAILED, PostState.NEEDS_REVIEW)
# How publishers end: as they are asked to, killed, or too young to know what they are asked.
MANNERS = (0, -signal.SIGKILL, -signal.SIGTERM)


@dataclass(frozen=True)
class Target:
    """A post at which a publisher works just now; once somebody died over it, it is one no more."""

    key: str
    holder: str | None
    sequence: int


@dataclass
class Campaign:
    """The storm over one account.

    Args:
        front: the account.
        engine: of the ledger's database, which is only read.
        rng: decides.
        posts: how many go there.
    """

    front: Front
    engine: Engine
    rng: random.Random
    posts: int
    over: threading.Event
    requests: list[Job] = field(init=False)
    publisher: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """By the state in which they left a post."""
    deeds: Counter[str] = field(default_factory=Counter)
    """What a person did, and what else happened."""
    ghosts: set[Target] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    told: float = 0.0

    # How things stand.

    def rows(self) -> list[PostRow]:
        return Ledger(self.engine).posts(account=self.front.ledger_account, limit=self.posts + 1)

    def counts(self) -> Counter[PostState]:
        with self.engine.connect() as connection:
            wanted = select(PostRow.state).where(PostRow.account == self.front.ledger_account)
            return Counter(connection.scalars(wanted))

    def state(self) -> AccountState:
        with self.engine.connect() as connection:
            wanted = select(AccountRow.state).where(AccountRow.account == self.front.ledger_account)
            return connection.scalar(wanted) or AccountState.ACTIVE

    def target(self, state: PostState) -> Target | None:
        """A post that somebody is at in that state; a published one is so until that was told."""
        is_told = state is PostState.PUBLISHED
        busy = PostRow.announced < PostRow.sequence if is_told else PostRow.holder.is_not(None)
        wanted = select(PostRow.key, PostRow.holder, PostRow.sequence).where(
            PostRow.account == self.front.ledger_account, PostRow.state == state, busy
        )
        with self.engine.connect() as connection:
            targets = {Target(*row) for row in connection.execute(wanted)}
        return next(iter(targets - self.ghosts), None)

    def say(self, what: str = "", *, now: bool = False) -> None:
        """Long work shows that it goes on."""
        if not now and time.monotonic() - self.told < 10:
            return
        self.told = time.monotonic()
        counts = {str(state): number for state, number in sorted(self.counts().items())}
        seconds = time.monotonic() - self.began
        print(  # noqa: T201
            f"{seconds:4.0f} s {self.front.name}: {what} {counts}, out {len(self.front.account.posts)},"
            f" killed {dict(self.kills)}, {dict(self.deeds)}",
            flush=True,
        )
        assert seconds < PATIENCE, "it never ends"
        assert not self.over.is_set(), "the other account has failed"

    # What happens.

    def __post_init__(self) -> None:
        self.requests = list(self.front.jobs)

    def start(self) -> None:
        self.publisher = self.front.nursery.publish()

    def end(self, how: signal.Signals) -> int:
        os.kill(self.publisher, how)
        return self.front.nursery.wait(self.publisher)

    def feed(self, *, whole: bool = False) -> None:
        """Ask for more posts, unless many wait already."""
        counts = self.counts()
        waiting = counts.total() - sum(counts[state] for state in ENDS) + self.front.broker.depth(PUBLISHER_POSTS.name)
        kept = 0 if whole else self.posts // 10
        while self.requests and len(self.requests) > kept and (whole or waiting < BATCH):
            job = self.requests.pop(0)
            self.front.broker.publish(job.request())
            waiting += len(job.row_kinds)

    def strike(self) -> None:
        """Kill the publisher over a post, in the state that was hit least, and have another take its place."""
        least = min(self.kills[str(state)] for state in DEADLY)
        state = self.rng.choice([state for state in DEADLY if self.kills[str(state)] == least])
        self.slow_down(state)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            if target := self.target(state):
                self.end(signal.SIGKILL)
                if self.target(state) == target:
                    self.kills[str(state)] += 1
                else:
                    self.deeds["killed a moment too late"] += 1
                # What the dead one held nobody has.
                self.ghosts |= {found for each in DEADLY if (found := self.target(each))}
                self.start()
                return
            time.sleep(0.001)

    def slow_down(self, state: PostState) -> None:
        """Have what is to be interrupted take its time."""
        front = self.front
        if state is PostState.COMMITTING:
            front.faults.add(slow(0.3, acts=self.rng.random() < 0.7), call=front.commit_call)
        elif state is PostState.UPLOADING and self.rng.random() < 0.5:
            front.faults.add(slow(0.1), call=front.upload_call)
        elif state is PostState.PUBLISHED and front.link_call:
            front.faults.add(slow(0.1), call=front.link_call)

    def replace(self) -> None:
        """Have another publisher begin before the old one ends, as in a rollout."""
        old = self.publisher
        self.start()
        time.sleep(self.rng.uniform(0, 1))
        new, self.publisher = self.publisher, old
        code = self.end(self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
        assert code in MANNERS
        self.publisher = new
        self.deeds["replaced"] += 1

    def harm(self) -> None:
        """Some harm, unless there was enough for so many posts."""
        counts = self.counts()
        progress = sum(counts[state] for state in ENDS) / self.posts
        if self.kills.total() < len(DEADLY) * (1 + progress * self.posts / POSTS_PER_KILL):
            self.strike()
        elif self.deeds["replaced"] < 1 + progress * self.posts / POSTS_PER_KILL:
            self.replace()
        time.sleep(self.rng.uniform(0, 0.3))

    # The three parts.

    def run(self) -> None:
        try:
            self.play()
        except BaseException:
            self.over.set()
            raise

    def play(self) -> None:
        assert self.front.log_in(), self.front.nursery.log.with_suffix(".err").read_text()
        self.start()
        self.nobody_is_needed()
        self.nobody_comes()
        self.somebody_comes()
        self.it_is_over()

    def nobody_is_needed(self) -> None:
        self.front.faults.storm(self.front.passing, share=SHARES[0], seed=self.rng.randrange(2**32))
        ended, since = 0, time.monotonic()
        while ended < 0.4 * self.posts and time.monotonic() - since < STALLED:
            self.feed()
            self.harm()
            counts = self.counts()
            if ended != (now := sum(counts[state] for state in ENDS)):
                ended, since = now, time.monotonic()
            self.say("nobody is needed:")
        assert self.state() is AccountState.ACTIVE
        self.look("nobody was needed:")

    def nobody_comes(self) -> None:
        """The account is halted, and left alone from then on, whoever dies and comes again."""
        self.start()
        self.front.faults.storm(self.front.halting, share=0.5, seed=self.rng.randrange(2**32))
        while self.state() is AccountState.ACTIVE:
            self.feed()
            time.sleep(0.05)
            self.say("nobody comes:")
        time.sleep(0.5)  # for what is on its way
        asked = self.front.count()
        self.end(signal.SIGKILL)
        self.start()
        time.sleep(SECONDS_HELD + 0.5)
        assert self.front.count() == asked, "an account that wants peace was asked something"
        self.look(f"nobody came ({self.state()}):")

    def somebody_comes(self) -> None:
        self.start()
        self.front.faults.storm(
            (*self.front.passing, *self.front.halting), share=SHARES[1], seed=self.rng.randrange(2**32)
        )
        while not self.is_done(without=self.posts // 10):
            self.feed()
            self.act()
            self.harm()
            self.say("somebody comes:")
        self.ask_first()
        while not self.is_done(without=2):
            self.act()
            self.harm()
            self.say("somebody is asked:")
        self.front.faults.calm()
        while any(row.announced < row.sequence for row in self.rows() if row.state is PostState.PUBLISHED):
            self.act()
            time.sleep(0.1)
            self.say("all are told of:")

    def it_is_over(self) -> None:
        assert self.end(signal.SIGTERM) in MANNERS
        self.say("over:", now=True)
        assert self.counts() == {PostState.PUBLISHED: self.posts - 2, PostState.PREPARED: 1, PostState.FAILED: 1}
        check_posts(self)
        check_events(self)
        assert len(self.front.account.posts) == self.posts - 2
        assert set(self.kills) == set(map(str, DEADLY)), "there are states in which nobody was killed"
        assert not self.front.complaints
        assert not self.front.broker.dead_letters(PUBLISHER_POSTS.name)

    def is_done(self, *, without: int) -> bool:
        return self.counts()[PostState.PUBLISHED] >= self.posts - max(without, 2)

    def look(self, what: str) -> None:
        """Whether all is as it should be, while nothing moves."""
        self.end(signal.SIGKILL)
        self.say(what, now=True)
        check_posts(self)

    # A person.

    def command(self, *words: str) -> str:
        done = self.front.nursery.publisher_command(*words)
        assert done.code == 0, done.err
        self.deeds[" ".join(words[:2])] += 1
        return done.out

    def act(self) -> None:
        """What a person does who is told that something is wrong."""
        account = self.front.ledger_account
        match self.state():
            case AccountState.LOGIN_NEEDED:
                self.deeds["login"] += 1
                if self.front.log_in() and self.front.name == "graph":
                    # Its token is a setting.
                    self.end(signal.SIGTERM)
                    self.start()
                deadline = time.monotonic() + 3
                while self.state() is AccountState.LOGIN_NEEDED and time.monotonic() < deadline:
                    time.sleep(0.05)
            case AccountState.COOLING | AccountState.STOPPED:
                self.command("account", "resume", account)
        counts = self.counts()
        if counts[PostState.NEEDS_REVIEW] + counts[PostState.FAILED] == 0:
            return
        only = ("--only", "needs_review", "--only", "failed")
        out = self.front.out()
        for line in self.command("posts", "list", "--json", "--limit", "1000", *only).splitlines():
            row = json.loads(line)
            if row["account"] == account:
                self.decide(row["key"], row["state"], out.get(row["key"], []))

    def decide(self, key: str, state: str, out: list[FakePost]) -> None:
        if state == "needs_review" and out:
            self.command("posts", "resolve", key, "--published", address(out[0]))
            return
        if state == "needs_review":
            self.command("posts", "resolve", key, "--not-published")
        if key != self.unwanted():
            self.command("posts", "retry", key)

    def ask_first(self) -> None:
        """The last posts wait for a yes, which all but two get."""
        self.command("account", "approval", self.front.ledger_account, "on")
        self.feed(whole=True)
        while self.counts().total() < self.posts or self.front.broker.depth(PUBLISHER_POSTS.name):
            time.sleep(0.1)
        waiting = [row.key for row in self.rows() if row.state is PostState.PREPARED and row.approved_at is None]
        wanted = [key for key in waiting if key not in (self.unanswered(), self.unwanted())]
        self.command("posts", "reject", self.unwanted())
        self.command("posts", "approve", *wanted)

    def unanswered(self) -> str:
        return self.front.key(self.front.jobs[-1], "photo")

    def unwanted(self) -> str:
        return self.front.key(self.front.jobs[-2], "photo")


def address(post: FakePost) -> str:
    """Where a person finds it."""
    return f"https://www.instagram.com/p/{post.code}/"


def check_posts(campaign: Campaign) -> None:
    """What the ledger says is so on the account, and nothing is there twice."""
    rows, out = {row.key: row for row in campaign.rows()}, campaign.front.out()
    twice = {key: [post.media_id for post in posts] for key, posts in out.items() if len(posts) > 1}
    assert not twice, "posts went out more than once"
    assert set(out) <= set(rows)
    for key, row in rows.items():
        post = out[key][0] if key in out else None
        match row.state:
            case PostState.PUBLISHED:
                assert post, f"{key} is not out"
                assert post.media_id == row.media_id or address(post) == row.url
            case PostState.PREPARED | PostState.UPLOADING | PostState.FAILED:
                assert post is None, f"{key} is out, and {row.state}: {row.reason}"
            case PostState.COMMITTING:
                pass
            case PostState.NEEDS_REVIEW:
                assert row.reason
                assert f"posts resolve {key}" in row.reason


def check_events(campaign: Campaign) -> None:
    """Each post that is out was told of, and none as a failure once it was."""
    said: defaultdict[str, list[PostWaiting | PostPublished | PostFailed]] = defaultdict(list)
    broker = campaign.front.broker
    while delivery := broker.receive(LOGGER_EVENTS.name):
        message = decode(delivery.body)
        assert isinstance(message, PostWaiting | PostPublished | PostFailed | PostFeedback)
        if not isinstance(message, PostFeedback):
            said[message.post].append(message)
        broker.ack(delivery)
    out = campaign.front.out()
    keys = campaign.front.keys()
    for row in campaign.rows():
        events = said[row.key]
        if row.state is not PostState.PUBLISHED:
            assert not [event for event in events if isinstance(event, PostPublished)]
            continue
        assert isinstance(last := events[-1], PostPublished)
        assert (last.kind, last.account, last.job_id) == (row.kind, row.account, keys[row.key][0].id)
        assert last.media_id == row.media_id
        [post] = out[row.key]
        late = [event for event in events if isinstance(event, PostFailed) and event.sent_at > post.taken_at]
        assert {event.error_code for event in late} <= {NEEDS_REVIEW}


@pytest.fixture
def campaigns(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Campaign]]:
    with ExitStack() as stack:
        if postgres_server.find_programs():
            url = stack.enter_context(request.getfixturevalue("postgresql").database())
        else:
            url = f"sqlite:///{tmp_path}/ledger.sqlite"
        engine = create_engine(url)
        stack.callback(engine.dispose)
        migrate(engine, "publisher")
        campaigns = []
        over = threading.Event()
        for number, open_front in enumerate((app_front, graph_front)):
            front = stack.enter_context(open_front(tmp_path / open_front.__name__, url))
            front.jobs = jobs_of(front.name, POSTS // 2)
            leave_assets(front.storage)
            for job in front.jobs:
                leave(job, front.storage)
            rng = random.Random(f"{SEED} {number}")
            campaigns.append(Campaign(front, engine, rng, POSTS // 2, over))
        yield campaigns


def test_every_post_goes_out_once(campaigns: list[Campaign]) -> None:
    with ThreadPoolExecutor() as pool:
        done, _ = wait([pool.submit(campaign.run) for campaign in campaigns], return_when=FIRST_EXCEPTION)
        # The other fails for this one's sake.
        for end in done:
            end.result()
    for campaign in campaigns:
        faults = campaign.front.faults.happened
        print(  # noqa: T201  (pytest -s)
            f"{campaign.front.name}: {campaign.posts} posts, {campaign.front.count()} requests, {faults.total()} faults"
            f" {dict(faults.most_common())}; kills by state {dict(campaign.kills)}; {dict(campaign.deeds)}"
        )
