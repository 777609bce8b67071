"""What a consumer of batches does beside, and as well as, one that takes a message at a time."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.batch_consumer import BatchConsumer
from stylegram.common.errors import DeviceLost, InvalidInput, Unavailable
from stylegram.common.messages import CancelJob, Message
from stylegram.common.ports import Delivery
from stylegram.common.topology import Queue

CANCELS = Queue("test.cancels", ("job.cancel",), attempts=2)


class Stop(threading.Event):
    """Remembers how long it was waited on, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


class Handler:
    """Raises what it is told to over the jobs that it is told of, and remembers what it was given."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.handled: list[str] = []

    def __call__(self, messages: Sequence[Message]) -> None:
        self.handled.append("".join(message.job_id for message in messages))
        for message in messages:
            if error := self.errors.get(message.job_id):
                raise error


@pytest.fixture
def broker() -> Iterator[SqliteBroker]:
    broker = SqliteBroker(None, visibility=600)
    broker.declare([CANCELS])
    yield broker
    broker.close()


def publish(broker: SqliteBroker, job_ids: str) -> None:
    for job_id in job_ids:
        broker.publish(CancelJob(job_id=job_id))


def consumer(broker: SqliteBroker, handler: Handler, **options: object) -> BatchConsumer:
    return BatchConsumer(broker, CANCELS, handler, **{"stop": Stop()} | options)  # type: ignore[arg-type]


def dead(broker: SqliteBroker) -> list[str]:
    return [letter.reason for letter in broker.dead_letters(CANCELS.name)]


def counts(broker: SqliteBroker) -> list[int]:
    """Of the messages that are free."""
    found: list[int] = []
    while delivery := broker.receive(CANCELS.name):
        found.append(delivery.count)
    return found


def test_what_waits_is_handled_at_once_and_acknowledged(broker: SqliteBroker) -> None:
    handler = Handler()
    publish(broker, "abcde")
    three_at_a_time = consumer(broker, handler, most=3)
    assert [three_at_a_time.step() for _ in range(3)] == [True, True, False]
    assert handler.handled == ["abc", "de"]
    broker.visibility = 0
    assert counts(broker) == []


def test_a_poisonous_message_dies_alone(broker: SqliteBroker) -> None:
    handler, told = Handler(b=InvalidInput("No."), c=ZeroDivisionError("zero")), []
    publish(broker, "abcd")
    consumer(broker, handler, on_dead=lambda message, error: told.append((message.job_id, str(error)))).step()
    assert handler.handled == ["abcd", "a", "b", "c", "d"]
    assert dead(broker) == ["No.", "ZeroDivisionError: zero"]
    assert told == [("b", "No."), ("c", "ZeroDivisionError: zero")]


def test_one_that_cannot_be_read_dies_alone(broker: SqliteBroker) -> None:
    class Newer(CancelJob):
        version: int = 2  # type: ignore[assignment]

    handler = Handler()
    publish(broker, "a")
    broker.publish(Newer(job_id="b"))
    publish(broker, "c")
    consumer(broker, handler).step()
    assert handler.handled == ["a", "c"]
    [reason] = dead(broker)
    assert "version: Input should be 1" in reason


def test_what_is_away_is_waited_for_once_and_all_come_again_uncounted(broker: SqliteBroker) -> None:
    away = Unavailable("away")
    handler, stop = Handler(a=away, b=away, c=away), Stop()
    publish(broker, "abc")
    working = consumer(broker, handler, stop=stop)
    for _ in range(3):
        assert working.step()
    assert stop.pauses == [1, 2, 4]
    handler.errors.clear()
    assert working.step()
    assert handler.handled == ["abc", "a"] * 3 + ["abc"]
    assert dead(broker) == []
    assert not working._failures, "what it handled it forgets"


def test_one_that_was_handed_out_before_is_not_beside_others(broker: SqliteBroker) -> None:
    """It may be what killed a process, which would use up the others' attempts too."""
    handler = Handler()
    publish(broker, "abc")
    taken = [broker.receive(CANCELS.name) for _ in range(3)]
    for delivery in taken[1:2]:
        assert delivery
        broker.retry(delivery)
    for delivery in (taken[0], taken[2]):
        assert delivery
        broker.release(delivery)
    publish(broker, "d")
    working = consumer(broker, handler)
    while working.step():
        pass
    assert handler.handled == ["a", "b", "cd"]


def test_an_error_that_ends_the_process_ends_it_and_frees_all(broker: SqliteBroker) -> None:
    handler = Handler(a=DeviceLost("The GPU failed."))
    publish(broker, "abc")
    with pytest.raises(DeviceLost):
        consumer(broker, handler).run()
    assert counts(broker) == [2, 1, 1], "it counts for the one that it was about"


def test_a_stop_lets_the_message_at_hand_end_and_frees_the_rest(broker: SqliteBroker) -> None:
    stop = Stop()

    class Stopping(Handler):
        def __call__(self, messages: Sequence[Message]) -> None:
            super().__call__(messages)
            if len(messages) > 1:
                raise InvalidInput("not together")
            stop.set()

    handler = Stopping()
    publish(broker, "abc")
    consumer(broker, handler, stop=stop).run()
    assert handler.handled == ["abc", "a"]
    assert counts(broker) == [1, 1]


def test_all_claims_are_kept_while_the_work_takes_longer_than_they() -> None:
    broker = SqliteBroker(None, visibility=2.0)
    broker.declare([CANCELS])
    stolen: list[Delivery | None] = []

    def handle(messages: Sequence[Message]) -> None:
        if len(messages) > 1:
            stolen.append(broker.receive(CANCELS.name, timeout=3.0))
            raise InvalidInput("not together")
        if messages[0].job_id == "a":
            stolen.append(broker.receive(CANCELS.name, timeout=3.0))

    publish(broker, "abc")
    BatchConsumer(broker, CANCELS, handle, stop=Stop(), extend_every=0.1).step()
    assert stolen == [None, None]
    time.sleep(2.2)
    assert counts(broker) == [], "all are acknowledged"
    broker.close()


def test_a_broker_that_goes_away_keeps_nobody_from_what_is_at_hand(broker: SqliteBroker) -> None:
    class Going(SqliteBroker):
        asked = 0

        def receive(self, *queues: str, timeout: float = 0) -> Delivery | None:
            self.asked += 1
            if self.asked == 3:
                raise Unavailable("The broker is away.")
            return super().receive(*queues, timeout=timeout)

    going, handler = Going(None, visibility=600), Handler()
    going.declare([CANCELS])
    publish(going, "abc")
    assert consumer(going, handler).step()
    assert handler.handled == ["ab"]
    going.close()


def test_where_the_rest_cannot_be_freed_the_reason_is_told(broker: SqliteBroker) -> None:
    class Going(SqliteBroker):
        def release(self, delivery: Delivery) -> bool:
            raise Unavailable("The broker is away.")

    going = Going(None, visibility=600)
    going.declare([CANCELS])
    publish(going, "ab")
    with pytest.raises(DeviceLost):
        consumer(going, Handler(a=DeviceLost("The GPU failed."))).step()
    going.close()
