import json
import re
from dataclasses import replace
from html import unescape

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY
from ingest_samples import FAST
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
from stylegram.common.messages import CancelJob, JobFailed, JobProgress, Priority
from stylegram.common.records import AssetReference
from stylegram.common.topology import INGEST_EVENTS, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.queues import Queues
from stylegram.ingest.tables import JobState

Pair = tuple[AssetReference, AssetReference]
FOR_PEOPLE = {"Accept": "text/html"}


def page(client: TestClient, path: str = "/queue") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.text


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def jobs_of(html: str, doing: str) -> list[str]:
    """Of which jobs there is a button, in its order."""
    return re.findall(rf'action="/queue/{doing}">\s*<input type="hidden" name="job" value="([^"]+)"', html)


def work_on(ingest: Ingest, job_id: str, **changes: object) -> None:
    values = {"evaluation": 12, "evaluations": 60, "size": 64, "loss": 0.98765} | changes
    EventHandler(ingest.engine).handle(JobProgress(job_id=job_id, sent_at=utcnow(), **values), 1)


def fail(ingest: Ingest, job_id: str, reason: str) -> None:
    EventHandler(ingest.engine).handle(JobFailed(job_id=job_id, reason=reason, error_code="error"), 1)


def bury(ingest: Ingest, reason: str, job_id: str = "42") -> None:
    """A dead letter in ingest's queue."""
    ingest.broker.publish(CancelJob(job_id=job_id))
    delivery = ingest.broker.receive(INGEST_EVENTS.name)
    assert delivery
    ingest.broker.reject(delivery, reason)


def test_an_empty_queue_says_what_to_do(client: TestClient) -> None:
    shown = text(page(client))
    assert "The easel is free. Paint a pair , or let chance pick today’s picture." in shown
    assert "Waiting 0 Dead letters 0" in shown
    for absent in ("Failed lately", "Cancelled lately"):
        assert absent not in shown


def test_what_is_painted_shows_how_far_it_is(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    work_on(ingest, job.id)
    html = page(client)
    assert '<progress value="12" max="60"' in html
    assert f'href="/pictures/{job.id}"' in html
    assert "Style 2 12 of 60 evaluations · 64 px" in text(html)


def test_waiting_jobs_stand_in_the_order_of_their_turns(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    batch = [ingest.submit(*pair, FAST, priority=Priority.BATCH).id for _ in range(2)]
    interactive = [ingest.submit(*pair, FAST).id for _ in range(2)]
    html = page(client)
    assert jobs_of(html, "cancel") == interactive + batch
    assert text(html).count("64 px · can wait") == 2


def test_many_waiting_jobs_are_counted(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    jobs = [ingest.submit(*pair, FAST).id for _ in range(63)]
    html = page(client)
    assert jobs_of(html, "cancel") == jobs[:60]
    assert "Waiting 63" in text(html)
    assert "and 3 more" in text(html)


def test_a_job_is_cancelled_and_says_so(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    waiting, running = (ingest.submit(*pair, FAST) for _ in range(2))
    work_on(ingest, running.id)
    for job in (waiting, running):
        response = client.post("/queue/cancel", data={"job": job.id})
        assert (response.status_code, response.headers["location"]) == (303, "/queue")
        assert ingest.job(job.id).cancel_requested_at
    html = page(client)
    assert jobs_of(html, "cancel") == []
    assert html.count("cancelling…") == 2


def test_what_failed_says_why_and_can_be_tried_again(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    fail(ingest, job.id, "No <canvas> left.")
    html = page(client)
    assert "No &lt;canvas&gt; left." in html
    (failed,) = jobs_of(html, "retry")
    assert client.post("/queue/retry", data={"job": failed}).headers["location"] == "/queue"
    (retry,) = ingest.unfinished_jobs()
    assert retry.retry_of == job.id


@pytest.mark.parametrize(("job", "status"), [(NOBODY, 404), ("x", 422)])
@pytest.mark.parametrize("doing", ["cancel", "retry"])
def test_a_job_that_is_none_is_refused(client: TestClient, doing: str, job: str, status: int) -> None:
    assert client.post(f"/queue/{doing}", data={"job": job}, headers=FOR_PEOPLE).status_code == status


def test_todays_picture_leads_to_its_page(client: TestClient, synced: Ingest) -> None:
    for number in (1, 2):
        response = client.post("/daily")
        assert response.status_code == 303
        (job, *_) = synced.newest_jobs(tuple(JobState), limit=9)
        assert response.headers["location"] == f"/pictures/{job.id}"
        assert len(synced.unfinished_jobs()) == number
    assert job.hyperparameters == FAST


def test_todays_picture_needs_pictures(client: TestClient) -> None:
    response = client.post("/daily", headers=FOR_PEOPLE)
    assert response.status_code == 404
    assert "There are no photographs" in text(response.text)


def test_a_queue_is_paused_and_resumed(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    ingest.submit(*pair, FAST)
    assert client.post("/queue/stylizer.jobs/pause").headers["location"] == "/queue#queues"
    assert ingest.broker.paused(STYLIZER_JOBS.name)
    shown = text(page(client))
    assert "Pictures paused" in shown
    assert "Painting is paused: nothing is started until it is resumed. Resume" in shown
    assert client.post("/queue/stylizer.jobs/resume").status_code == 303
    assert not ingest.broker.paused(STYLIZER_JOBS.name)
    assert "paused" not in text(page(client))


@pytest.mark.parametrize("doing", ["pause", "resume", "requeue", "discard"])
def test_a_queue_that_is_none_is_not_found(client: TestClient, doing: str) -> None:
    response = client.post(f"/queue/nowhere/{doing}", headers=FOR_PEOPLE)
    assert response.status_code == 404
    assert "stylizer.jobs" in response.text


def test_dead_letters_are_shown_with_reasons_and_bodies(client: TestClient, ingest: Ingest) -> None:
    bury(ingest, "Nobody <knows>.", job_id='"><script>')
    assert 'href="/queue/ingest.events"' in page(client)
    html = page(client, "/queue/ingest.events")
    shown = text(html)
    assert "One message in ingest.events that nobody could use." in shown
    assert "Nobody <knows>. cancel job · just now · delivered once" in shown
    (body,) = re.findall(r"<pre[^>]*>(.*?)</pre>", html, re.DOTALL)
    assert json.loads(unescape(body))["job_id"] == '"><script>'
    assert "<script>" not in html
    assert "data-live" not in html, "to look costs the broker something"


def test_dead_letters_that_are_no_json_are_shown_too(
    client: TestClient, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(ingest, "Nobody knows.")
    letters = ingest.dead_letters(INGEST_EVENTS.name)
    for body in (b"\xff<b>", b"[1]", b'"text"', b"[" * 200_000):
        found = [replace(letter, body=body) for letter in letters]
        monkeypatch.setattr(Queues, "dead_letters", lambda *_, found=found: found)
        html = page(client, "/queue/ingest.events")
        assert "What it says" in html
        assert "<b>" not in html
        assert len(html) < 20_000


def test_dead_letters_of_jobs_are_not_offered_another_try(
    client: TestClient, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(ingest, "Nobody knows.")
    letters = ingest.dead_letters(INGEST_EVENTS.name)
    monkeypatch.setattr(Queues, "dead_letters", lambda *_: letters)
    html = page(client, f"/queue/{STYLIZER_JOBS.name}")
    assert "Its job has failed, or will within minutes." in text(html)
    assert "/requeue" not in html
    assert "/discard" in html


def test_dead_letters_are_tried_again(client: TestClient, ingest: Ingest) -> None:
    bury(ingest, "Nobody knows.")
    response = client.post("/queue/ingest.events/requeue")
    assert (response.status_code, response.headers["location"]) == (303, "/queue#queues")
    assert (ingest.broker.dead_count(INGEST_EVENTS.name), ingest.broker.depth(INGEST_EVENTS.name)) == (0, 1)


def test_dead_letters_are_thrown_away(client: TestClient, ingest: Ingest) -> None:
    bury(ingest, "Nobody knows.")
    assert client.post("/queue/ingest.events/discard").status_code == 303
    assert (ingest.broker.dead_count(INGEST_EVENTS.name), ingest.broker.depth(INGEST_EVENTS.name)) == (0, 0)
    assert "There are none: all is well" in text(page(client, "/queue/ingest.events"))


def test_a_broker_that_is_away_hides_nothing_else(
    client: TestClient, ingest: Ingest, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ingest.submit(*pair, FAST)

    def rest(*_: object) -> None:
        raise Unavailable("The broker did not answer: it <rests>.")

    monkeypatch.setattr(type(ingest.broker), "depth", rest)
    html = page(client)
    assert "The broker did not answer: it <rests>. Until it does" in text(html)
    assert jobs_of(html, "cancel") == [job.id]


def test_nothing_is_inline_or_from_elsewhere(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    ingest.submit(*pair, FAST)
    bury(ingest, "Nobody knows.")
    for path in ("/queue", "/queue/ingest.events"):
        html = page(client, path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src)", html)
        for place in re.findall(r'(?:src|href|action)="([^"]*)"', html):
            assert place[0] in "/#", place
