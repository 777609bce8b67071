import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import REGISTRY

from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.consumer import Consumer
from stylegram.common.errors import DeviceLost, Interrupted, InvalidInput, StylegramError, Unavailable
from stylegram.common.logs import configure_logs
from stylegram.common.messages import CancelJob, JobStarted, Message
from stylegram.common.ports import Delivery
from stylegram.common.topology import Queue

CANCELS = Queue("test.cancels", ("job.cancel",), attempts=2)
STARTS = Queue("test.starts", ("job.started",), attempts=3)
# Generous: only a consumer that is broken takes this long.
PATIENCE = 20.0


class MoodyBroker(SqliteBroker):
    """A broker in memory that can be away for a while."""

    def __init__(self, *, visibility: float = 600) -> None:
        super().__init__(None, visibility=visibility)
        self.away = threading.Event()
        self.refused = 0
        self.declare([CANCELS, STARTS])

    def receive(self, *queues: str, timeout: float = 0) -> Delivery | None:
        self._answer()
        return super().receive(*queues, timeout=timeout)

    def extend(self, delivery: Delivery) -> bool:
        self._answer()
        return super().extend(delivery)

    def ack(self, delivery: Delivery) -> bool:
        self._answer()
        return super().ack(delivery)

    def retry(self, delivery: Delivery) -> bool:
        self._answer()
        return super().retry(delivery)

    def _answer(self) -> None:
        if self.away.is_set():
            self.refused += 1
            raise Unavailable("The broker is away.")


class Stop(threading.Event):
    """Remembers how long it was waited on, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


class Handler:
    """Does what it is told to, and remembers what it was given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.handled: list[tuple[str, int]] = []

    def __call__(self, message: Message, attempt: int) -> None:
        self.handled.append((message.job_id, attempt))
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def broker() -> Iterator[MoodyBroker]:
    broker = MoodyBroker()
    yield broker
    broker.close()


@contextmanager
def running(consumer: Consumer, stop: threading.Event) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=consumer.run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the consumer does not stop"


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def settled(outcome: str, queue: Queue = CANCELS) -> float:
    labels = {"queue": queue.name, "outcome": outcome}
    return REGISTRY.get_sample_value("stylegram_messages_total", labels) or 0.0


def reasons(broker: SqliteBroker, queue: Queue = CANCELS) -> list[str]:
    return [letter.reason for letter in broker.dead_letters(queue.name)]


def started(job_id: str) -> JobStarted:
    return JobStarted(job_id=job_id, worker="w", attempt=1)


def kill_while_held(broker: SqliteBroker, queue: Queue, times: int) -> None:
    """As if so many processes had been killed while they held the queue's message."""
    for _ in range(times):
        delivery = broker.receive(queue.name)
        assert delivery is not None
        broker.retry(delivery)


def test_a_handled_message_is_acknowledged(broker: MoodyBroker) -> None:
    handler, before = Handler(), settled("acked")
    broker.publish(CancelJob(job_id="1"))
    consumer = Consumer(broker, CANCELS, handler, stop=Stop())
    assert consumer.step() is True
    assert consumer.step() is False
    assert handler.handled == [("1", 1)]
    assert broker.depth(CANCELS.name) == 0
    assert settled("acked") == before + 1


def test_a_retryable_error_brings_the_message_again_after_a_growing_pause(broker: MoodyBroker) -> None:
    handler, stop = Handler(*[Unavailable("away")] * 7), Stop()
    broker.publish(CancelJob(job_id="1"))
    consumer = Consumer(broker, CANCELS, handler, stop=stop)
    while consumer.step():
        pass
    assert handler.handled == [("1", 1)] * 8, "they do not count"
    assert stop.pauses == [1, 2, 4, 8, 16, 30, 30]
    assert broker.depth(CANCELS.name) == 0
    assert reasons(broker) == []


def test_an_error_that_ends_the_process_ends_the_consumer_and_frees_the_message(broker: MoodyBroker) -> None:
    handler = Handler(DeviceLost("The GPU failed."))
    broker.publish(CancelJob(job_id="1"))
    with pytest.raises(DeviceLost):
        Consumer(broker, CANCELS, handler, stop=Stop()).run()
    assert Consumer(broker, CANCELS, handler, stop=Stop()).step()
    assert handler.handled == [("1", 1), ("1", 2)], "it counts"
    assert reasons(broker) == []


def test_where_the_message_cannot_be_freed_the_consumer_ends_all_the_same(broker: MoodyBroker) -> None:
    broker.publish(CancelJob(job_id="1"))

    def fail(message: Message, attempt: int) -> None:
        broker.away.set()
        raise DeviceLost("The GPU failed.")

    with pytest.raises(DeviceLost):
        Consumer(broker, CANCELS, fail, stop=Stop()).run()
    assert broker.refused == 1


def test_a_dependency_may_be_away_for_days(broker: MoodyBroker) -> None:
    handler, stop = Handler(*[Unavailable("away")] * 1_100), Stop()
    broker.publish(CancelJob(job_id="1"))
    consumer = Consumer(broker, CANCELS, handler, stop=stop)
    while consumer.step():
        pass
    assert stop.pauses[-1] == 30
    assert len(handler.handled) == 1_101
    assert reasons(broker) == []


def test_every_message_has_pauses_of_its_own(broker: MoodyBroker) -> None:
    away = Unavailable("away")
    handler, stop = Handler(away, away, InvalidInput("no"), away), Stop()
    for job_id in ("1", "2"):
        broker.publish(CancelJob(job_id=job_id))
    consumer = Consumer(broker, CANCELS, handler, stop=stop)
    while consumer.step():
        pass
    assert [job_id for job_id, _ in handler.handled] == ["1", "1", "1", "2", "2"]
    assert stop.pauses == [1, 2, 1]


def test_an_error_that_no_retry_mends_is_fatal_at_once(broker: MoodyBroker) -> None:
    handler = Handler(InvalidInput("No such picture.", advice="Sync."))
    told: list[tuple[Message, StylegramError]] = []
    message = CancelJob(job_id="1")
    broker.publish(message)
    Consumer(broker, CANCELS, handler, stop=Stop(), on_dead=lambda *dead: told.append(dead)).step()
    assert handler.handled == [("1", 1)]
    assert reasons(broker) == ["No such picture. Sync."]
    ((dead, error),) = told
    assert dead == message
    assert error.code == "invalid-input"


def test_a_defect_in_the_handler_is_fatal_to_its_message_only(broker: MoodyBroker) -> None:
    told: list[str] = []
    handler = Handler(ZeroDivisionError("division by zero"))
    for job_id in ("1", "2"):
        broker.publish(CancelJob(job_id=job_id))
    consumer = Consumer(broker, CANCELS, handler, stop=Stop(), on_dead=lambda _, error: told.append(str(error)))
    assert consumer.step()
    assert consumer.step()
    assert handler.handled == [("1", 1), ("2", 1)]
    assert reasons(broker) == told == ["ZeroDivisionError: division by zero"]


def test_a_message_that_kills_its_processes_is_given_up(broker: MoodyBroker) -> None:
    handler = Handler()
    told: list[str] = []
    broker.publish(CancelJob(job_id="1"))
    kill_while_held(broker, CANCELS, CANCELS.attempts)
    Consumer(broker, CANCELS, handler, stop=Stop(), on_dead=lambda _, error: told.append(str(error))).step()
    assert handler.handled == []
    assert reasons(broker) == told == ["Given up after 2 attempts that never ended."]


def test_poison_is_a_dead_letter_and_the_next_message_is_handled(broker: MoodyBroker) -> None:
    class Newer(CancelJob):
        version: int = 2  # type: ignore[assignment]

    handler, told = Handler(), []
    broker.publish(Newer(job_id="1"))
    broker.publish(CancelJob(job_id="2"))
    consumer = Consumer(broker, CANCELS, handler, stop=Stop(), on_dead=lambda *dead: told.append(dead))
    assert consumer.step()
    assert consumer.step()
    assert handler.handled == [("2", 1)]
    assert told == [], "nobody knows which job it was about"
    (reason,) = reasons(broker)
    assert "version: Input should be 1" in reason


@pytest.mark.parametrize("error", [Interrupted("stopped"), Unavailable("away")], ids=lambda error: error.code)
def test_work_that_a_stop_interrupts_is_released_uncounted(broker: MoodyBroker, error: StylegramError) -> None:
    stop = Stop()

    def handle(message: Message, attempt: int) -> None:
        stop.set()
        raise error

    broker.publish(CancelJob(job_id="1"))
    Consumer(broker, CANCELS, handle, stop=stop).run()
    assert stop.pauses == []
    delivery = broker.receive(CANCELS.name)
    assert delivery is not None
    assert delivery.count == 1


def test_a_stop_during_the_pause_frees_the_message(broker: MoodyBroker) -> None:
    stop, handler = threading.Event(), Handler(Unavailable("away"))
    broker.publish(CancelJob(job_id="1"))
    handler.errors *= 9
    with running(Consumer(broker, CANCELS, handler, stop=stop), stop):
        eventually(lambda: len(handler.handled) == 3)  # now it pauses for four seconds
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 3.5
    delivery = broker.receive(CANCELS.name)
    assert delivery is not None
    assert delivery.count == 1


def test_the_claim_is_kept_while_the_work_takes_longer_than_it() -> None:
    visibility = 2.0
    broker = MoodyBroker(visibility=visibility)
    stolen: list[Delivery | None] = []

    def handle(message: Message, attempt: int) -> None:
        stolen.append(broker.receive(CANCELS.name, timeout=1.5 * visibility))

    broker.publish(CancelJob(job_id="1"))
    before = settled("acked")
    Consumer(broker, CANCELS, handle, stop=Stop(), extend_every=0.1).step()
    assert stolen == [None]
    assert settled("acked") == before + 1
    broker.close()


def test_a_lost_claim_is_noticed_and_changes_nothing() -> None:
    broker = MoodyBroker(visibility=0.05)
    others: list[Delivery | None] = []

    def handle(message: Message, attempt: int) -> None:
        others.append(broker.receive(CANCELS.name, timeout=PATIENCE))

    broker.publish(CancelJob(job_id="1"))
    before = settled("claim_lost")
    Consumer(broker, CANCELS, handle, stop=Stop(), extend_every=600).step()
    (other,) = others
    assert other is not None
    assert settled("claim_lost") == before + 1
    assert broker.ack(other)
    broker.close()


def test_a_broker_that_was_away_finds_the_consumer_waiting(broker: MoodyBroker) -> None:
    stop, handler = threading.Event(), Handler()
    broker.away.set()
    broker.publish(CancelJob(job_id="1"))
    with running(Consumer(broker, CANCELS, handler, stop=stop), stop) as thread:
        eventually(lambda: broker.refused >= 2)
        assert handler.handled == []
        assert thread.is_alive()
        broker.away.clear()
        eventually(lambda: bool(handler.handled))
    assert handler.handled == [("1", 1)]


def test_a_broker_that_goes_away_during_the_work_hands_the_message_out_again() -> None:
    broker, stop = MoodyBroker(visibility=0.1), threading.Event()
    attempts: list[int] = []

    def handle(message: Message, attempt: int) -> None:
        attempts.append(attempt)
        if attempt == 1:
            broker.away.set()
            eventually(lambda: broker.refused >= 2)  # the claim cannot be kept

    broker.publish(CancelJob(job_id="1"))
    with running(Consumer(broker, CANCELS, handle, stop=stop, extend_every=0.02), stop):
        eventually(lambda: broker.refused >= 4)
        broker.away.clear()
        eventually(lambda: len(attempts) == 2)
    assert attempts == [1, 2]
    assert broker.receive(CANCELS.name, timeout=2 * broker.visibility) is None, "it was not acknowledged"
    broker.close()


def test_a_closed_broker_does_not_kill_the_consumer(broker: MoodyBroker, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    stop = threading.Event()
    broker.close()
    with running(Consumer(broker, CANCELS, Handler(), stop=stop), stop) as thread:
        time.sleep(0.1)
        assert thread.is_alive()
    assert json.loads(capsys.readouterr().err.splitlines()[0])["event"] == "not_settled"


def test_others_that_could_not_be_told_are_told_again() -> None:
    broker = MoodyBroker(visibility=0.05)
    told: list[str] = []

    def tell(message: Message, error: StylegramError) -> None:
        told.append(str(error))
        if len(told) == 1:
            raise Unavailable("away")

    broker.publish(CancelJob(job_id="1"))
    consumer = Consumer(broker, CANCELS, Handler(InvalidInput("no"), InvalidInput("no")), stop=Stop(), on_dead=tell)
    with pytest.raises(Unavailable):
        consumer.step()
    assert reasons(broker) == [], "nobody would ever learn of it"
    assert consumer.step(timeout=PATIENCE)
    assert told == ["no", "no"]
    assert reasons(broker) == ["no"]
    broker.close()


def test_a_defect_in_the_telling_kills_nobody(broker: MoodyBroker) -> None:
    def tell(message: Message, error: StylegramError) -> None:
        raise ZeroDivisionError

    handler = Handler(InvalidInput("no"))
    for job_id in ("1", "2"):
        broker.publish(CancelJob(job_id=job_id))
    consumer = Consumer(broker, CANCELS, handler, stop=Stop(), on_dead=tell)
    assert consumer.step()
    assert consumer.step()
    assert reasons(broker) == ["no"]
    assert handler.handled == [("1", 1), ("2", 1)]


@pytest.mark.parametrize("reason", ["picture \udcff.jpg", "x" * 1_000_000, "", "\0"], ids=["bytes", "long", "", "NUL"])
def test_any_reason_makes_a_dead_letter(broker: MoodyBroker, reason: str) -> None:
    broker.publish(CancelJob(job_id="1"))
    Consumer(broker, CANCELS, Handler(InvalidInput(reason)), stop=Stop()).step()
    (kept,) = reasons(broker)
    assert len(kept) <= 2_000
    assert kept[:8] == reason[:8].replace("\udcff", "?")


def test_every_log_line_about_a_message_carries_its_job(
    broker: MoodyBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(json=True)
    errors = [InvalidInput("no"), Unavailable("away")]

    def handle(message: Message, attempt: int) -> None:
        broker.away.set()
        eventually(lambda: broker.refused >= 1)  # from the thread that keeps the claim
        broker.away.clear()
        raise errors.pop()

    broker.publish(CancelJob(job_id="42"))
    consumer = Consumer(broker, CANCELS, handle, stop=Stop(), extend_every=0.01)
    while consumer.step():
        pass
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["event"] for line in lines} == {"extend_failed", "attempt_failed", "dead_letter"}
    assert {line.get("job_id") for line in lines} == {"42"}


def test_what_is_in_the_first_queue_goes_before_what_is_in_the_second(broker: MoodyBroker) -> None:
    handler = Handler()
    consumer = Consumer(broker, (STARTS, CANCELS), handler, stop=Stop())
    for message in (CancelJob(job_id="1"), CancelJob(job_id="2"), started("3"), started("4")):
        broker.publish(message)
    before = settled("acked", STARTS), settled("acked")
    assert consumer.step()
    broker.publish(started("5"))
    while consumer.step():
        pass
    assert [job_id for job_id, _ in handler.handled] == ["3", "4", "5", "1", "2"]
    assert (settled("acked", STARTS), settled("acked")) == (before[0] + 3, before[1] + 2)


def test_each_of_several_queues_counts_its_attempts_and_keeps_its_dead_letters(broker: MoodyBroker) -> None:
    handler = Handler()
    for message in (started("1"), CancelJob(job_id="2")):
        broker.publish(message)
    for queue in (STARTS, CANCELS):
        kill_while_held(broker, queue, 2)
    consumer = Consumer(broker, (STARTS, CANCELS), handler, stop=Stop())
    while consumer.step():
        pass
    assert handler.handled == [("1", 3)]
    assert reasons(broker, STARTS) == []
    assert reasons(broker) == ["Given up after 2 attempts that never ended."]


def test_a_paused_queue_holds_up_no_other_and_is_worked_through_when_resumed(broker: MoodyBroker) -> None:
    handler = Handler()
    for message in (started("1"), CancelJob(job_id="2")):
        broker.publish(message)
    broker.pause(STARTS.name)
    consumer = Consumer(broker, (STARTS, CANCELS), handler, stop=Stop())
    assert [consumer.step(), consumer.step()] == [True, False]
    assert handler.handled == [("2", 1)]
    broker.resume(STARTS.name)
    assert consumer.step()
    assert handler.handled == [("2", 1), ("1", 1)]


def test_who_is_idle_for_so_long_sets_the_stop_and_not_before(broker: MoodyBroker) -> None:
    stop, handler = threading.Event(), Handler()
    broker.publish(CancelJob(job_id="1"))
    with running(Consumer(broker, CANCELS, handler, stop=stop, idle_seconds=1.0), stop) as thread:
        eventually(lambda: len(handler.handled) == 1)
        time.sleep(0.6)
        assert not stop.is_set()
        broker.publish(CancelJob(job_id="2"))
        eventually(lambda: len(handler.handled) == 2)
        done = time.monotonic()
        thread.join(PATIENCE)
        assert stop.is_set()
        assert time.monotonic() - done > 0.9, "the second message did not count"


def test_with_no_patience_what_waits_is_worked_through_first(broker: MoodyBroker) -> None:
    stop, handler = threading.Event(), Handler()
    for message in (CancelJob(job_id="1"), CancelJob(job_id="2"), started("3")):
        broker.publish(message)
    began = time.monotonic()
    Consumer(broker, (STARTS, CANCELS), handler, stop=stop, idle_seconds=0).run()
    assert time.monotonic() - began < PATIENCE
    assert [job_id for job_id, _ in handler.handled] == ["3", "1", "2"]
    assert stop.is_set()


def test_long_work_is_no_idleness(broker: MoodyBroker) -> None:
    stop, stopped = threading.Event(), []

    def handle(message: Message, attempt: int) -> None:
        time.sleep(0.5)
        stopped.append(stop.is_set())

    for job_id in ("1", "2"):
        broker.publish(CancelJob(job_id=job_id))
    Consumer(broker, CANCELS, handle, stop=stop, idle_seconds=0.1).run()
    assert stopped == [False, False]


def test_nobody_knows_of_idleness_while_the_broker_is_away(broker: MoodyBroker) -> None:
    stop, idle_seconds = threading.Event(), 2.0
    broker.away.set()
    with running(Consumer(broker, CANCELS, Handler(), stop=stop, idle_seconds=idle_seconds), stop) as thread:
        eventually(lambda: broker.refused > 1 + 2 * idle_seconds)
        assert not stop.is_set()
        back = time.monotonic()
        broker.away.clear()
        thread.join(PATIENCE)
        assert stop.is_set()
        assert time.monotonic() - back > idle_seconds - 0.1


def test_without_a_limit_nobody_is_ever_idle(broker: MoodyBroker) -> None:
    stop = threading.Event()
    with running(Consumer(broker, CANCELS, Handler(), stop=stop), stop) as thread:
        time.sleep(1.2)
        assert thread.is_alive()
        assert not stop.is_set()
