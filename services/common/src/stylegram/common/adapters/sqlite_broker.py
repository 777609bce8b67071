"""A durable message broker in one SQLite file: several processes, no server.

A message is a row. Claiming it hides it for the visibility timeout; a consumer that lives extends its claim,
one that was killed lets it run out, and the message is free again. The receipt names the claim, so that a
consumer which lost its claim cannot settle the message of the one that has it now.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from stylegram.common.errors import ConfigurationError, NotFound, Unavailable
from stylegram.common.messages import Message, encode
from stylegram.common.ports import DeadLetter, Delivery
from stylegram.common.sqlite_files import LOCK_TIMEOUT, use_write_ahead_log
from stylegram.common.topology import Queue

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, topics TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL REFERENCES queues (name),
    body BLOB NOT NULL,
    free_at REAL NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0,
    receipt TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, id);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    died_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS paused (queue TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# A poll is one indexed look-up of some 20 µs; people do not notice a twentieth of a second.
_POLL = 0.05
# Of those that are only looked at.
_MOST_DEAD_LETTERS = 1000


class SqliteBroker:
    """The broker port on a SQLite file, or in memory.

    Args:
        path: the file, made with its folder when absent; None keeps everything in this object.
        visibility: seconds until a claim that nobody extends runs out.

    Raises:
        ConfigurationError: the file cannot be made or opened, or is none of ours.
    """

    def __init__(self, path: Path | None, *, visibility: float = 30.0) -> None:
        self.visibility = visibility
        # One connection serves all threads of the process, a transaction at a time.
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            use_write_ahead_log(self._connection)
            # FULL: a message whose publication was confirmed outlives a power cut, not just the process.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"The message queue's file '{path}' cannot be used: {error}.",
                advice="STYLEGRAM_BROKER_URL names a file that this process may write.",
            ) from error

    def declare(self, queues: Iterable[Queue]) -> None:
        """See `Broker.declare`."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO queues VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET topics = excluded.topics",
                [(queue.name, " ".join(queue.topics)) for queue in queues],
            )

    def publish(self, message: Message) -> None:
        """See `Broker.publish`."""
        body = encode(message)
        with self._transaction() as db:
            queues = [
                Queue(name, tuple(topics.split())) for name, topics in db.execute("SELECT name, topics FROM queues")
            ]
            hearers = [queue.name for queue in queues if queue.hears(message.topic)]
            if not hearers and message.topic.startswith("command."):
                raise NotFound(f"No queue hears '{message.topic}'.", advice="Declare the queues before publishing.")
            db.executemany("INSERT INTO messages (queue, body) VALUES (?, ?)", [(name, body) for name in hearers])

    def receive(self, *queues: str, timeout: float = 0) -> Delivery | None:
        """See `Broker.receive`."""
        deadline = time.monotonic() + timeout
        while True:
            delivery = self._claim(queues)
            remaining = deadline - time.monotonic()
            if delivery or remaining <= 0:
                return delivery
            time.sleep(min(_POLL, remaining))

    def extend(self, delivery: Delivery) -> bool:
        """See `Broker.extend`."""
        return self._settle("UPDATE messages SET free_at = ? WHERE receipt = ?", self._later(), delivery.receipt)

    def ack(self, delivery: Delivery) -> bool:
        """See `Broker.ack`."""
        return self._settle("DELETE FROM messages WHERE receipt = ?", delivery.receipt)

    def reject(self, delivery: Delivery, reason: str) -> bool:
        """See `Broker.reject`."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO dead_letters (queue, body, reason, count, died_at)"
                " SELECT queue, body, ?, count, ? FROM messages WHERE receipt = ?",
                (reason, time.time(), delivery.receipt),
            )
            return db.execute("DELETE FROM messages WHERE receipt = ?", (delivery.receipt,)).rowcount == 1

    def retry(self, delivery: Delivery) -> bool:
        """See `Broker.retry`."""
        return self._settle("UPDATE messages SET free_at = 0, receipt = NULL WHERE receipt = ?", delivery.receipt)

    def release(self, delivery: Delivery) -> bool:
        """See `Broker.release`."""
        return self._settle(
            "UPDATE messages SET free_at = 0, receipt = NULL, count = count - 1 WHERE receipt = ?", delivery.receipt
        )

    def depth(self, queue: str) -> int:
        """See `Broker.depth`."""
        with self._transaction() as db:
            _check_exists(db, queue)
            count: int = db.execute(
                "SELECT count(*) FROM messages WHERE queue = ? AND free_at <= ?", (queue, time.time())
            ).fetchone()[0]
            return count

    def dead_count(self, queue: str) -> int:
        """See `Broker.dead_count`."""
        with self._transaction() as db:
            _check_exists(db, queue)
            count: int = db.execute("SELECT count(*) FROM dead_letters WHERE queue = ?", (queue,)).fetchone()[0]
            return count

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """See `Broker.dead_letters`."""
        with self._transaction() as db:
            return _dead_letters(db, queue, _MOST_DEAD_LETTERS)

    def drain_dead(self, queue: str, *, requeue: bool = False) -> list[DeadLetter]:
        """See `Broker.drain_dead`."""
        with self._transaction() as db:
            letters = _dead_letters(db, queue)
            if requeue:
                bodies = [(letter.queue, letter.body) for letter in letters]
                db.executemany("INSERT INTO messages (queue, body) VALUES (?, ?)", bodies)
            db.execute("DELETE FROM dead_letters WHERE queue = ?", (queue,))
            return letters

    def pause(self, queue: str) -> None:
        """See `Broker.pause`."""
        with self._transaction() as db:
            _check_exists(db, queue)
            db.execute("INSERT INTO paused VALUES (?) ON CONFLICT DO NOTHING", (queue,))

    def resume(self, queue: str) -> None:
        """See `Broker.resume`."""
        with self._transaction() as db:
            db.execute("DELETE FROM paused WHERE queue = ?", (queue,))

    def paused(self, queue: str) -> bool:
        """See `Broker.paused`."""
        with self._transaction() as db:
            return bool(db.execute("SELECT 1 FROM paused WHERE queue = ?", (queue,)).fetchone())

    def close(self) -> None:
        """See `Broker.close`."""
        with self._lock:
            self._connection.close()

    def _claim(self, queues: Sequence[str]) -> Delivery | None:
        with self._transaction() as db:
            for queue in queues:
                _check_exists(db, queue)
                row = db.execute(
                    "UPDATE messages SET count = count + 1, free_at = ?, receipt = ? WHERE id ="
                    " (SELECT id FROM messages WHERE queue = ? AND free_at <= ?"
                    " AND queue NOT IN (SELECT queue FROM paused) ORDER BY id LIMIT 1)"
                    " RETURNING body, count, receipt",
                    (self._later(), str(uuid4()), queue, time.time()),
                ).fetchone()
                if row:
                    return Delivery(queue, *row)
        return None

    def _later(self) -> float:
        return time.time() + self.visibility

    def _settle(self, statement: str, *parameters: object) -> bool:
        with self._transaction() as db:
            return db.execute(statement, parameters).rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # IMMEDIATE takes the write lock at once: a read that later turns into a write could not wait for it.
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                finally:
                    # A full disk has ended it already, and rolling back again would hide that reason.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise Unavailable(f"The message queue's file did not answer: {error}.") from error


def _check_exists(db: sqlite3.Connection, queue: str) -> None:
    if not db.execute("SELECT 1 FROM queues WHERE name = ?", (queue,)).fetchone():
        raise NotFound(f"There is no queue '{queue}'.", advice="Declare it first.")


def _dead_letters(db: sqlite3.Connection, queue: str, limit: int = -1) -> list[DeadLetter]:
    rows = db.execute(
        "SELECT queue, body, reason, count, died_at FROM dead_letters WHERE queue = ? ORDER BY id LIMIT ?",
        (queue, limit),
    ).fetchall()
    return [
        DeadLetter(name, body, reason, count, datetime.fromtimestamp(died_at, UTC))
        for name, body, reason, count, died_at in rows
    ]
