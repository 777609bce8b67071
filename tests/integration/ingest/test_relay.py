import threading
import time

import pytest

from ingest_samples import FAST, add_asset, completed
from stylegram.common import artifacts
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.messages import Message, PostRequest, StyleJob, decode
from stylegram.common.records import Role
from stylegram.common.topology import PUBLISHER_POSTS, STYLIZER_JOBS, Queue
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.relay import Relay
from stylegram.ingest.schemas import Job


def submit(ingest: Ingest, *, publish: bool = True) -> Job:
    return ingest.submit(add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2), FAST, publish=publish)


def messages(ingest: Ingest, queue: Queue) -> list[Message]:
    found = []
    while delivery := ingest.broker.receive(queue.name):
        found.append(decode(delivery.body))
        ingest.broker.ack(delivery)
    return found


def test_a_queued_job_is_published_once(ingest: Ingest) -> None:
    job = submit(ingest)
    assert [ingest.relay().relay_once() for _ in range(3)] == [1, 0, 0]
    (message,) = messages(ingest, STYLIZER_JOBS)
    assert isinstance(message, StyleJob)
    assert (message.job_id, message.message_id) == (job.id, f"{job.id}.style")
    assert (message.content, message.style, message.hyperparameters) == (job.content, job.style, FAST)
    published = ingest.job(job.id)
    assert published.published_at
    assert (published.state, published.sequence) == (job.state, job.sequence)


def test_jobs_go_out_in_the_order_of_their_submission(ingest: Ingest) -> None:
    jobs = [submit(ingest).id for _ in range(5)]
    assert ingest.relay().relay_once() == 5
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == jobs


def test_a_finished_picture_is_posted_once_if_wanted(ingest: Ingest) -> None:
    job, private = submit(ingest), submit(ingest, publish=False)
    relay = ingest.relay()
    relay.relay_once()
    for each in (job, private):
        EventHandler(ingest.engine).handle(completed(each), 1)
    assert [relay.relay_once() for _ in range(2)] == [1, 0]
    (message,) = messages(ingest, PUBLISHER_POSTS)
    assert isinstance(message, PostRequest)
    assert (message.job_id, message.message_id) == (job.id, f"{job.id}.post")
    assert (message.artifact, message.record) == (artifacts.result(job.id), artifacts.record(job.id))
    assert (message.content_name, message.style_name) == ("content 1.jpg", "style 2.jpg")


def test_a_job_that_ended_before_it_went_out_stays_in(ingest: Ingest) -> None:
    ingest.cancel(submit(ingest).id)
    assert ingest.relay().relay_once() == 0
    assert messages(ingest, STYLIZER_JOBS) == []


def test_a_crash_between_publishing_and_noting_publishes_the_same_again(ingest: Ingest) -> None:
    class Power(Exception):
        pass

    class Cut(SqliteBroker):
        """Loses power right after a message is in its queue."""

        def publish(self, message: Message) -> None:
            ingest.broker.publish(message)
            raise Power

    job = submit(ingest)
    with pytest.raises(Power):
        Relay(ingest.engine, Cut(None)).relay_once()
    assert ingest.job(job.id).published_at is None
    assert ingest.relay().relay_once() == 1
    first, second = messages(ingest, STYLIZER_JOBS)
    assert first.message_id == second.message_id
    assert first.model_dump(exclude={"sent_at"}) == second.model_dump(exclude={"sent_at"})


def test_without_queues_nothing_is_marked(ingest: Ingest) -> None:
    job = submit(ingest)
    with pytest.raises(NotFound, match="No queue hears"):
        Relay(ingest.engine, SqliteBroker(None)).relay_once()
    assert ingest.job(job.id).published_at is None


def test_the_relay_outlives_a_broker_that_is_away(ingest: Ingest) -> None:
    class Away(SqliteBroker):
        """Refuses its first message."""

        refused = False

        def publish(self, message: Message) -> None:
            if not self.refused:
                self.refused = True
                raise Unavailable("The broker is away.")
            ingest.broker.publish(message)

    job = submit(ingest)
    stop = threading.Event()
    relay = Relay(ingest.engine, Away(None), poll=0.01)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while ingest.job(job.id).published_at is None and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [job.id]
