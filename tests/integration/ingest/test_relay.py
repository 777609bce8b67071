import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from ingest_samples import FAST, add_asset, alter, completed, messages, open_ingest, say, submit
from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.messages import Message, PostRequest, Priority, StyleJob, decode
from stylegram.common.ports import Broker
from stylegram.common.records import Role
from stylegram.common.topology import INGEST_EVENTS, PUBLISHER_POSTS, STYLIZER_BATCH, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.relay import Relay

pytestmark = pytest.mark.every_database


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


def test_a_job_that_is_to_be_cancelled_does_not_go_out(ingest: Ingest) -> None:
    ingest.cancel(submit(ingest).id)
    assert ingest.relay().relay_once() == 1
    assert messages(ingest, STYLIZER_JOBS) == []


def test_what_somebody_waits_for_goes_out_first(ingest: Ingest) -> None:
    batch = submit(ingest, priority=Priority.BATCH)
    interactive = submit(ingest)
    order: list[str] = []

    class Listening(SqliteBroker):
        def publish(self, message: Message) -> None:
            order.append(message.job_id)
            ingest.broker.publish(message)

    Relay(ingest.engine, Listening(None), ingest.storage).relay_once()
    assert order == [interactive.id, batch.id]
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [interactive.id]
    assert [message.job_id for message in messages(ingest, STYLIZER_BATCH)] == [batch.id]


def test_a_message_has_all_that_was_submitted(ingest: Ingest) -> None:
    other = add_asset(ingest, Role.STYLE, 3)
    mask = add_asset(ingest, Role.CONTENT, 4)
    hyperparameters = FAST.model_copy(update={"start": "image", "style_weights": (2.0, 1.0)})
    pair = add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)
    ingest.submit(
        *pair,
        hyperparameters,
        further_styles=[other],
        masks=[None, mask],
        start_image=mask,
        time_limit_seconds=90,
        trial="autumn/7",
    )
    ingest.relay().relay_once()
    (message,) = messages(ingest, STYLIZER_JOBS)
    assert isinstance(message, StyleJob)
    assert (message.further_styles, message.masks, message.start_image) == ((other,), (None, mask), mask)
    assert (message.time_limit_seconds, message.trial) == (90, "autumn/7")


class Power(Exception):
    """Goes out."""


class Cut(SqliteBroker):
    """Loses power right after a message is in its queue."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(None)
        self._other = broker

    def publish(self, message: Message) -> None:
        self._other.publish(message)
        raise Power


def test_a_crash_between_publishing_and_noting_publishes_the_same_again_after_the_lease(ingest: Ingest) -> None:
    job = submit(ingest)
    with pytest.raises(Power):
        Relay(ingest.engine, Cut(ingest.broker), ingest.storage).relay_once()
    assert ingest.job(job.id).published_at is None
    assert ingest.relay().relay_once() == 0, "it is the other relay's, which may yet live"
    alter(ingest, job, relayed_until=utcnow())
    assert [ingest.relay().relay_once() for _ in range(2)] == [1, 0]
    first, second = messages(ingest, STYLIZER_JOBS)
    assert first.message_id == second.message_id
    assert first.model_dump(exclude={"sent_at"}) == second.model_dump(exclude={"sent_at"})


def test_a_crash_after_the_note_of_a_cancellation_says_it_again(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.cancel(job.id)
    with pytest.raises(Power):
        Relay(ingest.engine, Cut(ingest.broker), ingest.storage).relay_once()
    alter(ingest, job, relayed_until=utcnow())
    assert [ingest.relay().relay_once() for _ in range(2)] == [1, 0]
    assert len(messages(ingest, INGEST_EVENTS)) == 2


def test_relays_at_once_publish_each_job_once(ingest: Ingest, tmp_path: Path, database_url: str) -> None:
    jobs = [submit(ingest) for _ in range(30)]
    for job in jobs[:10]:
        ingest.cancel(job.id)
    other = open_ingest(tmp_path, database_url)
    start = threading.Barrier(6)

    def relay(number: int) -> int:
        start.wait()
        return (ingest, other)[number % 2].relay().relay_once()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(relay, range(6))) == 30
    other.close()
    assert sorted(message.job_id for message in messages(ingest, STYLIZER_JOBS)) == sorted(job.id for job in jobs[10:])
    assert sorted(message.job_id for message in messages(ingest, INGEST_EVENTS)) == sorted(job.id for job in jobs[:10])
    assert {ingest.job(job.id).publications for job in jobs[10:]} == {1}


def test_what_a_relay_does_not_come_to_is_free_at_once(ingest: Ingest) -> None:
    class Slow(SqliteBroker):
        """Is away after its first message."""

        published = 0

        def publish(self, message: Message) -> None:
            if self.published:
                raise Unavailable("The broker is away.")
            self.published += 1
            ingest.broker.publish(message)

    jobs = [submit(ingest) for _ in range(3)]
    with pytest.raises(Unavailable):
        Relay(ingest.engine, Slow(None), ingest.storage).relay_once()
    assert ingest.relay().relay_once() == 2
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [job.id for job in jobs]


def test_a_relay_begins_with_nothing_that_its_lease_may_not_last_for(ingest: Ingest) -> None:
    submit(ingest)
    assert Relay(ingest.engine, ingest.broker, ingest.storage, lease=0).relay_once() == 0
    assert ingest.relay().relay_once() == 1, "it is free at once"


def test_without_queues_nothing_is_marked(ingest: Ingest) -> None:
    job = submit(ingest)
    with pytest.raises(NotFound, match="No queue hears"):
        Relay(ingest.engine, SqliteBroker(None), ingest.storage).relay_once()
    assert ingest.job(job.id).published_at is None


def test_trouble_with_one_queue_keeps_no_other(ingest: Ingest) -> None:
    class Selective(SqliteBroker):
        """Has no queue for interactive jobs."""

        def publish(self, message: Message) -> None:
            if isinstance(message, StyleJob) and message.priority == Priority.INTERACTIVE:
                raise NotFound("No queue hears it.")
            ingest.broker.publish(message)

    done = submit(ingest)
    say(ingest, completed(done))
    unwanted = submit(ingest)
    ingest.cancel(unwanted.id)
    stuck, batch = submit(ingest), submit(ingest, priority=Priority.BATCH)
    with pytest.raises(NotFound):
        Relay(ingest.engine, Selective(None), ingest.storage).relay_once()
    for queue, job in ((INGEST_EVENTS, unwanted), (STYLIZER_BATCH, batch), (PUBLISHER_POSTS, done)):
        assert [message.job_id for message in messages(ingest, queue)] == [job.id]
    assert ingest.relay().relay_once() == 1
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [stuck.id]


def test_trouble_with_cancellations_keeps_no_job(ingest: Ingest, tmp_path: Path) -> None:
    class Away(FolderStorage):
        """Takes nothing."""

        def write(self, *_: object, **__: object) -> NoReturn:
            raise Unavailable("The storage is away.")

    ingest.cancel(submit(ingest).id)
    job = submit(ingest)
    with pytest.raises(Unavailable):
        Relay(ingest.engine, ingest.broker, Away(tmp_path / "storage")).relay_once()
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [job.id]


def test_hyperparameters_of_another_version_fail_their_job_alone(ingest: Ingest) -> None:
    of_another_version = {**FAST.model_dump(mode="json"), "size": 10**6}
    odd, other = alter(ingest, submit(ingest), hyperparameters=of_another_version), submit(ingest)
    assert odd.hyperparameters.size == 10**6, "it is shown as it is"
    assert json.loads(odd.model_dump_json())["hyperparameters"] == of_another_version
    assert {job.id for job in ingest.newest_jobs(limit=9)} == {odd.id, other.id}
    relay = ingest.relay()
    relay.relay_once()
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [other.id]
    failed = ingest.job(odd.id)
    assert (failed.state, failed.error_code, failed.published_at) == ("failed", "invalid-hyperparameters", None)
    assert "This version cannot read its hyperparameters: size: " in str(failed.reason)
    assert relay.relay_once() == 0


def test_hyperparameters_of_another_version_do_not_hinder_posts_or_cancellations(ingest: Ingest) -> None:
    of_another_version = {**FAST.model_dump(mode="json"), "size": 10**6}
    done, unwanted = submit(ingest), submit(ingest)
    say(ingest, completed(done))
    ingest.cancel(unwanted.id)
    for job in (done, unwanted):
        alter(ingest, job, hyperparameters=of_another_version)
    ingest.relay().relay_once()
    assert messages(ingest, PUBLISHER_POSTS) == []
    assert ingest.job(done.id).post_state == "failed"
    assert "This version cannot read its hyperparameters" in str(ingest.job(done.id).post_reason)
    assert [message.job_id for message in messages(ingest, INGEST_EVENTS)] == [unwanted.id]


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
    relay = Relay(ingest.engine, Away(None), ingest.storage, poll=0.01)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while ingest.job(job.id).published_at is None and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert [message.job_id for message in messages(ingest, STYLIZER_JOBS)] == [job.id]


def test_a_relay_in_the_same_process_need_not_be_waited_for(ingest: Ingest) -> None:
    relay, stop = ingest.relay(), threading.Event()
    relay._poll = 3600.0
    running = threading.Thread(target=relay.run, args=(stop,))
    running.start()
    try:
        jobs = []
        for _ in range(3):
            jobs.append(submit(ingest))
            delivery = ingest.broker.receive(STYLIZER_JOBS.name, timeout=60)
            assert delivery and decode(delivery.body).job_id == jobs[-1].id
    finally:
        stop.set()
        ingest.news.set()
        running.join()
