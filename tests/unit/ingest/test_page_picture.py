import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY, open_client
from ingest_samples import FAST, alter, completed, messages, say
from pages_house import record_of
from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import (
    JobCancelled,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    PostRequest,
    PostWaiting,
    Priority,
)
from stylegram.common.records import AssetReference, LossPoint
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, Address, forwarding_part
from stylegram.ingest.pages.picture.charts import loss_curve
from stylegram.ingest.pages.picture.facts import marks_of
from stylegram.ingest.pages.settings import settings_of
from stylegram.ingest.schemas import Job

Pair = tuple[AssetReference, AssetReference]
HTML = {"Accept": "text/html"}
WEIGHTS = {"content_weight": 0.1, "style_weight": 1.0}


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def page(client: TestClient, job_id: str) -> str:
    response = client.get(f"/pictures/{job_id}", headers=HTML)
    assert response.status_code == 200, response.text
    return response.text


def shown(client: TestClient, job: Job) -> str:
    return text(page(client, job.id))


def progress(job: Job, evaluation: int, evaluations: int = 60) -> JobProgress:
    return JobProgress(job_id=job.id, evaluation=evaluation, evaluations=evaluations, size=64, loss=0.98765)


def test_the_line_before_a_job(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    batch = ingest.submit(*pair, FAST, priority=Priority.BATCH)
    running, first, second, cancelled = (ingest.submit(*pair, FAST) for _ in range(4))
    assert "About to begin It begins when a worker is free." not in shown(client, second)
    say(ingest, JobStarted(job_id=running.id, attempt=1, worker="w"))
    ingest.cancel(cancelled.id)
    assert "Next in line 1 is being painted." in shown(client, first)
    assert "2 pictures before it 1 of them is being painted." in shown(client, second)
    # Whoever waits passes what nobody waits for, however old that is.
    assert "3 pictures before it 1 of them is being painted." in shown(client, batch)


def test_a_pause_is_told_of_and_ended_on_the_page(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    for priority, queue in ((Priority.INTERACTIVE, "stylizer.jobs"), (Priority.BATCH, "stylizer.batch")):
        job = ingest.submit(*pair, FAST, priority=priority)
        ingest.pause(queue)
        assert "Painting is paused: nothing is started until it is resumed. Resume" in shown(client, job)
        response = client.post(f"/pictures/{job.id}/resume")
        assert (response.status_code, response.headers["location"]) == (303, f"/pictures/{job.id}")
        assert not ingest.broker.paused(queue)
        assert "paused" not in shown(client, job)


def test_a_free_easel(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    assert "About to begin It begins when a worker is free." in shown(client, job)


def test_a_job_that_was_put_back_says_so(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    say(
        ingest,
        JobStarted(job_id=job.id, attempt=1, worker="w"),
        progress(job, 12),
        JobInterrupted(job_id=job.id, worker="w", sent_at=utcnow() + timedelta(seconds=1)),
    )
    html = page(client, job.id)
    assert "Put back Its worker stopped; the next one goes on from where it was." in text(html)
    assert '<progress value="12" max="60"' in html


def test_what_is_painted_shows_how_far_it_is(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    say(ingest, JobStarted(job_id=job.id, attempt=1, worker="w"))
    assert "Preparing canvas and colours…" in shown(client, job)
    say(ingest, progress(job, 12))
    html = page(client, job.id)
    assert '<progress value="12" max="60"' in html
    assert "Evaluation 12 of 60 " in text(html)
    assert "Loss 0.9877" in text(html)
    say(ingest, progress(job, 60))
    assert "Varnishing…" in shown(client, job)


def test_the_newest_snapshot_is_shown(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    say(ingest, JobStarted(job_id=job.id, attempt=1, worker="w"))
    assert f"/v1/assets/content/{job.content.sha256}?width=1280" in page(client, job.id)
    for evaluation in (9_800, 10_000):  # as texts the other way round
        ingest.storage.write(artifacts.snapshot(job.id, evaluation), b"x", content_type="image/jpeg")
    assert f'src="/v1/jobs/{job.id}/snapshots/10000"' in page(client, job.id)


def test_a_job_that_is_being_cancelled_says_so(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    path = f"/pictures/{job.id}/cancel"
    assert f'action="{path}"' in page(client, job.id)
    response = client.post(path)
    assert (response.status_code, response.headers["location"]) == (303, f"/pictures/{job.id}")
    assert ingest.job(job.id).cancel_requested_at
    html = page(client, job.id)
    assert "Cancelling…" in html
    assert f'action="{path}"' not in html


def test_a_failed_job_says_why_and_can_be_tried_again(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    say(ingest, JobFailed(job_id=job.id, reason="No <canvas> left.", error_code="error"))
    html = page(client, job.id)
    assert "No &lt;canvas&gt; left." in html
    assert "<canvas>" not in html
    (path,) = re.findall(r'action="(/pictures/[^/]+/retry)"', html)
    response = client.post(path)
    (retry,) = ingest.unfinished_jobs()
    assert retry.retry_of == job.id
    assert (response.status_code, response.headers["location"]) == (303, f"/pictures/{retry.id}")


def test_a_cancelled_job_can_be_tried_again(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    ingest.cancel(job.id)
    say(ingest, JobCancelled(job_id=job.id, worker="w"))
    html = page(client, job.id)
    assert "It was cancelled" in html
    assert f"/pictures/{job.id}/retry" in html


def test_where_nobody_knows_the_record_the_page_has_what_the_worker_wrote(
    client: TestClient, ingest: Ingest, pair: Pair
) -> None:
    job = ingest.submit(*pair, Hyperparameters(size=64, evaluations=(20,), style_weight=3))
    event = completed(job).model_copy(update={"record": record_of(job, 0, trial="spring/3")})
    ingest.storage.write(event.result, b"x", content_type="image/png")
    record = event.record.model_dump_json().encode()
    ingest.storage.write(artifacts.record(job.id), record, content_type="application/json")
    say(ingest, event)
    html = page(client, job.id)
    seen = text(html)
    assert "style_weight 3 1 Weight of the style loss." in seen
    assert "Photograph kept" in seen
    assert "Size 512 × 384 pixels" in seen
    assert "Trial spring/3" in seen
    assert 'class="chart"' in html
    assert "Stars can be given once the record knows of it." in seen
    assert f"/pictures/{job.id}/rate" not in re.findall(r'<button[^>]*name="rating"', html)


def test_a_record_that_does_not_answer_takes_nothing_but_the_stars(ingest: Ingest, finished: Job) -> None:
    app = create_app(ingest, forwarding_part(Address(LOGGER, "http://127.0.0.1:1")))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        seen = text(client.get(f"/pictures/{finished.id}").text)
        assert "The logger did not answer." in seen
        assert "What it was painted with" in seen
        # Of what only the record knows nobody can say whether it is there.
        assert client.get("/pictures/imported", headers=HTML).status_code == 503


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_job_without_a_record_has_a_page_while_the_logger_is_away(end: str, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    if end == "cancelled":
        say(ingest, JobCancelled(job_id=job.id, worker="w"))
    else:
        say(ingest, JobFailed(job_id=job.id, reason="No canvas left.", error_code="error"))
    app = create_app(ingest, forwarding_part(Address(LOGGER, "http://127.0.0.1:1")))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        html = page(client, job.id)
    assert f"/pictures/{job.id}/retry" in html
    assert "size 64 512" in text(html)


def test_a_job_of_which_nothing_else_is_known_has_a_page(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    say(ingest, completed(job))
    seen = shown(client, job)
    assert "Content 1 × in the manner of Style 2" in seen
    assert "size 64 512" in seen


def test_a_row_of_another_version_has_a_page(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    alter(ingest, job, hyperparameters=FAST.model_dump(mode="json") | {"size": 7, "evaluations": "many"})
    assert "About to begin" in shown(client, job)
    say(ingest, JobFailed(job_id=job.id, reason="Other ranges.", error_code="invalid-hyperparameters"))
    assert "size 7 512" in shown(client, job)


def test_an_id_may_be_written_in_capitals(client: TestClient, finished: Job) -> None:
    html = page(client, finished.id.upper())
    assert f'action="/pictures/{finished.id}/publish"' in html
    assert "What it was painted with" in html
    assert f"/v1/jobs/{finished.id}/record" in html


@pytest.mark.parametrize("job_id", [NOBODY, "x", "a%2Fb", "%00", "é" * 60])
def test_an_unknown_picture_is_not_found(client: TestClient, job_id: str) -> None:
    response = client.get(f"/pictures/{job_id}", headers=HTML)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("action", ["cancel", "retry", "publish"])
def test_what_cannot_be_done_says_so_on_a_page(client: TestClient, action: str) -> None:
    assert client.post(f"/pictures/{NOBODY}/{action}", headers=HTML).status_code == 404


def test_publishing_asks_for_the_kinds(client: TestClient, ingest: Ingest, finished: Job) -> None:
    response = client.post(f"/pictures/{finished.id}/publish", data={"kind": ["story", "reel"]})
    assert (response.status_code, response.headers["location"]) == (303, f"/pictures/{finished.id}?asked=1#posts")
    (request,) = messages(ingest, PUBLISHER_POSTS)
    assert isinstance(request, PostRequest)
    assert request.kinds == ("story", "reel")
    assert "The publisher is asked." in text(client.get(f"/pictures/{finished.id}?asked=1").text)
    client.post(f"/pictures/{finished.id}/publish")
    (request,) = messages(ingest, PUBLISHER_POSTS)
    assert isinstance(request, PostRequest)
    assert request.kinds == ()


def test_a_kind_that_is_none_is_refused(client: TestClient, ingest: Ingest, finished: Job) -> None:
    response = client.post(f"/pictures/{finished.id}/publish", data={"kind": "poster"}, headers=HTML)
    assert response.status_code == 422
    assert messages(ingest, PUBLISHER_POSTS) == []


def test_a_post_says_what_it_waits_for(client: TestClient, ingest: Ingest, finished: Job) -> None:
    say(ingest, PostWaiting(job_id=finished.id, account="a", post="1", reason='"For" <a> yes.'))
    assert "&#34;For&#34; &lt;a&gt; yes." in page(client, finished.id)


def test_nothing_is_inline_or_from_elsewhere(ingest: Ingest, finished: Job) -> None:
    client = open_client(ingest, prefix="/art")
    html = client.get(f"/art/pictures/{finished.id}").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src)", html)
    places = re.findall(r'(?:src|href|action|poster|data-events)="([^"]*)"', html)
    assert {place.split("/")[1] for place in places if not place.startswith("#")} == {"art"}


def points(count: int, **values: float) -> list[LossPoint]:
    named = {"total": 1.0, "content": 0.5, "style": 0.4, "tv": 0.1} | values
    return [LossPoint(evaluation=at, size=64, **named) for at in range(1, count + 1)]


def test_the_curve_of_a_long_run_is_thinned_and_keeps_its_end() -> None:
    chart = loss_curve(points(9_999), WEIGHTS)
    assert chart
    (line, *_) = re.findall(r'<path d="([^"]*)" class="line series-0"', chart)
    assert 300 < line.count(",") <= 402
    assert "Over 9999 evaluations" in chart


def test_the_parts_of_the_loss_are_shown_as_they_weigh() -> None:
    curve = points(3, total=1.0, style=0.5, content=0.5)

    def lows(weights: dict[str, float]) -> list[float]:
        drawn = re.findall(r'<path d="([^"]*)" class="line series-[0-9]"><title>', str(loss_curve(curve, weights)))
        return [float(path.rpartition(",")[2]) for path in drawn]

    whole, style, content = lows({"style_weight": 2.0, "content_weight": 0.0})
    assert whole == style < content
    assert len(lows({})) == 1


@pytest.mark.parametrize("curve", [[], points(1)])
def test_no_curve_is_drawn_of_no_line(curve: list[LossPoint]) -> None:
    assert loss_curve(curve, WEIGHTS) is None


def test_a_curve_that_left_the_finite_numbers_is_drawn() -> None:
    assert "nan" not in str(loss_curve([*points(2), *points(3, total=float("nan"))[2:]], WEIGHTS)).lower()


def test_hyperparameters_that_were_chosen_come_first() -> None:
    values = Hyperparameters(style_weight=3, schedule=((128, 60), (512, 40))).model_dump(mode="json")
    chosen, usual = settings_of(values)
    assert [(row.name, row.value, row.default) for row in chosen] == [
        ("schedule", "128:60, 512:40", ""),
        ("style_weight", "3", "1"),
    ]
    assert len(chosen) + len(usual) == len(Hyperparameters.model_fields)
    assert all(row.about for row in chosen + usual)


def test_hyperparameters_that_are_not_known_are_not_called_usual() -> None:
    chosen, usual = settings_of({"optimizer": "adam", "of_another_version": 1})
    assert [row.name for row in chosen] == ["optimizer"]
    assert usual == []


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"relative_content_error": 0.25, "relative_style_error": 0.1}, ["75 %", "90 %"]),
        ({"relative_content_error": 1.4, "relative_style_error": None}, ["0 %"]),
        ({}, []),
    ],
)
def test_errors_become_shares(errors: dict[str, Any], words: list[str]) -> None:
    view = RunView(job_id="a", hyperparameters={}, **errors)
    assert [mark.value for mark in marks_of(view)] == words
    assert all(mark.share is not None and 0 <= mark.share <= 1 for mark in marks_of(view))
