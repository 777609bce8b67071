"""How a service works through many small messages: what waits is handled at once."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import structlog

from stylegram.common.consumer import Consumer
from stylegram.common.errors import StylegramError
from stylegram.common.messages import Message, decode
from stylegram.common.ports import Broker, Delivery
from stylegram.common.topology import Queue

_log = structlog.get_logger(__name__)
# Beyond some hundred a commit's cost is a small part, and others wait longer for the database.
_MOST = 300


class BatchConsumer(Consumer):
    """Works through one queue, or several, by all messages that wait there, up to some hundred at a time.

    Where that fails, for whatever reason, each of them is handled by itself, as `Consumer` does: so that a message
    that nobody can use becomes a dead letter alone. The first that has to wait for something makes the rest wait too.

    A message that was handed out before is handled by itself at once, for it may be what killed a process; else it
    would use up the attempts of those beside it.

    Args:
        broker: where the queues are.
        queues: which ones; what is in the first goes before what is in the second.
        handle_all: does the work of all of the messages, or of none; must be idempotent.
        stop: set it to finish after the messages at hand.
        most: messages at a time.
        extend_every: seconds between extensions of the claims; by default a claim survives two that come to nothing.
        on_dead: told of each message that becomes a dead letter, before it does, so that others learn of it.
    """

    def __init__(
        self,
        broker: Broker,
        queues: Queue | Sequence[Queue],
        handle_all: Callable[[Sequence[Message]], None],
        *,
        stop: threading.Event,
        most: int = _MOST,
        extend_every: float | None = None,
        on_dead: Callable[[Message, StylegramError], None] | None = None,
    ) -> None:
        def handle(message: Message, _attempt: int) -> None:
            handle_all([message])

        super().__init__(broker, queues, handle, stop=stop, extend_every=extend_every, on_dead=on_dead)
        self._handle_all = handle_all
        self._most = most

    def step(self, *, timeout: float = 0) -> bool:
        """Handle what waits; False if nothing did, nor came within `timeout` seconds."""
        batch: deque[Delivery] = deque()
        with ExitStack() as claims:
            while len(batch) < self._most and (delivery := self._next(batch, timeout)):
                claims.enter_context(self._keeper.keeping(delivery))
                batch.append(delivery)
                if delivery.count > 1:
                    break
            if not batch:
                return False
            first_time = [delivery for delivery in batch if delivery.count == 1]
            if len(first_time) > 1 and self._work_at_once(first_time):
                for _ in first_time:
                    batch.popleft()
            self._work_one_by_one(batch)
        return True

    def _next(self, batch: Sequence[Delivery], timeout: float) -> Delivery | None:
        if not batch:
            return self._receive(timeout)
        # What is at hand need not wait for a broker that went away; the next step tells of it.
        with suppress(StylegramError):
            return self._receive(0)
        return None

    def _work_at_once(self, batch: Sequence[Delivery]) -> bool:
        """Handle all of them; False if that failed, and nothing is settled."""
        try:
            messages = [decode(delivery.body) for delivery in batch]
            self._handle_all(messages)
        except Exception as error:  # who is to blame, and what follows from it, is seen when each is by itself
            _log.warning("batch_failed", messages=len(batch), reason=str(error) or type(error).__name__)
            return False
        for delivery, message in zip(batch, messages, strict=True):
            self._settle(delivery, "acked", self._broker.ack(delivery))
            del self._failures[message.message_id]
        return True

    def _work_one_by_one(self, rest: deque[Delivery]) -> None:
        try:
            while rest and self._take(rest.popleft()) and not self._stop.is_set():
                pass
        finally:
            with suppress(StylegramError):  # else the claims run out by themselves
                for delivery in rest:
                    self._settle(delivery, "released", self._broker.release(delivery))
