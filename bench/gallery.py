"""The gallery of a house with thousands of pictures, in a real browser: how soon it is seen, and what it transfers.

    python -m bench.gallery

Services and server are the real ones, on a folder, in this process; Chromium asks over loopback. The newest pictures,
more than are ever scrolled to, are files of their own, so that each thumbnail has to be made; those behind share some
dozens. Each visit is with an empty browser: `cold` before any thumbnail was made, `made` after; `again` is one more
visit of the browser that has just been there.
"""

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench import measure
from PIL import Image, ImageOps
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.logs import configure_logs
from stylegram.common.messages import JobCompleted
from stylegram.common.model_cache import default_cache
from stylegram.common.records import Metrics, Role, RunRecord
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.bootstrap import bootstrap as bootstrap_ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.tables import JobRow, JobState
from stylegram.local.samples import draw_paintings, fetch_photographs
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.bootstrap import bootstrap as bootstrap_logger
from stylegram.logger.http.app import logger_part
from stylegram.logger.settings import LoggerSettings
from stylegram.stylizer.engine.models.preview import preview

_NAME = "gallery"
_SAMPLES = Path("samples")
_SIZE = 512
# More than a visit scrolls to, so that no thumbnail there is of another picture.
_OWN_FILES = 300
_BATCH = 100
_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
_SCREENS: dict[str, dict[str, Any]] = {"desk": {"viewport": {"width": 1280, "height": 860}}, "phone": _PHONE}
# When every picture on the screen is decoded, in milliseconds since the visit began.
_SEEN = """
addEventListener("DOMContentLoaded", async () => {
  const onScreen = (image) => {
    const box = image.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  };
  await Promise.all([...document.querySelectorAll("#wall img")].filter(onScreen).map((image) => image.decode()));
  requestAnimationFrame(() => requestAnimationFrame(() => { window.seen = performance.now(); }));
});
"""
Visit = dict[str, float]
"""Milliseconds to the first paint, to the whole first screen, and of scrolling; megabytes of all that."""


def paint_all(folder: Path) -> list[tuple[Path, Path, bytes]]:
    """Every sample photograph in the manner of every sample painting, by the fast network, as PNG."""
    fetch_photographs(folder / "photos")
    draw_paintings(folder / "styles")
    photographs, paintings = (
        sorted(path for path in (folder / name).iterdir() if path.suffix in (".jpg", ".png"))
        for name in ("photos", "styles")
    )
    cache = default_cache()
    painted = []
    for photograph in photographs:
        for painting in paintings:
            content, style = (
                ImageOps.contain(Image.open(path).convert("RGB"), (_SIZE, _SIZE)) for path in (photograph, painting)
            )
            picture = BytesIO()
            preview(content, style, cache).save(picture, "PNG")
            painted.append((photograph, painting, picture.getvalue()))
    return painted


def open_house(root: Path) -> tuple[Ingest, LoggerService]:
    """Ingest with the samples as its assets, and the logger, on one database."""
    url = SecretStr(f"sqlite:///{root}/stylegram.sqlite")
    settings = IngestSettings(
        database_url=url,
        broker_url=SecretStr(f"sqlite://{quote(str(root))}/state/broker.sqlite"),
        storage_url=f"file://{quote(str(root))}/storage",
        content_source_url=f"file://{quote(str((_SAMPLES / 'photos').absolute()))}",
        style_source_url=f"file://{quote(str((_SAMPLES / 'styles').absolute()))}",
    )
    ingest = bootstrap_ingest(settings)
    ingest.sync_all()
    logger = LoggerSettings(broker_url=SecretStr("memory://"), database_url=url)
    return ingest, bootstrap_logger(logger, engine=ingest.engine)


def fill(ingest: Ingest, logger: LoggerService, painted: Sequence[tuple[Path, Path, bytes]], count: int) -> None:
    """Have so many jobs have ended, with records and pictures."""
    references = {
        role: {asset.name: asset for asset in ingest.assets(role, limit=1000).items}
        for role in (Role.CONTENT, Role.STYLE)
    }
    shared = []
    for number, (*_, picture) in enumerate(painted):
        shared.append(f"runs/shared-{number}/result.png")
        ingest.storage.write(shared[-1], picture, content_type="image/png")
    shapes = [Image.open(BytesIO(picture)).size for *_, picture in painted]
    for begin in range(0, count, _BATCH):
        events = []
        with Session(ingest.engine) as session, session.begin():
            repository = AssetRepository(session)
            for number in range(begin, min(begin + _BATCH, count)):
                # Neighbours have nothing in common.
                at = number * 11 % len(painted)
                photograph, painting, picture = painted[at]
                content, style = references[Role.CONTENT][photograph.name], references[Role.STYLE][painting.name]
                done = utcnow() - timedelta(minutes=5 * number)
                job = JobRow(
                    id=str(uuid4()),
                    content=repository.row(Role.CONTENT, content.sha256),
                    style=repository.row(Role.STYLE, style.sha256),
                    hyperparameters=Hyperparameters().model_dump(mode="json"),
                    publish=False,
                    created_at=done - timedelta(minutes=1),
                    published_at=done - timedelta(minutes=1),
                    started_at=done - timedelta(seconds=30),
                    finished_at=done,
                    state=JobState.SUCCEEDED,
                    result=shared[at],
                )
                if number < _OWN_FILES:
                    job.result = f"runs/{job.id}/result.png"
                    # What follows a PNG's end is no part of the picture, but another digest.
                    ingest.storage.write(job.result, picture + job.id.encode(), content_type="image/png")
                session.add(job)
                width, height = shapes[at]
                record = RunRecord(
                    job_id=job.id,
                    outcome="succeeded",
                    content=content,
                    style=style,
                    hyperparameters=Hyperparameters(),
                    engine_version="1.0",
                    torch_version="2.13.0",
                    weights="vgg19",
                    device="cpu",
                    width=width,
                    height=height,
                    started_at=done - timedelta(seconds=30),
                    finished_at=done,
                    metrics=_metrics(number),
                )
                events.append(JobCompleted(job_id=job.id, result=job.result, record=record))
        logger.logger.handle_all(events)


def _metrics(number: int) -> Metrics:
    content, style = 0.1 + number % 97 / 200, 0.05 + number % 89 / 200
    return Metrics(
        content_error=content,
        content_baseline=1.0,
        style_error_512=style,
        style_error_256=style,
        style_error_128=style,
        held_out_style_error=style,
        style_baseline=1.0,
        ssim=0.5,
        color_distance=0.3,
        high_frequency_ratio=0.9,
    )


@contextmanager
def served(ingest: Ingest, logger: LoggerService) -> Iterator[str]:
    """The pages, on a port of their own."""
    listener, stop = listen("127.0.0.1", 0), threading.Event()
    server = threading.Thread(target=serve, args=(create_app(ingest, logger_part(logger)), listener, stop))
    server.start()
    try:
        yield url_of(listener)
    finally:
        stop.set()
        server.join()


def visit(context: BrowserContext, tiles: int) -> Visit:
    """Look at the gallery until everything on the first screen is seen, and scroll to that many tiles."""
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    transferred: list[float] = []
    network.on("Network.loadingFinished", lambda event: transferred.append(event["encodedDataLength"]))
    page.add_init_script(_SEEN)
    page.goto("/gallery")
    page.wait_for_function("() => window.seen && performance.getEntriesByName('first-contentful-paint').length")
    result = {
        "paint": page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
        "seen": page.evaluate("window.seen"),
    }
    begun = time.perf_counter()
    _scroll(page, tiles)
    result |= {"scrolled": 1000 * (time.perf_counter() - begun), "all_mb": sum(transferred) / 1e6}
    page.close()
    return result


def _scroll(page: Page, tiles: int) -> None:
    """As people do, a screen at a time; each is looked at until its pictures are there."""
    last = page.locator("#wall > li").nth(tiles - 1)
    while not last.count() or (last.bounding_box() or {"y": 0})["y"] > (page.viewport_size or {"height": 0})["height"]:
        page.evaluate("scrollBy(0, innerHeight * 0.9)")
        page.wait_for_function(
            """() => [...document.querySelectorAll("#wall img")].every((image) => {
                const box = image.getBoundingClientRect();
                return image.complete || box.top > innerHeight || box.bottom < 0;
            })"""
        )


def forget_thumbnails(ingest: Ingest) -> None:
    """As if nobody had ever looked."""
    for stored in list(ingest.storage.list("thumbnails/")):
        ingest.storage.delete(stored.name)


def compete(browser: Browser, ingest: Ingest, url: str, rounds: int, tiles: int) -> dict[str, list[Visit]]:
    """Visits, by screen and by what was there before."""
    visits: dict[str, list[Visit]] = {
        f"{screen}, {how}": [] for screen in _SCREENS for how in ("cold", "made", "again")
    }
    for number in range(rounds + 1):
        for screen, options in _SCREENS.items():
            forget_thumbnails(ingest)
            for how in ("cold", "made"):
                with browser.new_context(base_url=url, **options) as context:
                    results = {how: visit(context, tiles)}
                    if how == "made":
                        results["again"] = visit(context, tiles)
                # The first round warms up what is not looked at here: the database, and the browser itself.
                for name, result in results.items():
                    if number:
                        visits[f"{screen}, {name}"].append(result)
    return visits


def table(visits: dict[str, list[Visit]]) -> Table:
    """Medians, and the largest."""
    columns = {"paint": "first paint, ms", "seen": "first screen, ms", "all_mb": "MB, scrolled"}
    result = Table("visit", *columns.values(), "scrolled, s")
    for name, each in visits.items():
        cells = []
        for column in columns:
            values = [one[column] for one in each]
            digits = 2 if column.endswith("mb") else 0
            cells.append(f"{statistics.median(values):.{digits}f} ({max(values):.{digits}f})")
        result.add_row(name, *cells, f"{statistics.median(one['scrolled'] for one in each) / 1000:.1f}")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.gallery", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5000, help="in the house")
    parser.add_argument("--rounds", type=int, default=5, help="of visits that count; one before them does not")
    parser.add_argument("--tiles", type=int, default=200, help="to which a visit scrolls")
    options = parser.parse_args(arguments)
    configure_logs(level="warning")
    console = Console()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with ExitStack() as resources:
        root = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="bench-gallery")))
        ingest, logger = open_house(root)
        resources.callback(ingest.close)
        fill(ingest, logger, paint_all(_SAMPLES), options.runs)
        url = resources.enter_context(served(ingest, logger))
        playwright = resources.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        resources.callback(browser.close)
        visits = compete(browser, ingest, url, options.rounds, options.tiles)
    console.print(table(visits))
    console.print(f"Raw figures in {measure.save(_NAME, {'runs': options.runs, 'visits': visits})}.")


if __name__ == "__main__":
    main()
