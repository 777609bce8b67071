"""A house for a publisher: the real queue, storage and ledger, an outlet that does what a script says, and a
process that dies where one says so."""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Unpack

from PIL import Image
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.consumer import Consumer
from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import (
    PostFailed,
    PostFeedback,
    PostKind,
    PostPublished,
    PostRequest,
    PostWaiting,
    decode,
)
from stylegram.common.ports import Broker, Feedback, Outlet, Post, PublishedPost, SoughtPost
from stylegram.common.records import AssetReference, RunRecord
from stylegram.common.topology import LOGGER_EVENTS, PUBLISHER_POSTS
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.captions import Captions, StyleTitles
from stylegram.publisher.composer import Composer
from stylegram.publisher.decisions import Decisions
from stylegram.publisher.dispatch import Dispatcher, Pace
from stylegram.publisher.gauges import Gauges
from stylegram.publisher.halts import Halts
from stylegram.publisher.intake import Intake
from stylegram.publisher.ledger import Facts, Ledger
from stylegram.publisher.news import News
from stylegram.publisher.policy import Policy, written
from stylegram.publisher.publisher import Publisher
from stylegram.publisher.reception import Reception
from stylegram.publisher.renditions import Look
from stylegram.publisher.tables import PostRow, PostState
from stylegram.publisher.turns import Turns

PostEvent = PostWaiting | PostPublished | PostFailed | PostFeedback
FAST = Pace(sightings=(timedelta(0), timedelta(0), timedelta(0)), first_pause=timedelta(0))
"""Whatever is tried again is so at once."""


class Killed(BaseException):
    """SIGKILL: nothing that catches errors sees it."""


class Script:
    """What goes wrong where, once each."""

    def __init__(self, **failures: Sequence[BaseException]) -> None:
        self._failures = {point: list(errors) for point, errors in failures.items()}

    def reach(self, point: str) -> None:
        if failures := self._failures.get(point):
            raise failures.pop(0)


class ScriptedOutlet:
    """An account in memory. Every accepted commit is a post, so that a second one shows."""

    kinds: Collection[PostKind] = frozenset(PostKind)

    def __init__(
        self,
        script: Script | None = None,
        *,
        find_is_certain: bool = False,
        shows: bool = True,
        quota: int | None = None,
    ) -> None:
        self.account = "@painter"
        self.is_public = True
        self.find_is_certain = find_is_certain
        self.posts: list[Post] = []
        self.uploads: dict[str, Post] = {}
        self.login = "first login"
        self.feedbacks: list[Feedback] = []
        self.calls: list[str] = []
        self._quota = quota
        self._script = script or Script()
        self._shows = shows

    def upload(self, post: Post) -> str:
        self._reach("before_upload")
        self.uploads[upload := f"upload-{len(self.uploads)}"] = post
        self._reach("after_upload")
        return upload

    def commit(self, post: Post, upload: str) -> PublishedPost:
        self._reach("before_commit")
        assert self.uploads[upload] == post
        self.posts.append(post)
        self._reach("after_commit")
        return self._published(len(self.posts))

    def find(self, sought: SoughtPost) -> PublishedPost | None:
        self._reach("find")
        keys = [post.key for post in self.posts]
        return self._published(keys.index(sought.key) + 1) if self._shows and sought.key in keys else None

    def permalink(self, media_id: str) -> str | None:
        self._reach("permalink")
        return f"https://example.org/p/{media_id.removeprefix('media-')}"

    def feedback(self, media_id: str, kind: PostKind) -> Feedback:
        self._reach("feedback")
        return self.feedbacks.pop(0) if self.feedbacks else Feedback()

    def remaining(self) -> int | None:
        self._reach("remaining")
        return None if self._quota is None else self._quota - len(self.posts)

    def _reach(self, point: str) -> None:
        self.calls.append(point)
        self._script.reach(point)

    def _published(self, number: int) -> PublishedPost:
        return PublishedPost(f"media-{number}", f"https://example.org/p/{number}")


class ScriptedLedger(Ledger):
    """The real ledger, in a process that may die beside each of its transitions."""

    script = Script()

    def _change(self, session: Session, key: str, state: PostState, *conditions: Any, **values: Any) -> bool:
        self.script.reach(f"before_{state}_written")
        return super()._change(session, key, state, *conditions, **values)

    def move(self, *args: Any, **facts: Unpack[Facts]) -> bool:
        moved = super().move(*args, **facts)
        self.script.reach(f"after_{args[1]}_written")
        return moved

    def publish(self, key: str, **facts: Any) -> bool:
        published = super().publish(key, **facts)
        self.script.reach("after_published_written")
        return published


@dataclass
class Desk:
    """A publisher, taken apart."""

    intake: Intake
    dispatcher: Dispatcher
    publisher: Publisher
    reception: Reception
    turns: Turns


@dataclass
class House:
    """Everything that outlives a publisher: the queue, the pictures, the ledger's database."""

    folder: Path
    broker: SqliteBroker
    storage: FolderStorage
    engine: Engine
    stop: threading.Event = field(default_factory=threading.Event)

    def request(
        self, job_id: str = "42", style_name: str = "the_scream.jpg", kinds: tuple[PostKind, ...] = ()
    ) -> PostRequest:
        return PostRequest(
            job_id=job_id,
            artifact=artifacts.result(job_id),
            record=artifacts.record(job_id),
            content_name="me.jpg",
            style_name=style_name,
            hyperparameters=Hyperparameters(),
            kinds=kinds,
        )

    def finish(self, job_id: str = "42") -> None:
        """Do what a stylizer does: leave the picture and the run's record."""
        data = picture("L")
        assets = {role: f"assets/{role}-{job_id}.png" for role in ("content", "style")}
        for name in assets.values():
            self.storage.write(name, picture("L"), content_type="image/png")
        self.storage.write(artifacts.result(job_id), data, content_type="image/png")
        self.storage.write(artifacts.record(job_id), record(job_id, assets), content_type="application/json")

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.engine)

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.engine)

    def desk(
        self,
        outlet: Outlet,
        *,
        ledger: Ledger | None = None,
        broker: Broker | None = None,
        policy: Policy | None = None,
        approval: bool | None = False,
        dry_run: bool = False,
        pace: Pace = FAST,
    ) -> Desk:
        ledger, broker = ledger or self.ledger(), broker or self.broker
        policy = replace(policy or Policy(), dry_run=dry_run)
        composer = Composer(self.storage, Captions(None, StyleTitles({})), Look("landscape", "stretch", 92, 2.0))
        halts = Halts(self.accounts, outlet)
        turns = Turns(ledger, outlet.account, policy)
        dispatcher = Dispatcher(ledger, turns, halts, outlet, composer, policy, pace=pace)
        news = News(ledger, turns, halts, outlet, broker)
        reception = Reception(ledger, halts, outlet, broker, pause=timedelta(0))
        return Desk(
            Intake(
                ledger,
                self.accounts,
                outlet,
                composer,
                broker,
                kinds=(PostKind.PHOTO,),
                policy=written(policy),
                approval=approval,
            ),
            dispatcher,
            Publisher(dispatcher, news, None, Gauges(ledger, self.accounts, turns, outlet)),
            reception,
            turns,
        )

    def ledger(self) -> ScriptedLedger:
        return ScriptedLedger(self.engine)

    def row(self, kind: str = "photo") -> PostRow:
        """The one post of that kind."""
        [row] = [row for row in self.ledger().posts() if row.kind == kind]
        return row

    def rows(self) -> dict[str, PostState]:
        """How each kind of post stands."""
        return {row.kind: row.state for row in self.ledger().posts(limit=1000)}

    def time_passes(self, **by: float) -> None:
        """What a killed publisher held becomes free, and everything is older by so much; see `timedelta`."""
        with sqlite3.connect(self.folder / "queue.sqlite") as queue:
            queue.execute("UPDATE messages SET free_at = 0")
        older = timedelta(**by)
        times = ("not_before", "created_at", "updated_at", "committing_at", "published_at", "feedback_due_at")
        with transaction(self.engine) as session:
            for row in session.query(PostRow):
                for name in times:
                    if moment := getattr(row, name):
                        setattr(row, name, moment - older)
            session.execute(update(PostRow).where(PostRow.holder.is_not(None)).values(held_until=utcnow()))

    def ask(self, desk: Desk, *requests: PostRequest) -> None:
        """Have the requests entered, by way of the queue."""
        for request in requests:
            self.broker.publish(request)
        self.take_in(desk)

    def take_in(self, desk: Desk) -> None:
        """Enter what waits in the queue, that included which others have."""
        consumer = Consumer(
            self.broker, PUBLISHER_POSTS, desk.intake.handle, stop=self.stop, on_dead=desk.intake.give_up
        )
        deadline = time.monotonic() + 60
        while self._unsettled():
            consumer.step(timeout=0.05)
            assert time.monotonic() < deadline, "the queue never became empty"

    def work_off(self, desk: Desk) -> None:
        """Take in what is asked for, and publish until there is nothing to do."""
        self.take_in(desk)
        deadline = time.monotonic() + 60
        while desk.publisher.step():
            assert time.monotonic() < deadline, "the publisher never came to rest"

    def _unsettled(self) -> int:
        with closing(sqlite3.connect(self.folder / "queue.sqlite")) as queue:
            count = "SELECT count(*) FROM messages WHERE queue = ?"
            return int(queue.execute(count, (PUBLISHER_POSTS.name,)).fetchone()[0])

    def events(self) -> list[PostEvent]:
        """What was announced since the last time."""
        outcomes: list[PostEvent] = []
        while delivery := self.broker.receive(LOGGER_EVENTS.name):
            message = decode(delivery.body)
            assert isinstance(message, PostEvent)
            outcomes.append(message)
            self.broker.ack(delivery)
        return outcomes

    def published(self) -> PostPublished:
        """What was announced last, which is that the post is out."""
        outcome = self.events()[-1]
        assert isinstance(outcome, PostPublished), outcome
        return outcome

    def failed(self) -> PostFailed:
        """What was announced last, which is that the post is not out, or may not be."""
        outcome = self.events()[-1]
        assert isinstance(outcome, PostFailed), outcome
        return outcome

    def waiting(self) -> PostWaiting:
        """What was announced last, which is that the post waits."""
        outcome = self.events()[-1]
        assert isinstance(outcome, PostWaiting), outcome
        return outcome


def picture(mode: str) -> bytes:
    """A small PNG."""
    png = BytesIO()
    Image.linear_gradient(mode).convert("RGB").save(png, "PNG")
    return png.getvalue()


def record(job_id: str, assets: dict[str, str]) -> bytes:
    """The record of a run that succeeded.

    Args:
        job_id: whose.
        assets: object names of the photograph ("content") and of the painting ("style").
    """
    now = utcnow()
    references = {
        role: AssetReference(sha256=hashlib.sha256(name.encode()).hexdigest(), object_name=name, name=f"{role}.png")
        for role, name in assets.items()
    }
    run = RunRecord(
        job_id=job_id,
        outcome="succeeded",
        content=references["content"],
        style=references["style"],
        hyperparameters=Hyperparameters(),
        engine_version="0",
        torch_version="0",
        weights="none",
        device="cpu",
        started_at=now,
        finished_at=now,
    )
    return run.model_dump_json().encode()
