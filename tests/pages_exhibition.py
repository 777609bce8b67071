"""Runs with pictures for the tests of the gallery and of comparisons."""

from datetime import timedelta
from functools import cache
from io import BytesIO

from PIL import Image

from ingest_samples import FAST, add_asset, encoded, quarters
from pages_house import PagesHouse, painted, samples
from stylegram.common.clock import utcnow
from stylegram.common.records import Role
from stylegram.ingest.schemas import Job
from stylegram.logger.preferences.repository import PreferenceRepository


@cache
def small() -> bytes:
    """A picture that takes no time."""
    return encoded(quarters(), "PNG")


def several(house: PagesHouse, count: int) -> list[Job]:
    """So many runs, each a minute older than the one before it in the list, all of one pair."""
    pair = add_asset(house.ingest, Role.CONTENT, 1), add_asset(house.ingest, Role.STYLE, 2)
    jobs = [house.ingest.submit(*pair, FAST) for _ in range(count)]
    for number, job in enumerate(jobs):
        done = utcnow() - timedelta(minutes=number)
        house.finish(
            job, small(), seed=number, width=96, height=64, started_at=done - timedelta(seconds=9), finished_at=done
        )
    return jobs


def exhibition(house: PagesHouse, count: int = 24, size: int = 512) -> list[Job]:
    """So many different pictures of the samples, some with stars, the newest first."""
    photographs, paintings = samples()
    content = [house.asset(Role.CONTENT, path) for path in photographs]
    style = [house.asset(Role.STYLE, path) for path in paintings]
    jobs = []
    for number in range(count):
        # All pairs come once before one comes again, and neighbours have nothing in common.
        one = number % len(content)
        two = (2 * one + number // len(content)) % len(style)
        job = house.ingest.submit(content[one], style[two], FAST)
        picture = painted(photographs[one], paintings[two], size)
        width, height = Image.open(BytesIO(picture)).size
        done = utcnow() - timedelta(minutes=7 * number**1.6)
        house.finish(
            job,
            picture,
            seed=number,
            width=width,
            height=height,
            started_at=done - timedelta(seconds=40),
            finished_at=done,
        )
        if number % 3 == 0:
            PreferenceRepository(house.logger.engine).rate(job.id, 5 - number % 4 // 2)
        jobs.append(job)
    return jobs
