"""A house for a publisher: the real queue, storage and ledger, an outlet that does what a script says, and a
process that dies where one says so."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Unpack

from PIL import Image
from sqlalchemy import Engine, update

from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.consumer import Consumer
from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostFailed, PostPublished, PostRequest, decode
from stylegram.common.ports import Broker, Outlet, Post, PublishedPost
from stylegram.common.topology import LOGGER_EVENTS, PUBLISHER_POSTS
from stylegram.publisher.captions import Captions
from stylegram.publisher.ledger import Facts, Hold, Ledger
from stylegram.publisher.publish import Publisher
from stylegram.publisher.tables import PostRow, PostState
from stylegram.publisher.titles import StyleTitles


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

    def __init__(self, script: Script | None = None, *, find_is_certain: bool = False, shows: bool = True) -> None:
        self.account = "@painter"
        self.find_is_certain = find_is_certain
        self.posts: list[Post] = []
        self.uploads: dict[str, Post] = {}
        self._script = script or Script()
        self._shows = shows

    def upload(self, post: Post) -> str:
        self._script.reach("before_upload")
        self.uploads[upload := f"upload-{len(self.uploads)}"] = post
        self._script.reach("after_upload")
        return upload

    def commit(self, post: Post, upload: str) -> PublishedPost:
        self._script.reach("before_commit")
        assert self.uploads[upload] == post
        self.posts.append(post)
        self._script.reach("after_commit")
        return self._published(len(self.posts))

    def find(self, post_key: str) -> PublishedPost | None:
        self._script.reach("find")
        keys = [post.key for post in self.posts]
        return self._published(keys.index(post_key) + 1) if self._shows and post_key in keys else None

    def _published(self, number: int) -> PublishedPost:
        return PublishedPost(f"media-{number}", f"https://example.org/p/{number}")


class ScriptedLedger(Ledger):
    """The real ledger, in a process that may die beside each of its transitions."""

    script = Script()

    def move(self, key: str, state: PostState, *, by: Hold | None, **facts: Unpack[Facts]) -> bool:
        self.script.reach(f"before_{state}_written")
        moved = super().move(key, state, by=by, **facts)
        self.script.reach(f"after_{state}_written")
        return moved


@dataclass
class House:
    """Everything that outlives a publisher: the queue, the pictures, the ledger's database."""

    folder: Path
    broker: SqliteBroker
    storage: FolderStorage
    engine: Engine
    stop: threading.Event = field(default_factory=threading.Event)

    def request(self, job_id: str = "42", style_name: str = "the_scream.jpg") -> PostRequest:
        return PostRequest(
            job_id=job_id,
            artifact=artifacts.result(job_id),
            record=artifacts.record(job_id),
            content_name="me.jpg",
            style_name=style_name,
            hyperparameters=Hyperparameters(),
        )

    def finish(self, job_id: str = "42") -> None:
        png = BytesIO()
        Image.linear_gradient("L").convert("RGB").save(png, "PNG")
        self.storage.write(artifacts.result(job_id), png.getvalue(), content_type="image/png")
        self.storage.write(artifacts.record(job_id), b'{"job_id": "42"}', content_type="application/json")

    def publisher(self, outlet: Outlet, *, ledger: Ledger | None = None, broker: Broker | None = None) -> Publisher:
        return Publisher(
            outlet=outlet,
            storage=self.storage,
            broker=broker or self.broker,
            ledger=ledger or self.ledger(),
            captions=Captions(None, StyleTitles({})),
            post_format="landscape",
            fit="stretch",
            quality=92,
            stop=self.stop,
        )

    def ledger(self) -> ScriptedLedger:
        return ScriptedLedger(self.engine)

    def time_passes(self) -> None:
        """What a killed publisher held becomes free."""
        with sqlite3.connect(self.folder / "queue.sqlite") as queue:
            queue.execute("UPDATE messages SET free_at = 0")
        with transaction(self.engine) as session:
            session.execute(update(PostRow).values(held_until=utcnow()))

    def consumer(self, publisher: Publisher, attempts: int = 5) -> Consumer:
        return Consumer(
            self.broker,
            replace(PUBLISHER_POSTS, attempts=attempts),
            publisher.handle,
            stop=self.stop,
            on_dead=publisher.give_up,
        )

    def work_off(self, publisher: Publisher, attempts: int = 5) -> None:
        """Handle messages until there are none, those included that others have."""
        consumer = self.consumer(publisher, attempts)
        deadline = time.monotonic() + 10
        while self._unsettled():
            consumer.step(timeout=0.05)
            assert time.monotonic() < deadline, "the queue never became empty"

    def _unsettled(self) -> int:
        with closing(sqlite3.connect(self.folder / "queue.sqlite")) as queue:
            count = "SELECT count(*) FROM messages WHERE queue = ?"
            return int(queue.execute(count, (PUBLISHER_POSTS.name,)).fetchone()[0])

    def events(self) -> list[PostPublished | PostFailed]:
        """What was announced since the last time."""
        outcomes = []
        while delivery := self.broker.receive(LOGGER_EVENTS.name):
            message = decode(delivery.body)
            assert isinstance(message, PostPublished | PostFailed)
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
