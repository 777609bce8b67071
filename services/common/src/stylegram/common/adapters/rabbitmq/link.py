"""One AMQP connection that a thread of its own keeps alive, however long the others compute.

pika's blocking connection belongs to one thread. Here that thread does what the others ask of it and answers the
server's heartbeats in between. A connection that is lost is replaced, after pauses that grow.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import structlog
from pika import BlockingConnection, URLParameters
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from stylegram.common.adapters.rabbitmq.layout import Server
from stylegram.common.errors import ConfigurationError, StylegramError, Unavailable

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
# A server that restarts is back within seconds, and is not to be stormed by all its clients at once.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_REFUSALS = (AuthenticationError, ProbableAccessDeniedError, ProbableAuthenticationError)


@dataclass(frozen=True)
class Session:
    """One connection of a link, for as long as it lasts; for the link's thread alone.

    Args:
        connection: pika's.
        channel: what the link's work is done on.
    """

    connection: BlockingConnection
    channel: BlockingChannel

    @cached_property
    def server(self) -> Server:
        """What is at the other end."""
        # The only place where pika's blocking connection keeps what the server said of itself.
        return Server.of(self.connection._impl.server_properties["version"])


class Link:
    """A connection, as long as this object lives.

    Args:
        parameters: where to connect.
        name: what the connection is called in logs, and on the server's own pages.
        begin: prepares each new connection's channel.
        tick: done between two pieces of work, and at least every `pulse` seconds.
        end: told that a connection is gone, and all that was unsettled on it.
        pulse: seconds.
    """

    def __init__(
        self,
        parameters: URLParameters,
        name: str,
        *,
        begin: Callable[[Session], None],
        tick: Callable[[Session], None] = lambda _: None,
        end: Callable[[], None] = lambda: None,
        pulse: float = 1.0,
    ) -> None:
        self._parameters = parameters
        self._name = name
        self._begin = begin
        self._tick = tick
        self._end = end
        self._pulse = pulse
        self._lock = threading.Lock()
        self._work: deque[tuple[Callable[[Session], Any], Future[Any]]] = deque()
        self._connection: BlockingConnection | None = None
        self._closing = threading.Event()
        self._was_connected = False
        self._thread = threading.Thread(target=self._run, name=f"amqp-{name}", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[Session], _T]) -> _T:
        """Have the link's thread do the work, and wait for it; where there is no connection, for the next attempt.

        Raises:
            Unavailable: there is no connection, or it was lost over the work, which may have been done or not.
            ConfigurationError: the server refuses us, and never took us before.
            StylegramError: what the work raised.
        """
        result: _T = self.post(work).result()
        return result

    def post(self, work: Callable[[Session], _T]) -> "Future[_T]":
        """As `call`, without waiting."""
        future: Future[_T] = Future()
        with self._lock:
            if self._closing.is_set():
                raise Unavailable("The broker's connection has been closed.")
            self._work.append((work, future))
            self._wake()
        return future

    def close(self) -> None:
        """Do what is still to be done, if there is a connection, and let go of it."""
        with self._lock:
            self._closing.set()
            self._wake()
        self._thread.join()

    def _wake(self) -> None:
        if self._connection:
            with suppress(AMQPError):  # it is being replaced, and the next one looks for work first
                self._connection.add_callback_threadsafe(lambda: None)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                session = self._open()
            except Exception as error:  # pika and the resolver of names raise more than their own
                self._refuse(self._failure(error))
            else:
                self._serve(session)
            # A connection that is lost at once, again and again, is one that fails.
            failures = 0 if time.monotonic() - began > _LONGEST_PAUSE else failures + 1
            if failures:
                pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
                self._closing.wait(pause * random.uniform(0.5, 1))
        self._refuse(Unavailable("The broker's connection has been closed."))

    def _open(self) -> Session:
        connection = BlockingConnection(self._parameters)
        try:
            session = Session(connection, connection.channel())
            session.server.check()
            self._begin(session)
        except BaseException:
            _close(connection)
            raise
        self._was_connected = True
        _log.info("broker_connected", link=self._name)
        return session

    def _serve(self, session: Session) -> None:
        try:
            with self._lock:
                self._connection = session.connection
            # A channel that the server closed shows nowhere else.
            while session.channel.is_open:
                while self._work and session.channel.is_open:
                    self._do(session, *self._work.popleft())
                if self._closing.is_set():
                    break
                self._tick(session)
                session.connection.process_data_events(time_limit=self._pulse)
        except Exception as error:  # a callback's too: were this thread to end, all who call would wait for ever
            _log.warning("broker_lost", link=self._name, reason=_reason(error))
        finally:
            with self._lock:
                self._connection = None
            self._end()
            _close(session.connection)

    def _do(self, session: Session, work: Callable[[Session], _T], future: "Future[_T]") -> None:
        try:
            result = work(session)
        except StylegramError as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(self._failure(error))
            raise
        else:
            future.set_result(result)

    def _refuse(self, error: StylegramError) -> None:
        with self._lock:
            waiting, self._work = self._work, deque()
        for _, future in waiting:
            future.set_exception(error)

    def _failure(self, error: Exception) -> StylegramError:
        if self._was_connected:
            # Whatever it is, an operator is at work, over which no job is to fail.
            return Unavailable(f"The broker did not answer: {_reason(error)}.")
        if isinstance(error, StylegramError):
            return error
        if isinstance(error, _REFUSALS):
            return ConfigurationError(
                f"The broker refuses the connection: {_reason(error)}.",
                advice="Look at the user, the password and the virtual host in STYLEGRAM_BROKER_URL.",
            )
        return Unavailable(f"The broker did not answer: {_reason(error)}.")


def _reason(error: BaseException) -> str:
    """pika's errors often say nothing but what they wrap."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    return f"{type(error).__name__}: {error}".rstrip(": .")


def _close(connection: BlockingConnection) -> None:
    with suppress(AMQPError, OSError):
        connection.close()
