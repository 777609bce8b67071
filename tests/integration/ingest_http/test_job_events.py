"""Following a job over a real server: what comes, in which order, and when it ends."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from ingest_http import TOKEN, serving
from ingest_samples import FAST, completed
from stylegram.common.clock import utcnow
from stylegram.common.messages import JobProgress, JobStarted, Message, PostPublished
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.http import job_events
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.watch import JobWatch
from stylegram.ingest.schemas import Job

Pair = tuple[AssetReference, AssetReference]


@pytest.fixture
def client(ingest: Ingest) -> Iterator[httpx2.Client]:
    with serving(create_app(ingest)) as client:
        yield client


@pytest.fixture
def job(ingest: Ingest, pair: Pair) -> Job:
    return ingest.submit(*pair, FAST, publish=False)


class Events:
    """What a page hears of a job.

    Args:
        response: the stream.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._events = iter(httpx2.EventSource(response))

    def next(self) -> tuple[str, str, dict[str, Any]]:
        """Kind, id and data of the next event."""
        event = next(self._events)
        return event.event, event.id, json.loads(event.data)

    def rest(self) -> list[str]:
        """The kinds of all further events, once the stream has ended."""
        return [event.event for event in self._events]


@contextmanager
def following(client: httpx2.Client, job: Job, seen: object = None) -> Iterator[Events]:
    headers = {} if seen is None else {"Last-Event-ID": str(seen)}
    with client.stream("GET", f"/v1/jobs/{job.id}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        yield Events(response)


def say(ingest: Ingest, *messages: Message) -> None:
    for message in messages:
        EventHandler(ingest.engine).handle(message, 1)


def started(job: Job) -> JobStarted:
    return JobStarted(job_id=job.id, worker="w", attempt=1)


def progress(job: Job, evaluation: int, loss: float = 0.5) -> JobProgress:
    return JobProgress(job_id=job.id, sent_at=utcnow(), evaluation=evaluation, evaluations=9, size=64, loss=loss)


def test_from_the_snapshot_to_the_end(client: httpx2.Client, ingest: Ingest, job: Job) -> None:
    with following(client, job) as events:
        kind, id_, whole = events.next()
        assert (kind, id_) == ("snapshot", str(job.sequence))
        assert Job.model_validate(whole) == job
        say(ingest, started(job))
        kind, id_, change = events.next()
        assert (kind, id_, change["sequence"]) == ("update", str(change["sequence"]), job.sequence + 1)
        assert (change["state"], change["worker"], change["id"]) == ("running", "w", job.id)
        assert not {"content", "hyperparameters", "created_at", "reason"} & set(change)
        whole |= change
        say(ingest, progress(job, 3, loss=float("nan")))
        kind, _, change = events.next()
        assert (kind, change["evaluation"]) == ("update", 3)
        assert change.get("loss") is None
        assert "state" not in change
        assert Job.model_validate(whole | change) == ingest.job(job.id)
        say(ingest, completed(job))
        kind, id_, whole = events.next()
        ended = ingest.job(job.id)
        assert (kind, id_) == ("end", str(ended.sequence))
        assert Job.model_validate(whole) == ended
        assert events.rest() == []


def test_who_saw_the_current_state_hears_only_what_is_new(client: httpx2.Client, ingest: Ingest, job: Job) -> None:
    say(ingest, started(job))
    now = ingest.job(job.id).sequence
    with following(client, job, seen=now) as events:
        say(ingest, progress(job, 3))
        kind, id_, change = events.next()
        assert (kind, id_, change["evaluation"]) == ("update", str(now + 1), 3)
        assert "worker" not in change


@pytest.mark.parametrize("seen", [0, 99, "", "x", "-1", "1.0"])
def test_who_did_not_gets_the_whole_again(client: httpx2.Client, ingest: Ingest, job: Job, seen: object) -> None:
    say(ingest, started(job))
    with following(client, job, seen) as events:
        kind, _, whole = events.next()
        assert kind == "snapshot"
        assert Job.model_validate(whole) == ingest.job(job.id)


def test_of_a_job_that_has_ended_everything_is_said_once(client: httpx2.Client, ingest: Ingest, job: Job) -> None:
    say(ingest, started(job), completed(job))
    with following(client, job) as events:
        kinds = [events.next()[:2] for _ in range(2)]
        assert events.rest() == []
    seen = str(ingest.job(job.id).sequence)
    assert kinds == [("snapshot", seen), ("end", seen)]
    # On which browsers stop asking.
    response = client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": seen})
    assert (response.status_code, response.content) == (204, b"")
    # But the post that came after the end is news.
    say(ingest, PostPublished(job_id=job.id, account="a", media_id="1", url="https://example.org/1"))
    with following(client, job, seen) as events:
        assert [events.next()[0], *events.rest()] == ["snapshot", "end"]


def test_what_was_seen_is_no_novel(client: httpx2.Client, job: Job) -> None:
    response = client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": "1" * 201})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


def test_all_who_follow_hear_it_and_other_jobs_are_not_theirs(
    client: httpx2.Client, ingest: Ingest, pair: Pair, job: Job
) -> None:
    other = ingest.submit(*pair, FAST)
    with following(client, job) as first, following(client, job) as second, following(client, other) as third:
        for events in (first, second, third):
            assert events.next()[0] == "snapshot"
        say(ingest, started(job), completed(job))
        for events in (first, second):
            assert events.rest()[-1] == "end"
        say(ingest, started(other))
        assert third.next()[2]["id"] == other.id


def test_it_makes_no_difference_which_replica_is_asked(ingest: Ingest, job: Job) -> None:
    with serving(create_app(ingest)) as here, serving(create_app(ingest)) as there:
        with following(here, job) as events:
            events.next()
            say(ingest, started(job))
            _, seen, _ = events.next()
        with following(there, job, seen) as events:
            say(ingest, completed(job))
            assert events.next()[0] == "end"


def test_when_the_server_ends_so_do_the_streams(ingest: Ingest, job: Job) -> None:
    stop = threading.Event()
    with serving(create_app(ingest), stop) as client, following(client, job) as events:
        events.next()
        stop.set()
        assert events.rest() == []


def test_silence_is_filled_with_pings(
    client: httpx2.Client, ingest: Ingest, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_events, "_PING_SECONDS", 0.01)
    with client.stream("GET", f"/v1/jobs/{job.id}/events") as response:
        lines = response.iter_lines()
        while next(lines) != ": ping":
            pass
    with following(client, job) as events:
        assert events.next()[0] == "snapshot"
        say(ingest, started(job), completed(job))
        assert events.rest()[-1] == "end"  # no ping passes for an event


def test_there_is_room_for_so_many_and_who_leaves_makes_some(ingest: Ingest, pair: Pair, job: Job) -> None:
    app = create_app(ingest)
    app.state.watch = JobWatch(ingest.changed_jobs, capacity=2)
    with serving(app) as client, ExitStack() as others:
        readers = [others.enter_context(following(client, job)) for _ in range(2)]
        assert [reader.next()[0] for reader in readers] == ["snapshot"] * 2
        response = client.get(f"/v1/jobs/{job.id}/events")
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert response.headers["content-type"] == "application/problem+json"
        others.close()
        deadline = time.monotonic() + 20
        while True:
            # The server learns of it when it next looks at the connection.
            with client.stream("GET", f"/v1/jobs/{job.id}/events") as again:
                if again.status_code == 200:
                    break
            assert time.monotonic() < deadline


def test_who_asks_for_the_head_follows_nothing(ingest: Ingest, job: Job) -> None:
    app = create_app(ingest)
    app.state.watch = JobWatch(ingest.changed_jobs, capacity=1)
    with serving(app) as client:
        for _ in range(2):
            response = client.head(f"/v1/jobs/{job.id}/events")
            assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_a_token_is_needed_here_too(ingest: Ingest, job: Job) -> None:
    with serving(create_app(ingest, tokens=[TOKEN])) as client:
        assert client.get(f"/v1/jobs/{job.id}/events").status_code == 401
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        with following(client, job) as events:
            assert events.next()[0] == "snapshot"
