import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY, wait_for_sync
from ingest_samples import FAST, encoded, noise, quarters
from stylegram.common.clock import utcnow
from stylegram.common.messages import JobFailed, JobProgress, PostFailed, PostPublished, PostWaiting
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job

Pair = tuple[AssetReference, AssetReference]


def page(client: TestClient) -> str:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_an_empty_house_says_what_to_do(client: TestClient) -> None:
    shown = text(page(client))
    assert "The easel is free." in shown
    assert "put pictures into both folders" in shown
    assert "Finished pictures will hang here." in shown


def test_what_is_painted_shows_how_far_it_is(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    progress = JobProgress(job_id=job.id, sent_at=utcnow(), evaluation=12, evaluations=60, size=64, loss=0.98765)
    EventHandler(ingest.engine).handle(progress, 1)
    html = page(client)
    assert '<progress value="12" max="60"' in html
    assert "Content 1 × Style 2 Evaluation 12 of 60 Loss 0.9877" in text(html)


def test_waiting_jobs_are_in_order_and_counted(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    jobs = [ingest.submit(*pair, FAST) for _ in range(10)]
    html = page(client)
    assert re.findall(r'action="/jobs/([^/]+)/cancel"', html) == [job.id for job in jobs[:8]]
    assert "and 2 more" in html


def test_a_failed_job_says_why(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    EventHandler(ingest.engine).handle(JobFailed(job_id=job.id, reason="No <canvas> left.", error_code="error"), 1)
    html = page(client)
    assert "No &lt;canvas&gt; left." in html
    assert "<canvas>" not in html


def test_a_job_that_is_being_cancelled_says_so(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    waiting, running = (ingest.submit(*pair, FAST) for _ in range(2))
    progress = JobProgress(job_id=running.id, sent_at=utcnow(), evaluation=1, evaluations=2, size=64, loss=1)
    EventHandler(ingest.engine).handle(progress, 1)
    for job in (waiting, running):
        assert f'action="/jobs/{job.id}/cancel"' in page(client)
        ingest.cancel(job.id)
        assert f'action="/jobs/{job.id}/cancel"' not in page(client)
    assert page(client).count("cancelling…") == 2


def test_what_was_not_painted_can_be_tried_again(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    EventHandler(ingest.engine).handle(JobFailed(job_id=job.id, reason="No canvas left.", error_code="error"), 1)
    (path,) = re.findall(r'action="(/jobs/[^/]+/retry)"', page(client))
    assert client.post(path).status_code == 303
    (retry,) = ingest.unfinished_jobs()
    assert retry.retry_of == job.id


def test_a_finished_picture_hangs_in_the_gallery(client: TestClient, ingest: Ingest, finished: Job) -> None:
    html = page(client)
    for path in (f"/v1/jobs/{finished.id}/result", f"/v1/jobs/{finished.id}/result?width=640"):
        assert f'"{path}"' in html
        assert client.get(path).status_code == 200
    assert f'"/v1/jobs/{finished.id}/record"' in html
    assert 'alt="Content 1 in the style of Style 2"' in html
    assert "style 1 · 64 px" in text(html)


def test_a_post_is_shown_for_what_it_became(client: TestClient, ingest: Ingest, finished: Job) -> None:
    events = EventHandler(ingest.engine)
    events.handle(PostWaiting(job_id=finished.id, account="a", post="1", reason='"For" a yes.'), 1)
    assert 'title="&#34;For&#34; a yes.">to be posted' in page(client)
    failed = PostFailed(job_id=finished.id, account="a", post="1", reason='"> <b>refused</b>', error_code="error")
    events.handle(failed, 1)
    assert 'title="&#34;&gt; &lt;b&gt;refused&lt;/b&gt;">not posted' in page(client)
    events.handle(PostPublished(job_id=finished.id, account="a", media_id="1", url="javascript:alert(1)"), 1)
    html = page(client)
    assert "· posted" in html
    assert "javascript:" not in html


def test_hostile_names_are_only_text(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.png", '" onload="alert(1).png', "{{ 7*7 }}.png", "\u202egnp.png"]
    for seed, name in enumerate(names):
        (tmp_path / "photos" / name).write_bytes(encoded(noise(seed), "PNG"))
        (tmp_path / "photos" / f"broken {name}").write_bytes(b"no picture")
    (tmp_path / "paintings" / "'><script>alert(1)<.png").write_bytes(encoded(noise(9), "PNG"))
    ingest.sync_all()
    (style,) = ingest.assets(Role.STYLE, limit=1).items
    for content in ingest.assets(Role.CONTENT, limit=10).items:
        ingest.submit(content, style, FAST)
    html = page(client)
    assert "<img src=x" not in html
    assert "<script>alert" not in html
    assert ' onload="' not in html
    assert re.findall(r"<script[^>]*>", html) == ['<script src="/static/live.js" defer>']
    for name in names:
        assert name.removesuffix(".png") in unescape(html)


def test_nothing_is_inline_or_from_elsewhere(client: TestClient, synced: Ingest, finished: Job) -> None:
    html = page(client)
    assert not re.search(r"<style|style=|\son\w+=|<script(?! src)", html)
    places = re.findall(r'(?:src|href|action)="([^"]*)"', html)
    assert {place[0] for place in places} == {"/"}
    for place in {place for place in places if place.startswith("/static/")}:
        asset = client.get(place)
        assert asset.status_code == 200
        assert "http" not in asset.text.replace("http://www.w3.org/2000/svg", "")


def test_refused_files_are_listed_with_reasons(client: TestClient, synced: Ingest) -> None:
    assert "1 refused file broken.jpg : Not a picture of a known type." in text(page(client))


def test_the_form_paints_the_pair_that_was_picked(client: TestClient, synced: Ingest) -> None:
    html = page(client)
    fields = dict(re.findall(r'type="radio" name="(\w+)" value="([^"]+)"[^>]*checked', html))
    assert (fields["style_weight"], fields["size"]) == ("1.0", "512")
    response = client.post("/paint", data={**fields, "size": "256", "style_weight": "5.0", "publish": "true"})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    (job,) = synced.unfinished_jobs()
    assert (job.content.name, job.style.name, job.publish) == ("me.png", "scream.png", True)
    assert (job.hyperparameters.size, job.hyperparameters.style_weight) == (256, 5.0)


@pytest.mark.parametrize("change", [{"size": "8"}, {"style_weight": "inf"}, {"content": "x"}, {"size": "much"}])
def test_a_form_that_was_tampered_with_is_refused(client: TestClient, synced: Ingest, change: dict[str, Any]) -> None:
    fields = {role: synced.assets(Role(role), limit=1).items[0].sha256 for role in ("content", "style")}
    response = client.post("/paint", data=fields | {"size": "64", "style_weight": "1"} | change)
    assert response.status_code == 422
    assert synced.unfinished_jobs() == []


def test_the_buttons_do_what_they_say(client: TestClient, synced: Ingest, tmp_path: Path) -> None:
    assert client.post("/daily").status_code == 303
    (job,) = synced.unfinished_jobs()
    assert job.hyperparameters == FAST
    assert client.post("/daily").status_code == 303
    assert len(synced.unfinished_jobs()) == 2
    assert client.post(f"/jobs/{job.id}/cancel").status_code == 303
    assert synced.job(job.id).cancel_requested_at
    (tmp_path / "photos" / "second.jpg").write_bytes(encoded(quarters(), "JPEG"))
    assert client.post("/sync").headers["location"] == "/"
    wait_for_sync(client)
    assert len(synced.assets(Role.CONTENT, limit=3).items) == 2


def test_a_button_that_cannot_says_so_on_a_page(client: TestClient) -> None:
    headers = {"Accept": "text/html"}
    assert "There are no photographs" in text(client.post("/daily", headers=headers).text)
    assert client.post(f"/jobs/{NOBODY}/cancel", headers=headers).status_code == 404
