"""`stylegram jobs`, as a person runs it: at a server, and on a state folder without one."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from ingest_samples import FAST
from local_commands import Command, Worker, served
from stylegram.common.database import transaction
from stylegram.common.messages import PostKind, PostRequest, Priority, decode
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobRow, JobState
from stylegram.local.api import Api, open_api

NOBODY = "00000000-0000-4000-8000-000000000000"


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Do something again and again while a command runs."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.1):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def following(place: tuple[str, str], job: Job) -> Iterator[Job]:
    """What a command that follows the job is told of it."""
    option, where = place
    with open_api(*((where, None) if option == "--url" else (None, Path(where)))) as api:
        yield from api.follow(job.id)


def one_job_of_each_state(worker: Worker) -> dict[str, Job]:
    running, succeeded, failed, cancelled = (worker.submit() for _ in range(4))
    for job in (running, succeeded, failed):
        worker.start(job)
    worker.paint(running, 1)
    worker.finish(succeeded)
    worker.fail(failed)
    worker.ingest.cancel(cancelled.id)
    worker.listen()
    queued = worker.submit(Priority.BATCH)
    return {"running": running, "succeeded": succeeded, "failed": failed, "cancelled": cancelled, "queued": queued}


def test_the_list_shows_what_matters_newest_first(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    jobs = one_job_of_each_state(worker)
    done = stylegram("jobs", "list", *place)
    assert done.code == 0, done.err
    lines = done.out.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [
        [jobs[state].id[:8], state] for state in ("queued", "cancelled", "failed", "succeeded", "running")
    ]
    assert "batch" in lines[0]
    assert "content 1.jpg × style 2.jpg" in lines[0]
    assert "The weights are corrupt." in lines[2]
    assert "50%" in lines[4]


def test_the_list_is_filtered_and_limited_and_goes_on(
    stylegram: Command, worker: Worker, place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = one_job_of_each_state(worker)
    some = stylegram("jobs", "list", "--json", "--only", "failed", "--only", "running", *place)
    assert [json.loads(line)["id"] for line in some.out.splitlines()] == [jobs["failed"].id, jobs["running"].id]
    newest = stylegram("jobs", "list", "--json", "--limit", "2", *place)
    assert [json.loads(line)["state"] for line in newest.out.splitlines()] == ["queued", "cancelled"]
    monkeypatch.setattr("stylegram.local.api._PAGE", 2)  # so that five jobs are three pages
    every = stylegram("jobs", "list", "--json", "--all", *place)
    assert [Job.model_validate_json(line) for line in every.out.splitlines()] == worker.ingest.newest_jobs(limit=10)


def test_where_there_is_nothing_to_list_it_says_so(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    assert stylegram("jobs", "list", *place) == (0, "", "There are no jobs.\n")
    worker.submit()
    assert stylegram("jobs", "list", "--only", "failed", *place) == (0, "", "There are no such jobs.\n")
    assert stylegram("jobs", "list", "--only", "failed", "--json", *place) == (0, "", "")


def test_a_state_that_there_is_not_is_wrong_usage(stylegram: Command) -> None:
    refused = stylegram("jobs", "list", "--only", "lost")
    assert refused.code == 2
    assert all(state in refused.err for state in JobState)


def test_show_tells_everything_of_a_job_by_the_beginning_of_its_id(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    job = worker.submit()
    worker.start(job)
    worker.fail(job)
    shown = stylegram("jobs", "show", job.id[:8].upper(), *place)
    assert shown.code == 0, shown.err
    facts = dict(line.split(maxsplit=1) for line in shown.out.splitlines()[1:])
    assert facts["job"] == job.id
    assert facts["state"] == "failed"
    assert facts["reason"] == "The weights are corrupt. (weights-corrupt)"
    assert facts["settings"] == "size=64 evaluations=2"
    assert facts["started"].endswith("attempt 1 by w")
    assert facts["style"] == f"style 2.jpg, SHA-256 {job.style.sha256[:12]}…"
    as_json = stylegram("jobs", "show", job.id, "--json", *place)
    assert Job.model_validate_json(as_json.out) == worker.ingest.job(job.id)


def test_an_id_that_names_no_job_or_several_is_refused(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    job = worker.submit()
    for wrong, words in (
        (job.id[:5], "first 6 characters"),
        ("../../x", "no job's id"),
        (NOBODY[:8], "There is no job"),
    ):
        for verb in ("show", "cancel", "retry"):
            refused = stylegram("jobs", verb, wrong, *place)
            assert (refused.code, refused.out) == (1, "")
            assert words in refused.err
    assert NOBODY in stylegram("jobs", "show", NOBODY, *place).err
    assert worker.ingest.job(job.id).cancel_requested_at is None


def test_an_id_that_begins_two_jobs_is_refused(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    for number in (1, 2):
        job = worker.submit()
        with transaction(worker.ingest.engine) as session:
            session.execute(update(JobRow).where(JobRow.id == job.id).values(id=f"{NOBODY[:-1]}{number}"))
    refused = stylegram("jobs", "cancel", NOBODY[:8], *place)
    assert refused.code == 1
    assert "The ids of 2 jobs begin with 00000000" in refused.err
    assert f"{NOBODY[:-1]}2" in stylegram("jobs", "show", f"{NOBODY[:-1]}2", *place).out


def test_whoever_follows_a_job_is_told_how_it_stands_until_its_end(worker: Worker, place: tuple[str, str]) -> None:
    job = worker.submit()
    told = following(place, job)
    assert next(told).state == "queued"
    worker.start(job)
    # One who looks now and then may see a state twice.
    assert next(each for each in told if each.state != "queued").attempt == 1
    worker.paint(job, 1)
    assert next(each for each in told if each.evaluation is not None).loss == 0.25
    worker.finish(job)
    assert list(told)[-1] == worker.ingest.job(job.id)


def test_whoever_follows_a_job_is_told_on_when_the_server_comes_back(worker: Worker) -> None:
    job = worker.submit()
    with served(worker.ingest) as url:
        told = following(("--url", url), job)
        assert next(told).state == "queued"
    worker.start(job)
    with served(worker.ingest, urlsplit(url).port or 0):
        assert next(told).state == "running"
    with served(worker.ingest, urlsplit(url).port or 0):
        finish = threading.Timer(1.5, worker.finish, (job,))
        finish.start()
        # What was told is not told again, for the server hears what that was.
        assert list(told) == [worker.ingest.job(job.id)]
        finish.join()


@pytest.mark.parametrize(("end", "code"), [("finish", 0), ("fail", 1)])
def test_following_a_job_ends_with_it_and_says_how(
    stylegram: Command, worker: Worker, place: tuple[str, str], end: str, code: int
) -> None:
    job = worker.submit()
    worker.start(job)
    with meanwhile(lambda: getattr(worker, end)(job)):
        followed = stylegram("jobs", "show", job.id[:8], "--follow", *place)
    assert followed.code == code, followed.err
    state = worker.ingest.job(job.id).state
    assert f"state        {state}\n" in followed.out


def test_a_job_that_waits_in_a_paused_queue_says_so(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    job, other = worker.submit(), worker.submit(Priority.BATCH)
    worker.ingest.pause("stylizer.jobs")
    words = "waits: its queue stylizer.jobs is paused (stylegram queue resume stylizer)"
    assert words in stylegram("jobs", "show", job.id, *place).out
    assert "paused" not in stylegram("jobs", "show", other.id, *place).out, "its queue is another"
    start = threading.Timer(1.2, worker.start, (job,))
    start.start()
    with meanwhile(lambda: None if start.is_alive() else worker.finish(job)):
        followed = stylegram("jobs", "show", job.id, "--follow", *place)
    assert followed.err.count(words) == 1, "once, however long it waits"
    assert "paused" not in followed.out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("show", "--follow"), "The job goes on; only the watching ended.\n"),
        (("cancel", "--wait"), "The job is still being cancelled; only the watching ended.\n"),
    ],
)
def test_who_ends_the_watching_is_told_that_the_job_goes_on(
    stylegram: Command,
    worker: Worker,
    place: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, str],
    words: str,
) -> None:
    job = worker.submit()
    follow = Api.follow

    def interrupted(api: Api, job_id: str) -> Iterator[Job]:
        yield next(follow(api, job_id))
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Api, "follow", interrupted)
    ended = stylegram("jobs", *command, job.id, *place)
    assert (ended.code, ended.out, ended.err) == (130, "", words)
    assert worker.ingest.job(job.id).state == "queued"


def test_a_cancelled_job_is_not_praised(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    job = worker.submit()
    with meanwhile(worker.listen):
        waited = stylegram("jobs", "cancel", job.id, "--wait", *place)
    assert waited.err.split() == ["–", "Paint", "cancelled"]


def test_following_what_has_ended_says_so_at_once(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    job = worker.submit()
    worker.start(job)
    worker.finish(job)
    followed = stylegram("jobs", "show", job.id, "--follow", "--json", *place)
    assert (followed.code, json.loads(followed.out)["state"]) == (0, "succeeded")


def test_a_job_that_waits_is_cancelled_when_ingest_has_heard_of_it(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    job = worker.submit()
    asked = stylegram("jobs", "cancel", job.id[:8], *place)
    assert (asked.code, asked.out) == (0, f"Job {job.id} is being cancelled; it is when nobody works on it any more.\n")
    assert "being cancelled" in stylegram("jobs", "list", *place).out
    worker.listen()
    again = stylegram("jobs", "cancel", job.id, "--wait", *place)
    assert (again.code, again.out) == (0, f"Job {job.id} is cancelled.\n")


def test_cancelling_can_wait_until_the_work_has_stopped(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    job = worker.submit()
    with meanwhile(worker.listen):
        waited = stylegram("jobs", "cancel", job.id, "--wait", *place)
    assert (waited.code, waited.out) == (0, f"Job {job.id} is cancelled.\n")


def test_waiting_for_a_cancellation_fails_where_the_job_succeeds_first(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    job = worker.submit()
    worker.start(job)
    with meanwhile(lambda: worker.finish(job)):
        waited = stylegram("jobs", "cancel", job.id, "--wait", *place)
    assert waited.code == 1
    assert "it has succeeded" in waited.err


def test_what_has_ended_is_not_cancelled(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    job = worker.submit()
    worker.start(job)
    worker.finish(job)
    refused = stylegram("jobs", "cancel", job.id, *place)
    assert refused.code == 1
    assert "it has succeeded" in refused.err
    assert worker.ingest.job(job.id).state == "succeeded"


def test_a_failed_job_is_repeated_as_a_new_one_and_no_other_is(
    stylegram: Command, worker: Worker, place: tuple[str, str]
) -> None:
    jobs = one_job_of_each_state(worker)
    repeated = stylegram("jobs", "retry", jobs["failed"].id[:8], *place)
    assert repeated.code == 0, repeated.err
    new = worker.ingest.job(repeated.out.strip())
    assert (new.state, new.retry_of, new.hyperparameters) == ("queued", jobs["failed"].id, FAST)
    assert f"repeats      {jobs['failed'].id}" in stylegram("jobs", "show", new.id, *place).out
    refused = stylegram("jobs", "retry", jobs["running"].id, *place)
    assert (refused.code, refused.out) == (1, "")
    assert "running" in refused.err


def test_a_picture_is_asked_to_be_posted(stylegram: Command, worker: Worker, place: tuple[str, str]) -> None:
    jobs = one_job_of_each_state(worker)
    asked = stylegram("jobs", "post", jobs["succeeded"].id[:8], "--as", "grid", "--as", "story", *place)
    assert asked.code == 0, asked.err
    delivery = worker.ingest.broker.receive(PUBLISHER_POSTS.name)
    assert delivery
    request = decode(delivery.body)
    assert isinstance(request, PostRequest)
    assert (request.job_id, request.kinds) == (jobs["succeeded"].id, (PostKind.GRID, PostKind.STORY))
    assert "only the picture of one that succeeded" in stylegram("jobs", "post", jobs["failed"].id, *place).err
    wrong = stylegram("jobs", "post", jobs["succeeded"].id, "--as", "oil", *place)
    assert (wrong.code, "no kind of post" in wrong.err) == (2, True)
