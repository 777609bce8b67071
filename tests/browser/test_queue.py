"""The queue: what is painted, what waits, what came to nothing, and the queues behind it."""

import re

import pytest
from playwright.sync_api import expect

from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_house import PagesHouse, samples
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import CancelJob, JobCancelled, Priority
from stylegram.common.records import AssetReference, Role
from stylegram.common.topology import INGEST_EVENTS, LOGGER_EVENTS, STYLIZER_JOBS
from stylegram.ingest.schemas import Job

LOOKS = [
    ("desk", {"viewport": DESK, "color_scheme": "light"}),
    ("desk-dark", {"viewport": DESK, "color_scheme": "dark"}),
    ("phone", {"viewport": PHONE, "color_scheme": "light", "has_touch": True, "device_scale_factor": 2}),
    ("phone-dark", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}),
]
# What is below the fold is loaded too.
ALL_IMAGES = "Promise.all([...document.images].map((image) => ((image.loading = 'eager'), image.decode())))"


def pictures(house: PagesHouse, count: int = 1) -> list[tuple[AssetReference, AssetReference]]:
    """Pairs of sample pictures."""
    photos, paintings = samples()
    return [
        (
            house.ingest.put_into_library(Role.CONTENT, photos[number].name, photos[number].read_bytes()),
            house.ingest.put_into_library(Role.STYLE, paintings[number].name, paintings[number].read_bytes()),
        )
        for number in range(count)
    ]


def submit(house: PagesHouse, number: int = 0, priority: Priority = Priority.INTERACTIVE) -> Job:
    pair = pictures(house, number + 1)[number]
    return house.ingest.submit(*pair, Hyperparameters(), publish=False, priority=priority)


def bury(house: PagesHouse, reason: str, job: str, queue: str = INGEST_EVENTS.name) -> None:
    """A dead letter."""
    house.ingest.broker.publish(CancelJob(job_id=job))
    delivery = house.ingest.broker.receive(queue)
    assert delivery
    house.ingest.broker.reject(delivery, reason)


def furnish(house: PagesHouse) -> None:
    """One job of every kind, and a queue of every kind."""
    jobs = [submit(house, number % 4) for number in range(7)]
    house.running(jobs[0], evaluation=37)
    submit(house, 1, Priority.BATCH)
    house.fail(
        jobs[1], "The worker's memory does not hold a picture of 4096 px. Choose a smaller size, or more memory."
    )
    house.fail(jobs[2], "Given up after 5 attempts.")
    house.ingest.cancel(jobs[3].id)
    house.hear(JobCancelled(job_id=jobs[3].id, worker="worker-1"))
    house.ingest.cancel(jobs[4].id)
    bury(
        house, "InvalidMessage: version 7 is not one that this code speaks. Update Stylegram, then requeue.", jobs[0].id
    )
    bury(house, "Given up after 100 attempts.", jobs[1].id)
    house.ingest.pause(LOGGER_EVENTS.name)


@pytest.mark.parametrize(("name", "options"), LOOKS)
def test_how_it_looks(name: str, options: dict[str, object], house: PagesHouse, open_page: Open) -> None:
    furnish(house)
    page = open_page("/queue", **options)
    page.evaluate(ALL_IMAGES)
    shoot(page, f"queue-{name}")
    check_fits(page)
    check_accessibility(page)
    page.get_by_role("link", name="2 dead letters of News of jobs").click()
    page.get_by_text("What it says").first.click()
    page.get_by_text("Throw all away…").click()
    shoot(page, f"queue-letters-{name}")
    check_fits(page)
    check_accessibility(page)


def test_the_easel_is_live(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/queue")
    expect(page.get_by_text("The easel is free.")).to_be_visible()
    job = submit(house)
    waiting = page.get_by_role("region", name=re.compile("^Waiting"))
    expect(waiting.get_by_role("listitem")).to_have_count(1, timeout=10_000)
    expect(page.get_by_text("about to go onto the easel")).to_be_visible()
    house.running(job, evaluation=30, evaluations=60)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "30", timeout=10_000)
    expect(waiting).to_have_count(0)
    house.fail(job, "No canvas <b>left</b>.")
    expect(page.get_by_role("region", name="Failed lately")).to_contain_text("No canvas <b>left</b>.", timeout=10_000)


def test_a_job_is_cancelled(house: PagesHouse, open_page: Open) -> None:
    job = submit(house)
    page = open_page("/queue")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelling…")).to_be_visible()
    assert house.ingest.job(job.id).cancel_requested_at
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_failed_job_is_tried_again(house: PagesHouse, open_page: Open) -> None:
    job = submit(house)
    house.fail(job, "No canvas.")
    page = open_page("/queue")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name=re.compile("^Waiting")).get_by_role("listitem")).to_have_count(1)
    assert [retry.retry_of for retry in house.ingest.unfinished_jobs()] == [job.id]


@pytest.mark.parametrize("scripted", [True, False])
def test_a_queue_is_paused_and_resumed(house: PagesHouse, open_page: Open, scripted: bool) -> None:
    page = open_page("/queue", java_script_enabled=scripted)
    page.get_by_role("button", name="Pause Pictures", exact=True).click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    assert house.ingest.broker.paused(STYLIZER_JOBS.name)
    expect(page.get_by_text("Painting is paused: nothing is started until it is resumed.")).to_be_visible()
    page.get_by_role("button", name="Resume Pictures", exact=True).click()
    expect(page.get_by_role("button", name="Pause Pictures", exact=True)).to_be_visible()
    assert not house.ingest.broker.paused(STYLIZER_JOBS.name)


@pytest.mark.parametrize("scripted", [True, False])
def test_dead_letters_are_read_tried_again_and_thrown_away(house: PagesHouse, open_page: Open, scripted: bool) -> None:
    bury(house, "Nobody <b>knows</b>.", "42")
    broker, queue = house.ingest.broker, INGEST_EVENTS.name
    page = open_page("/queue", java_script_enabled=scripted)
    page.get_by_role("link", name="1 dead letters of News of jobs").click()
    expect(page.get_by_text("Nobody <b>knows</b>.")).to_be_visible()
    page.get_by_text("What it says").click()
    expect(page.locator("pre")).to_contain_text('"job_id": "42"')
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    assert (broker.dead_count(queue), broker.depth(queue)) == (0, 1)
    delivery = broker.receive(queue)
    assert delivery
    broker.reject(delivery, "Still not.")
    page.goto(f"/queue/{queue}")
    expect(page.get_by_role("button", name="Yes, throw away")).to_be_hidden()
    page.get_by_text("Throw it away…").click()
    page.get_by_role("button", name="Yes, throw away").click()
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    assert (broker.dead_count(queue), broker.depth(queue)) == (0, 0)
    page.goto(f"/queue/{queue}")
    expect(page.get_by_text("There are none")).to_be_visible()


def test_todays_picture_leads_to_its_page(house: PagesHouse, open_page: Open) -> None:
    pictures(house)
    page = open_page("/queue")
    page.get_by_role("button", name="Today’s picture").click()
    page.wait_for_url(re.compile("/pictures/"))
    (job,) = house.ingest.unfinished_jobs()
    assert page.url.endswith(f"/pictures/{job.id}")
