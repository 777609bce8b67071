"""Ingest, logger and publisher on one database, with a stand-in for the stylizer; whatever of it outlives a process can
be copied, lost and put back.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine

from ingest_samples import FAST, completed, open_ingest
from publisher_fakes import FAST as AT_ONCE
from publisher_fakes import picture
from stylegram.common import artifacts
from stylegram.common.messages import JobStarted, StyleJob, decode
from stylegram.common.ports import Outlet
from stylegram.common.run_ends import enter_end, read_end
from stylegram.common.topology import STYLIZER_QUEUES
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.bootstrap import bootstrap as bootstrap_logger
from stylegram.logger.settings import LoggerSettings
from stylegram.publisher.bootstrap import PublisherService
from stylegram.publisher.bootstrap import bootstrap as bootstrap_publisher
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import PostRow

# No pauses, no budget, no yes: what a test is about is what goes out at all.
_AT_ANY_TIME: dict[str, Any] = {
    "post_approval": False,
    "post_daily_budget": 1000,
    "post_spacing_minutes": 0.0,
    "post_warm_up_days": 0.0,
    "feedback": False,
}


@dataclass
class Town:
    """The services, taken apart: each does what there is to do when `live` is called."""

    ingest: Ingest
    logger: LoggerService
    publisher: PublisherService

    @property
    def engine(self) -> Engine:
        """The database of all three."""
        return self.ingest.engine

    def submit(self, **options: Any) -> Job:
        """A job of a pair out of the library, whose picture is to be posted."""
        return self.ingest.submit(*self.ingest.choose_pair(random.Random(0)), FAST, **options)

    def live(self, *, paints: bool = True, posts: bool = True) -> None:
        """Have everybody work until there is nothing left to do.

        Args:
            paints: whether there is a stylizer.
            posts: whether the publisher brings posts out; it takes requests in any case.
        """
        stop = threading.Event()
        publish = self.publisher.publisher()
        work: list[Callable[[], object]] = [
            self.ingest.relay().relay_once,
            self.ingest.consumer(stop).step,
            self.logger.consumer(stop).step,
            self.publisher.consumer(stop).step,
        ]
        work += [self._paint] * paints + [publish.step] * posts
        while sum(bool(step()) for step in work):
            pass

    def _paint(self) -> bool:
        """Do what a stylizer does with its next message."""
        delivery = self.ingest.broker.receive(*(queue.name for queue in STYLIZER_QUEUES))
        if delivery is None:
            return False
        message = decode(delivery.body)
        assert isinstance(message, StyleJob)
        paint(self, message.job_id)
        self.ingest.broker.ack(delivery)
        return True

    def posts(self) -> dict[str, PostRow]:
        """The ledger, by the jobs whose pictures they are."""
        return {row.job_id: row for row in self.publisher.ledger.posts(limit=1000)}

    def close(self) -> None:
        """Let go of everything."""
        self.ingest.close()


def paint(town: Town, job_id: str) -> None:
    """Leave a picture and its record, unless they are there, and say so; as a stylizer does, a second time too."""
    broker, storage = town.ingest.broker, town.ingest.storage
    broker.publish(JobStarted(job_id=job_id, worker="stand-in", attempt=1))
    record = read_end(storage, job_id)
    if record is None:
        storage.write(artifacts.result(job_id), picture("L"), content_type="image/png")
        record = completed(town.ingest.job(job_id)).record
        enter_end(storage, record)
    broker.publish(completed(town.ingest.job(job_id)).model_copy(update={"record": record}))


def open_town(
    folder: Path,
    database_url: str,
    *,
    broker_url: str | None = None,
    outlet: Outlet | None = None,
    migrates: bool = True,
    **settings: Any,
) -> Town:
    """The services on that database; pictures and the outbox are in the folder.

    Args:
        folder: where pictures are, and the broker unless it is elsewhere.
        database_url: the database.
        broker_url: where the queues are.
        outlet: where posts go; a folder by default.
        migrates: whether they bring their tables up to date, or find that somebody has.
        settings: the publisher's.
    """
    queues = SecretStr(broker_url or f"sqlite://{folder}/broker.sqlite")
    ingest = open_ingest(folder, database_url, broker_url=queues, lost_after_seconds=0.001, migrate_at_start=migrates)
    broker = ingest.broker
    where: dict[str, Any] = {"database_url": SecretStr(database_url), "storage_url": (folder / "storage").as_uri()}
    where["migrate_at_start"] = migrates
    settings = _AT_ANY_TIME | {"publish_url": f"folder://{folder}/outbox"} | settings
    publisher = bootstrap_publisher(
        PublisherSettings(**where, **settings),
        broker=broker,
        storage=ingest.storage,
        engine=ingest.engine,
        pace=AT_ONCE,
    )
    if outlet:
        publisher = replace(publisher, outlet=outlet)
    logger = bootstrap_logger(LoggerSettings(**where), broker=broker, engine=ingest.engine)
    return Town(ingest, logger, publisher)
