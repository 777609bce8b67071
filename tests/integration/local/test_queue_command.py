"""`stylegram queue`, as a person runs it: at a server, and on a state folder without one."""

import json
from pathlib import Path

import pytest

from local_commands import Command, Worker
from stylegram.common.messages import Priority, decode
from stylegram.common.topology import QUEUES, STYLIZER_BATCH, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job


def bury(worker: Worker, reason: str, priority: Priority = Priority.INTERACTIVE) -> Job:
    """A job whose message nobody could use."""
    job = worker.submit(priority)
    queue = STYLIZER_BATCH if priority is Priority.BATCH else STYLIZER_JOBS
    delivery = worker.ingest.broker.receive(queue.name)
    assert delivery is not None
    worker.ingest.broker.reject(delivery, reason)
    return job


def test_the_status_names_every_queue_and_what_is_in_it(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    worker.submit()
    for priority in Priority:
        bury(worker, "no", priority)
    worker.submit(Priority.BATCH)
    worker.submit(Priority.BATCH)
    worker.ingest.broker.pause(STYLIZER_BATCH.name)
    done = stylegram("queue", "status", *place)
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines()[1:]}
    assert list(rows) == [queue.name for queue in QUEUES]
    assert rows["stylizer.batch"] == ["2", "1", "paused"]
    assert rows["publisher.posts"] == ["0", "0"]
    as_json = [json.loads(line) for line in stylegram("queue", "status", "--json", *place).out.splitlines()]
    assert as_json[1] == {"name": "stylizer.batch", "waiting": 2, "dead": 1, "paused": True}


def test_a_paused_queue_hands_nothing_out_until_it_is_resumed(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    worker.submit()
    broker = worker.ingest.broker
    assert stylegram("queue", "pause", "stylizer.jobs", *place) == (0, "stylizer.jobs is paused.\n", "")
    assert (broker.paused("stylizer.jobs"), broker.paused("stylizer.batch")) == (True, False)
    assert broker.receive("stylizer.jobs") is None
    assert stylegram("queue", "resume", "stylizer.jobs", *place) == (0, "stylizer.jobs goes on.\n", "")
    assert broker.receive("stylizer.jobs") is not None


def test_the_stylizer_is_both_queues_of_jobs(stylegram: Command, ingest: Ingest, place: tuple[str, str]) -> None:
    paused = stylegram("queue", "pause", "stylizer", *place)
    assert (paused.code, paused.out) == (0, "stylizer.jobs is paused.\nstylizer.batch is paused.\n")
    assert [queue.name for queue in ingest.queues() if queue.paused] == ["stylizer.jobs", "stylizer.batch"]
    assert stylegram("queue", "resume", "stylizer", *place).code == 0
    assert not any(queue.paused for queue in ingest.queues())


@pytest.mark.parametrize("verb", ["pause", "resume", "drain-dead"])
def test_a_queue_that_there_is_not_is_said(
    stylegram: Command, ingest: Ingest, place: tuple[str, str], verb: str
) -> None:
    refused = stylegram("queue", verb, "no/such queue", *place)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("Error: ")
    assert "Traceback" not in refused.err
    assert not any(queue.paused for queue in ingest.queues())


def test_who_names_no_queue_learns_of_the_name_and_of_the_queues(stylegram: Command) -> None:
    refused = stylegram("queue", "resume")
    assert (refused.code, "NAME" in refused.err) == (2, True)
    explained = stylegram("queue", "resume", "--help").out
    assert all(name in explained for name in ("NAME", "stylizer,", *(queue.name for queue in QUEUES)))


def test_dead_letters_are_removed_and_printed_so_that_nothing_is_lost(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    jobs = [bury(worker, f"reason {number} – Zürich 🌉") for number in range(2)]
    there = worker.ingest.broker.dead_letters(STYLIZER_JOBS.name)
    drained = stylegram("queue", "drain-dead", "stylizer.jobs", "--yes", "--json", *place)
    assert (drained.code, drained.err) == (0, "2 removed.\n")
    letters = [json.loads(line) for line in drained.out.splitlines()]
    assert [letter["body"].encode() for letter in letters] == [letter.body for letter in there]
    assert [decode(letter["body"].encode()).job_id for letter in letters] == [job.id for job in jobs]
    assert [letter["reason"] for letter in letters] == ["reason 0 – Zürich 🌉", "reason 1 – Zürich 🌉"]
    assert worker.ingest.broker.dead_letters(STYLIZER_JOBS.name) == []
    assert worker.ingest.broker.depth(STYLIZER_JOBS.name) == 0


def test_dead_letters_are_put_back_as_if_never_delivered(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    jobs = {bury(worker, "The GPU was away.", priority).id for priority in Priority}
    drained = stylegram("queue", "drain-dead", "stylizer", "--requeue", "--yes", *place)
    assert (drained.code, drained.err) == (0, "2 put back.\n")
    assert all(job in drained.out for job in jobs)
    assert drained.out.count("The GPU was away.") == 2
    again = worker.ingest.broker.receive("stylizer.jobs"), worker.ingest.broker.receive("stylizer.batch")
    assert {decode(delivery.body).job_id for delivery in again if delivery} == jobs


def test_without_anybody_to_ask_dead_letters_stay(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    job = bury(worker, "no such picture")
    refused = stylegram("queue", "drain-dead", "stylizer.jobs", *place)
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    assert job.id in refused.err
    assert "no such picture" in refused.err
    assert len(worker.ingest.broker.dead_letters(STYLIZER_JOBS.name)) == 1


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_it_asks_first(
    stylegram: Command,
    worker: Worker,
    place: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answer: str,
    left: int,
) -> None:
    bury(worker, "no such picture")
    (tmp_path / "answer").write_text(answer)
    with (tmp_path / "answer").open() as typed:
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", typed)
        asked = stylegram("queue", "drain-dead", "stylizer.jobs", *place)
    assert asked.code == left
    assert "Remove them from stylizer.jobs?" in asked.err
    assert len(worker.ingest.broker.dead_letters(STYLIZER_JOBS.name)) == left


def test_a_queue_without_dead_letters_is_nothing_to_ask_about(stylegram: Command, place: tuple[str, str]) -> None:
    for name in ("stylizer.jobs", "stylizer"):
        assert stylegram("queue", "drain-dead", name, *place) == (0, "", f"{name} has no dead letters.\n")
