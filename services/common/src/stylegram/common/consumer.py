"""How a service works through its queues: decode, handle, settle, and keep the claim while the work takes long."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from math import inf

import structlog

from stylegram.common.errors import InvalidMessage, StylegramError
from stylegram.common.messages import Message, decode
from stylegram.common.metrics import MESSAGES
from stylegram.common.ports import Broker, Delivery
from stylegram.common.topology import Queue

_log = structlog.get_logger(__name__)
# How long one wait for a message takes; also how soon a request to stop is noticed.
_WAIT = 0.5
# A dependency that is away gets a second, then two, then four …, but is asked again at least every half minute.
_LONGEST_PAUSE = 30.0
# Characters; enough for any sentence of ours.
_LONGEST_REASON = 2_000


class Consumer:
    """Works through one queue, or several, a message at a time.

    A handler that returns has done its work. One that raises an error marked retryable gets the message again after
    a pause, which grows, for as long as it takes: such an attempt does not count. Any other error makes the message
    a dead letter with the reason, and so do too many attempts that ended without a word. One after which the process
    can do no more work ends the consumer; such an attempt counts, or its message could end one process after another.

    Args:
        broker: where the queues are.
        queues: which ones; what is in the first goes before what is in the second.
        handle: does the work of one message, given the number of the attempt; must be idempotent.
        stop: set it to finish after the message at hand.
        extend_every: seconds between extensions of the claim; by default a claim survives two that come to nothing.
        on_dead: told of each message that becomes a dead letter, before it does, so that others learn of it.
        idle_seconds: after so long without a message, `stop` is set here; a broker that is away, or a message that is
            put back, is no idleness. None never does.
    """

    def __init__(
        self,
        broker: Broker,
        queues: Queue | Sequence[Queue],
        handle: Callable[[Message, int], None],
        *,
        stop: threading.Event,
        extend_every: float | None = None,
        on_dead: Callable[[Message, StylegramError], None] | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._broker = broker
        self._queues = {queue.name: queue for queue in ((queues,) if isinstance(queues, Queue) else queues)}
        self._handle = handle
        self._stop = stop
        self._keeper = _Keeper(self._extend, broker.visibility / 3 if extend_every is None else extend_every)
        self._on_dead = on_dead
        self._idle_seconds = inf if idle_seconds is None else idle_seconds
        # By message, those in a row: a released message remembers nothing of them.
        self._failures: Counter[str] = Counter()

    def run(self) -> None:
        """Work until `stop` is set.

        Raises:
            StylegramError: one that ends the process; its message is free again.
        """
        busy = time.monotonic()
        while not self._stop.is_set():
            try:
                if self.step(timeout=min(_WAIT, self._idle_seconds)):
                    busy = time.monotonic()
                elif time.monotonic() - busy >= self._idle_seconds:
                    _log.info("idle", queues=list(self._queues), seconds=self._idle_seconds)
                    self._stop.set()
            except StylegramError as error:
                if error.ends_process:
                    raise
                # The broker is away, or others could not be told of a dead letter: wait rather than die.
                _log.warning("not_settled", queues=list(self._queues), reason=str(error))
                self._stop.wait(_WAIT)
                busy = time.monotonic()

    def step(self, *, timeout: float = 0) -> bool:
        """Handle one message if one comes within `timeout` seconds; False if none came."""
        delivery = self._receive(timeout)
        if delivery is None:
            return False
        self._take(delivery)
        return True

    def _receive(self, timeout: float) -> Delivery | None:
        return self._broker.receive(*self._queues, timeout=timeout)

    def _take(self, delivery: Delivery) -> bool:
        """Handle a message by itself; False if it was put back, for what it needs is away."""
        try:
            message = decode(delivery.body)
        except InvalidMessage as error:
            self._bury(delivery, None, error)
            return True
        with structlog.contextvars.bound_contextvars(job_id=message.job_id):
            return self._work(delivery, message)

    def _work(self, delivery: Delivery, message: Message) -> bool:
        attempts = self._queues[delivery.queue].attempts
        if delivery.count > attempts:
            # The attempts before this one left no word: their process was killed while it held the message.
            self._bury(delivery, message, StylegramError(f"Given up after {attempts} attempts that never ended."))
            return True
        try:
            with self._keeper.keeping(delivery):
                self._handle(message, delivery.count)
        except StylegramError as error:
            if error.ends_process:
                with suppress(StylegramError):  # else the claim runs out by itself
                    self._settle(delivery, "retried", self._broker.retry(delivery))
                raise
            if error.retryable:
                self._pause(delivery, message, error)
                self._settle(delivery, "released", self._broker.release(delivery))
                return False
            self._bury(delivery, message, error)
        except Exception as error:
            # Not one of ours, hence a defect: trying again would only repeat it.
            _log.exception("handler_defect", queue=delivery.queue)
            self._bury(delivery, message, StylegramError(f"{type(error).__name__}: {error}"))
        else:
            self._settle(delivery, "acked", self._broker.ack(delivery))
        del self._failures[message.message_id]
        return True

    def _pause(self, delivery: Delivery, message: Message, error: StylegramError) -> None:
        if self._stop.is_set():
            return
        self._failures[message.message_id] += 1
        failures = self._failures[message.message_id]
        _log.warning("attempt_failed", failures=failures, reason=str(error))
        with self._keeper.keeping(delivery):
            # Failures have no bound, and 2.0 ** 1024 is too large for a float.
            self._stop.wait(min(2.0 ** min(failures - 1, 10), _LONGEST_PAUSE))

    def _bury(self, delivery: Delivery, message: Message | None, error: StylegramError) -> None:
        if message is not None and self._on_dead is not None:
            try:
                self._on_dead(message, error)
            except StylegramError:  # the message comes again, and others learn of it then
                raise
            except Exception:
                _log.exception("on_dead_defect", queue=delivery.queue)
        # File names and decoders put anything into an error; brokers keep only so much text, and only Unicode.
        reason = str(error)[:_LONGEST_REASON].encode(errors="replace").decode()
        _log.error("dead_letter", queue=delivery.queue, reason=reason)
        self._settle(delivery, "dead", self._broker.reject(delivery, reason))

    def _settle(self, delivery: Delivery, outcome: str, held: bool) -> None:
        MESSAGES.labels(queue=delivery.queue, outcome=outcome if held else "claim_lost").inc()
        if not held:
            _log.warning("claim_lost", queue=delivery.queue, outcome=outcome)

    def _extend(self, delivery: Delivery) -> None:
        try:
            self._broker.extend(delivery)
        except Exception as error:  # whatever it is, the next extension may succeed
            _log.warning("extend_failed", queue=delivery.queue, reason=str(error) or type(error).__name__)


class _Keeper:
    """Keeps claims alive, from a thread that outlasts them: most messages take less than starting one.

    Args:
        extend: extends a claim.
        every: seconds between two extensions.
    """

    def __init__(self, extend: Callable[[Delivery], None], every: float) -> None:
        self._extend = extend
        self._every = every
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Delivery, Context]] = {}
        self._runs = False

    @contextmanager
    def keeping(self, delivery: Delivery) -> Iterator[None]:
        """Extend the claim until the block ends."""
        with self._lock:
            # In the caller's context, so that log lines carry the job too.
            self._held[delivery.receipt] = delivery, copy_context()
            if not self._runs:
                threading.Thread(target=self._run, name=f"keep-{delivery.queue}", daemon=True).start()
                self._runs = True
        try:
            yield
        finally:
            with self._lock:
                # Blocks of one message may lie in each other; it is settled after the innermost.
                self._held.pop(delivery.receipt, None)

    def _run(self) -> None:
        while True:
            time.sleep(self._every)
            with self._lock:
                held = [*self._held.values()]
                self._runs = bool(held)
            if not held:
                return
            for delivery, context in held:
                context.run(self._extend, delivery)
