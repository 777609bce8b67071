"""The embedded broker between processes, some of which are killed."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import ConfigurationError
from stylegram.common.messages import CancelJob, decode
from stylegram.common.ports import DeadLetter
from stylegram.common.topology import Queue

CANCELS = Queue("test.cancels", ("job.cancel",))
# Generous: only a broker that is broken takes this long.
PATIENCE = 30.0

PREAMBLE = """
import itertools, os, sys, time
from pathlib import Path
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import Unavailable
from stylegram.common.messages import CancelJob, decode
from stylegram.common.topology import Queue
broker = SqliteBroker(Path(sys.argv[1]), visibility=float(sys.argv[2]))
broker.declare([Queue("test.cancels", ("job.cancel",))])
def say(*words):
    print(*words, flush=True)
"""
PUBLISH = """
for number in range(int(sys.argv[4])):
    broker.publish(CancelJob(job_id=f"{sys.argv[3]}/{number}"))
    say(f"{sys.argv[3]}/{number}")
"""
PUBLISH_FOR_EVER = """
for number in itertools.count():
    broker.publish(CancelJob(job_id=str(number)))
    say(number)
"""
CONSUME = """
while delivery := broker.receive("test.cancels", timeout=float(sys.argv[3])):
    job = decode(delivery.body).job_id
    assert broker.ack(delivery)
    if job == "stop":
        break
    say(job)
"""
PAUSE = """
broker.pause("test.cancels")
"""
REJECT = """
for number in range(int(sys.argv[3])):
    broker.publish(CancelJob(job_id=str(number)))
    assert broker.reject(broker.receive("test.cancels"), f"reason {number}")
"""
HOLD = """
say(decode(broker.receive("test.cancels", timeout=30).body).job_id)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite"


@pytest.fixture
def broker(path: Path) -> Iterator[SqliteBroker]:
    broker = SqliteBroker(path, visibility=600)
    broker.declare([CANCELS])
    yield broker
    broker.close()


def start(script: str, path: Path, *arguments: object, visibility: float = 600) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREAMBLE + script, str(path), str(visibility), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[str]:
    output, errors = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, errors
    return output.split()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill the process; what it had still said."""
    process.send_signal(signal.SIGKILL)
    with process:
        assert process.stdout is not None
        return process.stdout.read().split()


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def test_without_kills_every_message_is_handled_exactly_once(path: Path, broker: SqliteBroker) -> None:
    publishers = [start(PUBLISH, path, name, 40) for name in ("a", "b", "c")]
    consumers = [start(CONSUME, path, PATIENCE) for _ in range(3)]
    published = [job for publisher in publishers for job in said(publisher)]
    for _ in consumers:
        broker.publish(CancelJob(job_id="stop"))
    handled = [job for consumer in consumers for job in said(consumer)]
    assert len(published) == 120
    assert broker.depth(CANCELS.name) == 0
    assert Counter(handled) == Counter(published)
    assert integrity(path) == "ok"


def test_one_publishers_messages_keep_their_order(path: Path) -> None:
    publishers = [start(PUBLISH, path, name, 30) for name in ("a", "b")]
    published = [said(publisher) for publisher in publishers]
    handled = said(start(CONSUME, path, 0))
    for jobs in published:
        assert [job for job in handled if job in jobs] == jobs


def test_what_a_killed_publisher_was_confirmed_is_there(path: Path) -> None:
    for round_ in range(3):
        file = path.with_name(f"{round_}.sqlite")
        publisher = start(PUBLISH_FOR_EVER, file)
        confirmed = [read_line(publisher) for _ in range(10 + 7 * round_)]
        confirmed += kill(publisher)
        assert integrity(file) == "ok"
        there = said(start(CONSUME, file, 0))
        # The last may have been stored without its confirmation having been heard.
        assert there[: len(confirmed)] == confirmed
        assert len(there) <= len(confirmed) + 1


def test_what_a_killed_consumer_held_comes_to_another(path: Path, broker: SqliteBroker) -> None:
    broker.publish(CancelJob(job_id="1"))
    holder = start(HOLD, path, visibility=0.5)
    assert read_line(holder) == "1"
    kill(holder)
    delivery = broker.receive(CANCELS.name, timeout=PATIENCE)
    assert delivery is not None
    assert (decode(delivery.body).job_id, delivery.count) == ("1", 2)
    assert broker.ack(delivery)


def test_a_queue_stays_paused_when_the_process_that_paused_it_is_gone(path: Path, broker: SqliteBroker) -> None:
    broker.publish(CancelJob(job_id="1"))
    said(start(PAUSE, path))
    assert broker.paused(CANCELS.name)
    assert said(start(CONSUME, path, 0)) == []
    assert broker.depth(CANCELS.name) == 1
    broker.resume(CANCELS.name)
    assert said(start(CONSUME, path, 0)) == ["1"]


def test_dead_letters_that_are_drained_while_others_die_are_neither_lost_nor_doubled(
    path: Path, broker: SqliteBroker
) -> None:
    rejecter = start(REJECT, path, 60)
    drained: list[DeadLetter] = []
    while rejecter.poll() is None:
        drained += broker.drain_dead(CANCELS.name)
    said(rejecter)
    drained += broker.drain_dead(CANCELS.name)
    assert [decode(letter.body).job_id for letter in drained] == [str(number) for number in range(60)]
    assert [letter.reason for letter in drained] == [f"reason {number}" for number in range(60)]


def test_a_dead_letter_that_is_put_back_is_as_if_it_had_never_been_delivered(broker: SqliteBroker) -> None:
    broker.publish(CancelJob(job_id="1"))
    for settle in (broker.retry, lambda delivery: broker.reject(delivery, "no")):
        delivery = broker.receive(CANCELS.name)
        assert delivery is not None
        settle(delivery)
    (letter,) = broker.drain_dead(CANCELS.name, requeue=True)
    assert (letter.count, letter.reason) == (2, "no")
    again = broker.receive(CANCELS.name)
    assert again is not None
    assert (again.body, again.count) == (letter.body, 1)
    assert broker.drain_dead(CANCELS.name) == []


def test_a_consumer_that_only_slept_cannot_settle_anothers_claim(path: Path, broker: SqliteBroker) -> None:
    sleepy = SqliteBroker(path, visibility=0.1)
    broker.publish(CancelJob(job_id="1"))
    lost = sleepy.receive(CANCELS.name)
    held = broker.receive(CANCELS.name, timeout=PATIENCE)
    assert lost is not None
    assert held is not None
    assert not sleepy.ack(lost)
    assert broker.ack(held)
    sleepy.close()


def test_messages_outlive_every_process(path: Path) -> None:
    published = said(start(PUBLISH, path, "a", 3))
    assert said(start(CONSUME, path, 0)) == published


def test_a_full_disk_is_unavailable_and_afterwards_all_goes_on(path: Path) -> None:
    script = """
import resource
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(600_000)
stored = 0
try:
    while True:
        broker.publish(CancelJob(job_id=str(stored) + "x" * 20_000))
        stored += 1
except Unavailable:
    pass
try:
    broker.publish(CancelJob(job_id="x" * 5_000_000))  # more than SQLite keeps in memory until the commit
    raise SystemExit("the disk is not full")
except Unavailable as error:
    assert "disk" in str(error), error
limit(resource.RLIM_INFINITY)
assert 0 < stored == broker.depth("test.cancels")
broker.publish(CancelJob(job_id="last"))
say(stored)
"""
    (stored,) = said(start(script, path))
    jobs = said(start(CONSUME, path, 0))
    assert len(jobs) == int(stored) + 1
    assert jobs[-1] == "last"
    assert integrity(path) == "ok"


def test_opening_a_file_that_another_process_is_making_waits_for_it(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # what SQLite does not wait for when it changes the journal's mode
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    SqliteBroker(path).close()
    release.join()
    other.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, None], ids=["another file", "a folder"])
def test_a_file_that_is_no_queue_is_a_configuration_error(path: Path, content: bytes | None) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="STYLEGRAM_BROKER_URL"):
        SqliteBroker(path)
    if content is not None:
        assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="STYLEGRAM_BROKER_URL"):
        SqliteBroker(tmp_path / "file/below/queue.sqlite")
