"""The page of one picture: on the easel, finished, failed, cancelled, and of the record alone."""

import re
import subprocess
import sys
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from ingest_http import serving
from ingest_samples import encoded, quarters
from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, contexts, shoot
from pages_house import PagesHouse, painted, record_of, samples
from service_processes import wait_until
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import (
    JobCancelled,
    JobCompleted,
    JobProgress,
    JobStarted,
    PostFailed,
    PostPublished,
    PostWaiting,
)
from stylegram.common.records import Role
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.http.app import create_app
from stylegram.ingest.schemas import Job
from stylegram.logger.http.app import logger_part
from stylegram.stylizer.timelapse import Timelapse

PLAIN = Hyperparameters(size=256, evaluations=(20, 40))
DARK: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}
LIGHT: dict[str, Any] = {"viewport": DESK}
LOOKS = pytest.mark.parametrize(("look", "options"), [("desk", LIGHT), ("phone", DARK)])


def sample(name: str) -> Path:
    return next(path for folder in samples() for path in folder if path.stem == name)


PHOTOGRAPH, PAINTING = "chelsea", "night_currents"


def submitted(house: PagesHouse, photograph: str = PHOTOGRAPH, painting: str = PAINTING, **options: Any) -> Job:
    """A job of two samples, in its queue."""
    pair = house.asset(Role.CONTENT, sample(photograph)), house.asset(Role.STYLE, sample(painting))
    job = house.ingest.submit(*pair, options.pop("hyperparameters", PLAIN), **{"publish": False, **options})
    house.ingest.relay().relay_once()
    return job


def result(photograph: str = PHOTOGRAPH, painting: str = PAINTING) -> bytes:
    return painted(sample(photograph), sample(painting))


def on_the_way(blur: float) -> bytes:
    """A snapshot, as the worker makes them."""
    picture = Image.open(BytesIO(result())).filter(ImageFilter.GaussianBlur(blur))
    picture.thumbnail((300, 300))
    return encoded(picture, "JPEG")


def film() -> bytes:
    picture = Image.open(BytesIO(result()))
    timelapse = Timelapse(picture.size)
    for evaluation in range(1, 13):
        timelapse.add(evaluation, lambda blur=13 - evaluation: picture.filter(ImageFilter.GaussianBlur(blur)))  # type: ignore[misc]
    return timelapse.mp4()


def painted_job(house: PagesHouse, **options: Any) -> Job:
    """One that is finished, with everything."""
    job = submitted(house, hyperparameters=Hyperparameters(size=512, style_weight=3, colors="matched"), **options)
    width, height = Image.open(BytesIO(result())).size
    curve = [
        {"evaluation": at, "size": 512, "total": 3 * style + 0.1 * content, "content": content, "style": style, "tv": 0}
        for at in range(1, 101)
        for style, content in [(0.9 / (1 + at / 6), 1.4 + at / 200)]
    ]
    facts = {"width": width, "height": height, "peak_memory_mb": 812.5, "cpu_seconds": 31.2}
    house.finish(job, result(), seed=31, film=film(), curve=curve, **facts)
    return job


def start(house: PagesHouse, job: Job) -> None:
    house.hear(JobStarted(job_id=job.id, attempt=1, worker="worker-1"))


def paint(house: PagesHouse, job: Job, *evaluations: int) -> None:
    for at in evaluations:
        progress = JobProgress(job_id=job.id, evaluation=at, evaluations=60, size=256, loss=3 / (1 + at / 9))
        house.hear(progress)


def points(page: Page) -> int:
    """How many points the curve has."""
    drawn = page.locator(".curve .line").get_attribute("d") or ""
    return drawn.count(",")


def is_whole(image: Locator) -> bool:
    whole: bool = image.evaluate("image => image.complete && image.naturalWidth > 0")
    return whole


def test_a_job_from_the_queue_to_the_picture(house: PagesHouse, open_page: Open) -> None:
    first, job = submitted(house, "coffee"), submitted(house)
    page = open_page(f"/pictures/{job.id}")
    expect(page.get_by_text("1 picture before it")).to_be_visible()
    expect(page.get_by_alt_text("The photograph, not painted yet")).to_be_visible()
    start(house, first)
    expect(page.get_by_text("Next in line")).to_be_visible()

    start(house, job)
    expect(page.get_by_text("Preparing canvas and colours…")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("It is being painted now.")
    paint(house, job, 1)
    expect(page.locator("[data-show=evaluation]")).to_have_text("1")
    for at in (7, 12):
        paint(house, job, at)
        expect(page.locator("[data-show=evaluation]")).to_have_text(f"{at}")
    house.snapshot(job, 12, on_the_way(6))
    expect(page.get_by_alt_text("The picture after 12 evaluations")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 12)
    expect(page.locator("[data-show=scale]")).to_have_text("128")
    expect(page.locator("[data-show=elapsed]")).to_have_text(re.compile(r"\d+ s"))
    assert points(page) == 3
    house.snapshot(job, 30, on_the_way(3))
    paint(house, job, 30)
    expect(page.get_by_alt_text("The picture after 30 evaluations")).to_be_visible()
    expect(page.locator("[data-show=scale]")).to_have_text("256")

    house.finish(job, result())
    expect(page.get_by_role("status")).to_have_text("The picture is finished.")
    expect(page.get_by_label("Where the photograph ends")).to_be_visible()
    expect(page).to_have_title("Chelsea × Night currents · Stylegram")
    assert is_whole(page.locator(".after"))
    check_accessibility(page)


def test_a_reload_in_the_middle_loses_nothing(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    start(house, job)
    page = open_page(f"/pictures/{job.id}")
    house.snapshot(job, 6, on_the_way(9))
    for at in (3, 6, 9):
        paint(house, job, at)
        expect(page.locator("[data-show=evaluation]")).to_have_text(f"{at}")
    page.reload()
    expect(page.get_by_alt_text("The picture after 6 evaluations")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 9)
    assert points(page) == 3

    # Somewhere else, and back.
    page.goto("/gallery")
    paint(house, job, 14)
    page.go_back()
    expect(page.locator("[data-show=evaluation]")).to_have_text("14")
    assert points(page) == 4
    paint(house, job, 20)
    expect(page.locator("[data-show=evaluation]")).to_have_text("20")
    assert points(page) == 5


def test_an_attempt_that_begins_anew_takes_the_curve_back(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    start(house, job)
    page = open_page(f"/pictures/{job.id}")
    for at in (3, 6, 9):
        paint(house, job, at)
        expect(page.locator("[data-show=evaluation]")).to_have_text(f"{at}")
    house.hear(JobStarted(job_id=job.id, attempt=2, worker="worker-2"))
    paint(house, job, 4)
    expect(page.locator("[data-show=evaluation]")).to_have_text("4")
    assert points(page) == 2


def test_where_events_do_not_come_the_page_is_looked_at(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    start(house, job)
    page = open_page("/gallery")
    page.route("**/events", lambda route: route.fulfill(status=503))
    page.goto(f"/pictures/{job.id}")
    for at in (5, 25):
        paint(house, job, at)
        expect(page.get_by_role("progressbar")).to_have_js_property("value", at)
    assert points(page) == 2
    house.finish(job, result())
    expect(page.get_by_role("status")).to_have_text("The picture is finished.")


def test_what_is_left_is_estimated_once_the_pace_is_known(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    start(house, job)
    page = open_page(f"/pictures/{job.id}")
    # It goes on here only where the test says so.
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.reload()
    for at in (2, 4):
        paint(house, job, at)
        expect(page.locator("[data-show=evaluation]")).to_have_text(f"{at}")
        page.clock.run_for(10_000)
    # Two of small evaluations took 10 seconds: 16 more take 80, and 40 with four times the pixels 800; 10 are over.
    expect(page.locator("[data-show=left]")).to_have_text("about 15 min")


def test_without_a_script_the_page_reloads_itself(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    house.running(job)
    page = open_page(f"/pictures/{job.id}", java_script_enabled=False)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("12 of 60")).to_be_visible()
    house.finish(job, result())
    page.wait_for_url(f"**/pictures/{job.id}")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=10_000)
    # Side by side, where nothing moves the line.
    photograph, picture = (page.locator(name).bounding_box() for name in (".before", ".after"))
    assert photograph and picture
    assert photograph["x"] + photograph["width"] <= picture["x"]
    check_fits(page)


@LOOKS
def test_the_easel_looks_well(look: str, options: dict[str, Any], house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    start(house, job)
    page = open_page(f"/pictures/{job.id}", **options)
    expect(page.get_by_text("Preparing")).to_be_visible()
    shoot(page, f"easel-preparing-{look}")
    house.snapshot(job, 30, on_the_way(2))
    for at in range(1, 34):
        paint(house, job, at)
        if at % 3 == 0:
            expect(page.locator("[data-show=evaluation]")).to_have_text(f"{at}")
    expect(page.get_by_alt_text("The picture after 30 evaluations")).to_be_visible()
    check_fits(page)
    check_accessibility(page)
    shoot(page, f"easel-{look}")


def test_cancelling(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    house.running(job)
    page = open_page(f"/pictures/{job.id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelling…")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert house.ingest.job(job.id).cancel_requested_at
    house.hear(JobCancelled(job_id=job.id, worker="worker-1"))
    expect(page.get_by_role("heading", name="It was cancelled")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("It is cancelled.")
    check_accessibility(page)
    shoot(page, "picture-cancelled-desk")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Waiting for the easel")).to_be_visible()
    (again,) = house.ingest.unfinished_jobs()
    assert again.retry_of == job.id
    assert page.url.endswith(f"/pictures/{again.id}")


@LOOKS
def test_a_failure_says_why_and_can_be_retried(
    look: str, options: dict[str, Any], house: PagesHouse, open_page: Open
) -> None:
    job = submitted(house)
    house.running(job)
    house.snapshot(job, 6, on_the_way(9))
    page = open_page(f"/pictures/{job.id}", **options)
    reason = 'The GPU\'s memory ran out at <b onclick="alert(1)">512</b> pixels. ' + "A_very_long_word" * 12
    house.fail(job, reason)
    expect(page.get_by_role("heading", name="It could not be painted")).to_be_visible()
    expect(page.get_by_text(reason)).to_be_visible()
    expect(page.get_by_alt_text("The picture after 6 evaluations")).to_be_visible()
    check_fits(page)
    check_accessibility(page)
    shoot(page, f"picture-failed-{look}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("About to begin")).to_be_visible()


def test_a_paused_queue_says_so(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    house.ingest.pause("stylizer.jobs")
    page = open_page(f"/pictures/{job.id}")
    expect(page.get_by_text("Painting is paused: nothing is started until it is resumed.")).to_be_visible()
    house.ingest.pause("ingest.events")
    expect(page.get_by_text("News of jobs is paused")).to_be_visible(timeout=10_000)
    check_accessibility(page)
    shoot(page, "easel-paused-desk")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_text("About to begin")).to_be_visible()
    assert not house.ingest.broker.paused("stylizer.jobs")


def test_a_server_that_does_not_answer_is_told_of(house: PagesHouse, chromium: Browser) -> None:
    job = submitted(house)
    with ExitStack() as served:
        address = served.enter_context(house.served())
        with contexts(chromium, address) as open_page:
            page = open_page(f"/pictures/{job.id}")
            start(house, job)
            paint(house, job, 5)
            clock = page.locator("[data-show=elapsed]")
            expect(clock).to_have_text(re.compile(r"\d+ s"))
            served.close()
            said = page.get_by_role("status")
            expect(said).to_have_text("Stylegram does not answer; trying again.", timeout=15_000)
            expect(said).to_be_in_viewport(ratio=1)
            check_accessibility(page)
            shoot(page, "easel-silent-desk")
            stands = clock.text_content()
            page.wait_for_timeout(2_500)  # longer than a clock that ticks shows the same
            assert clock.text_content() == stands
            with serving(create_app(house.ingest, logger_part(house.logger)), port=int(address.rpartition(":")[2])):
                expect(said).to_be_empty(timeout=15_000)
                expect(clock).not_to_have_text(stands or "")


def test_a_mixture_has_the_names_of_all_its_paintings(house: PagesHouse, open_page: Open) -> None:
    further = [house.asset(Role.STYLE, sample("two_fishes"))]
    job = submitted(house, hyperparameters=PLAIN, further_styles=further)
    page = open_page(f"/pictures/{job.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Night currents + Two fishes")
    expect(page).to_have_title("Chelsea × Night currents + Two fishes, on the easel · Stylegram")
    for path in ("/", "/queue"):
        page.goto(path)
        expect(page.get_by_role("link", name="Night currents + Two fishes").first).to_be_visible()


def box_of(page: Page) -> FloatRect:
    box = page.locator("before-after").bounding_box()
    assert box
    return box


def shown(page: Page) -> float:
    """The share of the width that shows the photograph, by what the page really looks like."""
    clip: str = page.locator(".before").evaluate("image => getComputedStyle(image).clipPath")
    (hidden,) = re.findall(r"([\d.]+)%", clip)
    return 1 - float(hidden) / 100


def test_the_line_is_moved_by_mouse_keyboard_and_finger(house: PagesHouse, open_page: Open) -> None:
    job = painted_job(house)
    page = open_page(f"/pictures/{job.id}")
    box = box_of(page)
    assert shown(page) == pytest.approx(0.5)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, middle, steps=5)
    assert shown(page) == pytest.approx(0.2, abs=0.01)
    page.mouse.move(box["x"] + box["width"] + 40, middle)
    assert shown(page) == pytest.approx(1)
    page.mouse.up()
    page.mouse.move(box["x"] + 10, middle)
    assert shown(page) == pytest.approx(1)

    slider = page.get_by_role("slider")
    expect(slider).to_be_focused()
    page.keyboard.press("Home")
    assert shown(page) == 0
    page.keyboard.press("ArrowRight")
    assert shown(page) == pytest.approx(0.01)
    expect(slider).to_have_attribute("aria-valuetext", "99 % painted")

    phone = open_page(f"/pictures/{job.id}", **DARK)
    box = box_of(phone)
    phone.touchscreen.tap(box["x"] + box["width"] * 0.7, box["y"] + 30)
    assert shown(phone) == pytest.approx(0.7, abs=0.01)
    finger = phone.context.new_cdp_session(phone)
    for kind, share in (("touchStart", 0.7), ("touchMove", 0.5), ("touchMove", 0.3), ("touchEnd", None)):
        at = [] if share is None else [{"x": box["x"] + box["width"] * share, "y": box["y"] + 30}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    assert shown(phone) == pytest.approx(0.3, abs=0.01)


def test_both_pictures_lie_exactly_over_each_other(house: PagesHouse, open_page: Open) -> None:
    page = open_page(f"/pictures/{painted_job(house).id}")
    assert page.locator(".before").bounding_box() == page.locator(".after").bounding_box()
    ratio = page.locator(".after").evaluate("image => image.naturalWidth / image.naturalHeight")
    box = box_of(page)
    assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.01)


def test_stars(house: PagesHouse, open_page: Open) -> None:
    job = painted_job(house)
    page = open_page(f"/pictures/{job.id}")
    page.get_by_role("button", name="4 stars").click()
    expect(page.get_by_role("button", name="4 stars")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".stars .given")).to_have_count(4)
    page.get_by_role("button", name="2 stars").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".stars .given")).to_have_count(2)
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".stars .given")).to_have_count(0)
    expect(page.get_by_role("button", name="Take back")).to_have_count(0)


def test_publishing_and_what_became_of_it(house: PagesHouse, open_page: Open) -> None:
    job = painted_job(house)
    page = open_page(f"/pictures/{job.id}")
    page.get_by_text("Publish…", exact=True).click()
    page.get_by_role("checkbox", name="Photo the picture").check()
    page.get_by_role("checkbox", name="Reel the film").check()
    check_accessibility(page)
    shoot(page, "picture-publish-desk")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The publisher is asked.")).to_be_visible()
    delivery = house.ingest.broker.receive(PUBLISHER_POSTS.name)
    assert delivery
    assert b'"photo","reel"' in delivery.body

    told: dict[str, Any] = {"job_id": job.id, "account": "a"}
    house.hear(
        PostPublished(**told, post="p1", kind="photo", media_id="1", url="https://example.org/p/1"),
        PostWaiting(**told, post="p2", kind="reel", reason="It waits for a yes."),
        PostFailed(**told, post="p3", kind="story", reason="The account <b>refused</b> it.", error_code="refused"),
    )
    expect(page.get_by_role("link", name="See it there")).to_have_attribute("href", "https://example.org/p/1")
    expect(page.get_by_text("It waits for a yes.", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Approve it")).to_have_attribute("href", "/posts/p2")
    expect(page.get_by_role("link", name="Reel")).to_have_attribute("href", "/posts/p2")
    expect(page.get_by_text("The account <b>refused</b> it.")).to_be_visible()
    page.reload()
    page.get_by_text("Post it in another way…").click()
    expect(page.get_by_text("What is posted already is not posted twice.").last).to_be_visible()
    check_accessibility(page)
    shoot(page, "picture-posts-desk")


def test_an_address_that_runs_something_is_no_link(house: PagesHouse, open_page: Open) -> None:
    job = painted_job(house)
    event = PostPublished(job_id=job.id, account="a", post="1", kind="photo", media_id="1", url="javascript:alert(1)")
    house.hear(event)
    page = open_page(f"/pictures/{job.id}")
    expect(page.get_by_text("out", exact=True)).to_be_visible()
    assert "javascript:" not in page.content()


def test_the_download_has_a_name(house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    page = open_page(f"/pictures/{painted_job(house).id}")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert downloading.value.suggested_filename == "Chelsea in the manner of Night currents.png"
    assert downloading.value.path().read_bytes() == result()


def test_the_film_plays(house: PagesHouse, open_page: Open) -> None:
    page = open_page(f"/pictures/{painted_job(house).id}")
    video = page.locator("video")
    video.evaluate("video => video.play()")
    wait_until(lambda: video.evaluate("video => video.currentTime > 0.2"))
    assert video.evaluate("video => video.error") is None
    assert video.evaluate("video => video.duration") > 1


def test_without_a_film_there_is_no_player(house: PagesHouse, open_page: Open) -> None:
    job = submitted(house)
    house.finish(job, result())
    page = open_page(f"/pictures/{job.id}")
    expect(page.get_by_role("heading", name="How good it is")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)


@LOOKS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_finished_page(look: str, options: dict[str, Any], scheme: str, house: PagesHouse, open_page: Open) -> None:
    job = painted_job(house)
    house.finish(submitted(house), result())
    page = open_page(f"/pictures/{job.id}", **{**options, "color_scheme": scheme})
    wait_until(lambda: page.locator("video").evaluate("video => video.readyState > 0"))
    chosen = page.get_by_role("table", name="Hyperparameters that were chosen")
    expect(chosen.get_by_role("row", name="style_weight")).to_contain_text("3")
    expect(chosen.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("link", name="Compare with 1 other of this pair")).to_be_visible()
    for name in ("The others", "All that was measured"):
        page.get_by_text(name).click()
        check_fits(page)
        check_accessibility(page)
        page.get_by_text(name).click()
    page.get_by_role("button", name="4 stars").click()
    expect(page.locator(".stars .given")).to_have_count(4)
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    seek = "video => new Promise(done => { video.onseeked = () => done(true); video.currentTime = 1; })"
    assert page.locator("video").evaluate(seek)
    page.mouse.move(0, 0)
    shoot(
        page,
        f"picture-{look}" if (look, scheme) in {("desk", "light"), ("phone", "dark")} else f"picture-{look}-{scheme}",
    )


@pytest.mark.parametrize("name", ["upright", "flat"])
def test_every_shape_has_room(name: str, house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    size = {"upright": (300, 900), "flat": (900, 220)}[name]
    (tmp_path / f"{name}.png").write_bytes(encoded(quarters().resize(size), "PNG"))
    pair = house.asset(Role.CONTENT, tmp_path / f"{name}.png"), house.asset(Role.STYLE, sample(PAINTING))
    job = house.ingest.submit(*pair, PLAIN, publish=False)
    house.finish(job, encoded(quarters().resize(size), "PNG"), width=size[0], height=size[1])
    for options in (LIGHT, DARK):
        page = open_page(f"/pictures/{job.id}", **options)
        check_fits(page)
        box = box_of(page)
        assert box["width"] / box["height"] == pytest.approx(size[0] / size[1], rel=0.02)
        assert box["height"] <= 0.8 * options["viewport"]["height"]
    shoot(page, f"picture-{name}-phone")


def test_hostile_names_are_only_text(house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>" + "'\"><script>alert(1)<" + "W" * 100
    (tmp_path / f"{name}.png").write_bytes(encoded(quarters(), "PNG"))
    pair = house.asset(Role.CONTENT, tmp_path / f"{name}.png"), house.asset(Role.STYLE, sample(PAINTING))
    waiting, finished = (house.ingest.submit(*pair, PLAIN, publish=False) for _ in range(2))
    house.finish(finished, result())
    for job in (waiting, finished):
        page = open_page(f"/pictures/{job.id}", viewport=PHONE)
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        check_fits(page)
        check_accessibility(page)
    shoot(page, "picture-hostile-phone")


@LOOKS
def test_a_run_of_the_record_alone(look: str, options: dict[str, Any], house: PagesHouse, open_page: Open) -> None:
    record = record_of(submitted(house), 1).model_copy(update={"job_id": "notebook 7"})
    house.logger.logger.handle_all([JobCompleted(job_id=record.job_id, result="elsewhere.png", record=record)])
    page = open_page("/pictures/notebook%207", **options)
    expect(page.get_by_text("The picture is not here.")).to_be_visible()
    expect(page.get_by_role("img", name="Loss by evaluation")).to_be_visible()
    expect(page.get_by_role("slider")).to_have_count(0)
    check_fits(page)
    check_accessibility(page)
    shoot(page, f"picture-record-only-{look}")
    page.goto("/pictures/notebook%208")
    expect(page.get_by_text("There is no picture 'notebook 8'.")).to_be_visible()


def test_a_real_picture_from_end_to_end(chromium: Browser, tmp_path: Path) -> None:
    for folder, name in (("photos", PHOTOGRAPH), ("styles", PAINTING)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / sample(name).name).write_bytes(sample(name).read_bytes())
    folders = [word for name in ("photos", "styles", "state") for word in (f"--{name}", str(tmp_path / name))]
    command = [sys.executable, "-c", "from stylegram.local.cli import main; main()", "serve", *folders, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            (address,) = re.findall(r"http://[0-9.]+:[0-9]+", process.stdout.readline())
            with httpx2.Client(base_url=address, timeout=30) as client, contexts(chromium, address) as open_page:
                _watch_a_real_picture(client, open_page)
        finally:
            process.kill()


def _watch_a_real_picture(client: httpx2.Client, open_page: Open) -> None:
    wait_until(lambda: len(client.get("/v1/assets").json()["items"]) == 2)
    pair = {asset["role"]: asset["sha256"] for asset in client.get("/v1/assets").json()["items"]}
    hyperparameters = {"size": 96, "evaluations": [30, 60]}
    job = client.post("/v1/jobs", json={**pair, "hyperparameters": hyperparameters, "publish": False}).json()
    page = open_page(f"/pictures/{job['id']}", reduced_motion="no-preference")
    expect(page.get_by_alt_text(re.compile(r"The picture after \d+ evaluations"))).to_be_visible(timeout=60_000)
    wait_until(lambda: points(page) >= 2)
    page.reload()
    expect(page.get_by_role("status")).to_have_text("The picture is finished.", timeout=60_000)
    expect(page.get_by_role("slider")).to_be_visible()
    expect(page.get_by_text("Photograph kept")).to_be_visible()
    wait_until(lambda: page.locator("video").evaluate("video => video.readyState > 0"))
    wait_until(lambda: client.get(f"/v1/runs/{job['id']}").is_success)
    page.reload()
    page.get_by_role("button", name="5 stars").click()
    expect(page.locator(".stars .given")).to_have_count(5)
