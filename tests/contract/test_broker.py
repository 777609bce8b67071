"""What every broker promises. The suite speaks to the port only, so that any adapter can stand here."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stylegram.common.adapters import open_broker
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import CancelJob, Message, PostFailed, PostPublished, StyleJob, decode, encode
from stylegram.common.ports import Broker, Delivery
from stylegram.common.records import AssetReference
from stylegram.common.topology import Queue

CANCELS = Queue("test.cancels", ("job.cancel",))
POSTS = Queue("test.posts", ("post.*",))
EVERYTHING = Queue("test.everything", ("job.*", "post.*"))
QUEUES = (CANCELS, POSTS, EVERYTHING)
DEAF = Queue("test.deaf", ())
# Generous: only a broker that is broken takes this long.
PATIENCE = 20.0

Opener = Callable[[float], Broker]
Settle = Callable[[Broker, Delivery], bool]


@pytest.fixture(params=["sqlite", "memory", "rabbitmq"])
def open_at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the broker under test with a visibility timeout, its queues declared."""
    if request.param == "rabbitmq":
        node = request.getfixturevalue("rabbitmq")
        node.forget([*QUEUES, DEAF])
        url = node.url
    else:
        url = f"sqlite://{tmp_path / 'queue.sqlite'}" if request.param == "sqlite" else "memory://"
    opened: list[Broker] = []

    def open_(visibility: float) -> Broker:
        if request.param == "memory" and opened:  # another would have a memory of its own
            opened[0].visibility = visibility
            return opened[0]
        broker = open_broker(url, visibility=visibility)
        broker.declare(QUEUES)
        opened.append(broker)
        return broker

    yield open_
    for broker in opened:
        broker.close()


@pytest.fixture
def broker(open_at: Opener) -> Broker:
    """A broker whose claims outlast any test."""
    return open_at(600)


def cancel(job_id: str) -> CancelJob:
    return CancelJob(job_id=job_id)


def take(broker: Broker, queue: Queue = CANCELS) -> Delivery:
    delivery = broker.receive(queue.name, timeout=PATIENCE)
    assert delivery is not None, "no message came"
    return delivery


def job_of(delivery: Delivery) -> str:
    return decode(delivery.body).job_id


def lose_claim(open_at: Opener) -> tuple[Broker, Delivery, Broker, Delivery]:
    """A client and its claim that ran out, and the client that has the message now, and keeps it for the test."""
    hasty = open_at(0.2)
    hasty.publish(cancel("1"))
    lost = take(hasty)
    patient = open_at(600)
    return hasty, lost, patient, take(patient)


SETTLE: dict[str, Settle] = {
    "ack": lambda broker, delivery: broker.ack(delivery),
    "reject": lambda broker, delivery: broker.reject(delivery, "useless"),
    "retry": lambda broker, delivery: broker.retry(delivery),
    "release": lambda broker, delivery: broker.release(delivery),
}
settlements = pytest.mark.parametrize("settle", SETTLE.values(), ids=SETTLE.keys())


def test_messages_come_in_the_order_in_which_they_were_published(broker: Broker) -> None:
    for number in range(20):
        broker.publish(cancel(str(number)))
    received = []
    for _ in range(20):
        delivery = take(broker)
        received.append(job_of(delivery))
        assert broker.ack(delivery)
    assert received == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    "message",
    [
        cancel("Zürich 🌉 \x00 \u2028 ' \" \\ \n"),
        cancel("x" * 1_000_000),
        PostFailed(job_id="1", account="a", reason="", error_code="b"),
    ],
    ids=["unicode", "a megabyte", "empty text"],
)
def test_a_body_survives_byte_for_byte(broker: Broker, message: Message) -> None:
    broker.publish(message)
    delivery = take(broker, EVERYTHING)
    assert delivery.body == encode(message)
    assert decode(delivery.body) == message
    assert (delivery.queue, delivery.count) == (EVERYTHING.name, 1)


def test_an_event_reaches_every_queue_that_hears_it_and_no_other(broker: Broker) -> None:
    broker.publish(PostPublished(job_id="1", account="a", media_id="b", url="c"))
    assert job_of(take(broker, POSTS)) == "1"
    assert job_of(take(broker, EVERYTHING)) == "1"
    assert broker.receive(CANCELS.name) is None


def test_queues_settle_their_copies_of_an_event_on_their_own(broker: Broker) -> None:
    broker.publish(cancel("1"))
    assert broker.ack(take(broker, CANCELS))
    assert broker.depth(CANCELS.name) == 0
    assert broker.ack(take(broker, EVERYTHING))


def test_an_event_that_nobody_hears_is_dropped(broker: Broker) -> None:
    broker.declare([DEAF])
    broker.publish(cancel("1"))
    assert broker.receive(DEAF.name) is None


def test_a_command_that_no_queue_hears_is_refused(broker: Broker) -> None:
    picture = AssetReference(sha256="0" * 64, object_name="assets/a.png", name="a.jpg")
    with pytest.raises(NotFound, match=r"command\.style"):
        broker.publish(StyleJob(job_id="1", content=picture, style=picture, hyperparameters=Hyperparameters()))


def test_an_unknown_queue_is_an_error(broker: Broker) -> None:
    with pytest.raises(NotFound, match=r"test\.nowhere"):
        broker.receive("test.nowhere")
    broker.publish(cancel("1"))
    assert job_of(take(broker)) == "1", "an error spoilt the broker"


def test_declaring_again_keeps_the_messages_and_doubles_nothing(broker: Broker) -> None:
    broker.publish(cancel("before"))
    broker.declare(QUEUES)
    broker.publish(cancel("after"))
    assert [job_of(take(broker)), job_of(take(broker))] == ["before", "after"]
    assert broker.receive(CANCELS.name) is None


def test_a_claimed_message_is_nobody_elses(broker: Broker) -> None:
    broker.publish(cancel("1"))
    take(broker)
    assert broker.receive(CANCELS.name, timeout=0.3) is None


def test_a_waiting_consumer_gets_what_is_published_meanwhile(broker: Broker) -> None:
    publisher = threading.Timer(0.2, lambda: broker.publish(cancel("1")))
    publisher.start()
    assert job_of(take(broker)) == "1"
    publisher.join()


def test_concurrent_consumers_never_share_a_message(broker: Broker) -> None:
    jobs = [str(number) for number in range(60)]
    handled: list[str] = []
    done = threading.Event()

    def publish(some: list[str]) -> None:
        for job in some:
            broker.publish(cancel(job))

    def consume() -> None:
        while not done.is_set():
            if delivery := broker.receive(CANCELS.name, timeout=0.05):
                handled.append(job_of(delivery))
                assert broker.ack(delivery)

    consumers = [threading.Thread(target=consume) for _ in range(4)]
    publishers = [threading.Thread(target=publish, args=(jobs[start::2],)) for start in range(2)]
    for thread in [*consumers, *publishers]:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    while (len(handled) < len(jobs) or broker.depth(CANCELS.name)) and time.monotonic() < deadline:
        time.sleep(0.02)
    done.set()
    for thread in [*consumers, *publishers]:
        thread.join()
    assert sorted(handled, key=int) == jobs


def test_a_claim_that_nobody_extends_runs_out_and_the_redelivery_is_counted(open_at: Opener) -> None:
    _, lost, _, held = lose_claim(open_at)
    assert (lost.count, held.count) == (1, 2)
    assert held.body == lost.body
    assert held.receipt != lost.receipt


def test_extending_keeps_the_claim_beyond_its_time(open_at: Opener) -> None:
    visibility = 1.0
    broker = open_at(visibility)
    broker.publish(cancel("1"))
    delivery = take(broker)
    until = time.monotonic() + 1.3 * visibility
    while time.monotonic() < until:
        assert broker.extend(delivery)
        assert broker.receive(CANCELS.name) is None
        time.sleep(0.1)
    assert broker.ack(delivery)


@settlements
def test_a_lost_claim_settles_nothing(open_at: Opener, settle: Settle) -> None:
    loser, lost, broker, held = lose_claim(open_at)
    assert not settle(loser, lost)
    assert broker.dead_letters(CANCELS.name) == []
    assert broker.receive(CANCELS.name) is None
    assert broker.ack(held), "the claim of the other consumer was taken away"


def test_a_lost_claim_cannot_be_extended(open_at: Opener) -> None:
    loser, lost, _, _ = lose_claim(open_at)
    assert not loser.extend(lost)


@settlements
def test_a_claim_is_settled_once(broker: Broker, settle: Settle) -> None:
    broker.publish(cancel("1"))
    delivery = take(broker)
    assert settle(broker, delivery)
    assert not any(again(broker, delivery) for again in SETTLE.values())
    assert not broker.extend(delivery)
    assert len(broker.dead_letters(CANCELS.name)) == (settle is SETTLE["reject"])


def test_an_acknowledged_message_is_gone(broker: Broker) -> None:
    broker.publish(cancel("1"))
    assert broker.ack(take(broker))
    assert broker.receive(CANCELS.name) is None
    assert broker.dead_letters(CANCELS.name) == []


def test_a_retried_message_is_free_at_once_and_counts(broker: Broker) -> None:
    broker.publish(cancel("1"))
    for count in (1, 2, 3):
        delivery = take(broker)
        assert delivery.count == count
        assert broker.retry(delivery)


def test_a_released_message_is_free_at_once_and_does_not_count(broker: Broker) -> None:
    broker.publish(cancel("1"))
    assert broker.retry(take(broker))
    for _ in range(3):
        delivery = take(broker)
        assert delivery.count == 2
        assert broker.release(delivery)


def test_a_rejected_message_is_a_dead_letter_with_its_reason(broker: Broker) -> None:
    broker.publish(cancel("1"))
    broker.publish(cancel("2"))
    assert broker.retry(take(broker))
    first = take(broker)
    assert broker.reject(first, "no such picture: Zürich 🌉")
    assert broker.reject(take(broker), "another")
    letter, other = broker.dead_letters(CANCELS.name)
    assert (letter.queue, letter.body, letter.reason) == (CANCELS.name, first.body, "no such picture: Zürich 🌉")
    assert (letter.count, other.reason) == (2, "another")
    assert abs(letter.died_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert broker.depth(CANCELS.name) == 0
    assert broker.receive(CANCELS.name) is None
    assert broker.dead_letters(EVERYTHING.name) == [], "the other queue's copy lives"


def test_depth_counts_those_that_wait(broker: Broker) -> None:
    assert broker.depth(CANCELS.name) == 0
    for number in range(3):
        broker.publish(cancel(str(number)))
    assert broker.depth(CANCELS.name) == 3
    delivery = take(broker)
    assert broker.depth(CANCELS.name) == 2
    assert broker.retry(delivery)
    deadline = time.monotonic() + PATIENCE
    while broker.depth(CANCELS.name) != 3:  # a server takes a moment over what it gets back
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(NotFound, match=r"test\.nowhere"):
        broker.depth("test.nowhere")


def test_the_first_queue_goes_before_the_second(broker: Broker) -> None:
    broker.publish(cancel("waits"))
    broker.publish(PostPublished(job_id="passes", account="a", media_id="b", url="c"))
    names = (POSTS.name, CANCELS.name)
    first, second = broker.receive(*names), broker.receive(*names)
    assert first and second
    assert [(each.queue, job_of(each)) for each in (first, second)] == [(POSTS.name, "passes"), (CANCELS.name, "waits")]
    assert broker.receive(*names) is None
    assert broker.ack(first)
    assert broker.retry(second)
    again = take(broker)
    assert (job_of(again), again.count) == ("waits", 2)


@pytest.mark.parametrize("queue", [POSTS, CANCELS])
def test_who_waits_at_two_queues_gets_what_comes_to_either(broker: Broker, queue: Queue) -> None:
    message = cancel("1") if queue is CANCELS else PostPublished(job_id="1", account="a", media_id="b", url="c")
    publisher = threading.Timer(0.2, lambda: broker.publish(message))
    publisher.start()
    delivery = broker.receive(POSTS.name, CANCELS.name, timeout=PATIENCE)
    publisher.join()
    assert delivery
    assert (delivery.queue, delivery.count, job_of(delivery)) == (queue.name, 1, "1")
    assert broker.ack(delivery)


def test_of_a_paused_queue_nobody_receives_until_it_is_resumed(open_at: Opener) -> None:
    one, other = open_at(600), open_at(600)
    assert not one.paused(CANCELS.name)
    one.publish(cancel("before"))
    delivery = take(one)
    one.pause(CANCELS.name)
    one.pause(CANCELS.name)
    one.publish(cancel("meanwhile"))
    for broker in (one, other):
        assert broker.paused(CANCELS.name)
        assert broker.receive(CANCELS.name, timeout=0.1) is None
        assert not broker.paused(POSTS.name)
    assert one.ack(delivery), "what was claimed before the pause is still the claimant's"
    one.publish(PostPublished(job_id="1", account="a", media_id="b", url="c"))
    passed = one.receive(CANCELS.name, POSTS.name, timeout=PATIENCE)
    assert passed and passed.queue == POSTS.name
    one.resume(CANCELS.name)
    one.resume(CANCELS.name)
    assert not one.paused(CANCELS.name)
    assert job_of(take(one)) == "meanwhile"


def test_a_pause_reaches_those_who_receive_already(open_at: Opener) -> None:
    one, other = open_at(600), open_at(600)
    assert other.receive(CANCELS.name) is None
    one.pause(CANCELS.name)
    time.sleep(1.5)
    one.publish(cancel("1"))
    assert other.receive(CANCELS.name, timeout=0.2) is None
    one.resume(CANCELS.name)
    assert job_of(take(one)) == "1"


def test_a_pause_needs_a_queue(broker: Broker) -> None:
    with pytest.raises(NotFound, match=r"test\.nowhere"):
        broker.pause("test.nowhere")


def test_dead_letters_are_counted(broker: Broker) -> None:
    assert broker.dead_count(CANCELS.name) == 0
    for number in range(3):
        broker.publish(cancel(str(number)))
    for count in (1, 2):
        assert broker.reject(take(broker), "no")
        assert broker.dead_count(CANCELS.name) == count
    assert broker.dead_count(EVERYTHING.name) == 0, "the other queue's copies live"
    broker.drain_dead(CANCELS.name)
    assert broker.dead_count(CANCELS.name) == 0
    with pytest.raises(NotFound, match=r"test\.nowhere"):
        broker.dead_count("test.nowhere")


def test_drained_dead_letters_are_gone(broker: Broker) -> None:
    for number in range(3):
        broker.publish(cancel(str(number)))
        assert broker.reject(take(broker), f"reason {number}")
    before = broker.dead_letters(CANCELS.name)
    assert before == broker.dead_letters(CANCELS.name), "looking changed them"
    assert broker.drain_dead(CANCELS.name) == before
    assert [letter.reason for letter in before] == ["reason 0", "reason 1", "reason 2"]
    assert broker.dead_letters(CANCELS.name) == broker.drain_dead(CANCELS.name) == []
    assert broker.receive(CANCELS.name) is None


def test_requeued_dead_letters_are_as_if_new(broker: Broker) -> None:
    for number in range(2):
        broker.publish(cancel(str(number)))
        assert broker.retry(take(broker))
        assert broker.reject(take(broker), "no")
    letters = broker.drain_dead(CANCELS.name, requeue=True)
    again = [take(broker), take(broker)]
    assert [each.body for each in again] == [letter.body for letter in letters]
    assert [each.count for each in again] == [1, 1]
    assert broker.dead_letters(CANCELS.name) == []


def test_a_closed_broker_is_unavailable(open_at: Opener) -> None:
    broker = open_at(600)
    broker.publish(cancel("1"))
    delivery = take(broker)
    broker.close()
    for call in (
        lambda: broker.receive(CANCELS.name),
        lambda: broker.publish(cancel("2")),
        lambda: broker.ack(delivery),
    ):
        with pytest.raises(Unavailable):
            call()


def test_one_client_may_claim_many_at_once_and_settle_each(broker: Broker) -> None:
    for job_id in "abcd":
        broker.publish(CancelJob(job_id=job_id))
    claimed = [broker.receive(CANCELS.name, timeout=PATIENCE) for _ in range(4)]
    assert broker.receive(CANCELS.name) is None
    assert [decode(delivery.body).job_id for delivery in claimed if delivery] == [*"abcd"]
    settled = [broker.ack, broker.release, broker.ack, broker.ack]
    assert all(settle(delivery) for settle, delivery in zip(settled, claimed, strict=True) if delivery)
    again = broker.receive(CANCELS.name, timeout=PATIENCE)
    assert again
    assert (decode(again.body).job_id, again.count) == ("b", 1)
