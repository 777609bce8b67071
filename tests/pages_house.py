"""A Stylegram for tests of its pages: all of it but the worker, served on loopback, with what the pages are to show."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from pydantic import SecretStr
from sqlalchemy import update

from ingest_http import serving
from ingest_samples import folder_url, open_ingest
from logger_http import open_logger
from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.messages import JobCompleted, JobFailed, JobProgress, JobStarted, Message, PostRequest
from stylegram.common.model_cache import default_cache
from stylegram.common.records import AssetReference, LossPoint, Metrics, Role, RunRecord
from stylegram.ingest.events import EventHandler
from stylegram.ingest.http.app import create_app
from stylegram.ingest.schemas import Job
from stylegram.local.samples import draw_paintings, fetch_photographs
from stylegram.logger.http.app import logger_part
from stylegram.publisher.bootstrap import bootstrap as bootstrap_publisher
from stylegram.publisher.http.app import publisher_part
from stylegram.publisher.ledger import NewPost, key_of
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import PostRow
from stylegram.stylizer.engine.models.preview import preview
from stylegram.stylizer.preview_service.painter import FastPainter

_CACHE = default_cache()


class PagesHouse:
    """The services over one folder, without threads: what happens is what a test says.

    Args:
        root: an empty folder.
        options: as `create_app` takes them.
    """

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.resources = ExitStack()
        self.ingest = replace(open_ingest(root), previewer=FastPainter(_CACHE))
        self.resources.callback(self.ingest.close)
        engine, broker, storage = self.ingest.engine, self.ingest.broker, self.ingest.storage
        self.logger = open_logger(engine, database_url=SecretStr(str(engine.url)))
        settings = PublisherSettings(
            database_url=SecretStr(str(engine.url)),
            publish_url=folder_url(root / "outbox").replace("file:", "folder:", 1),
        )
        self.publisher = bootstrap_publisher(settings, broker=broker, storage=storage, engine=engine)
        self.options = options

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address at which it answers; several at a time are several replicas."""
        app = create_app(self.ingest, logger_part(self.logger), publisher_part(self.publisher), **self.options)
        with serving(app) as client:
            yield str(client.base_url).rstrip("/")

    def hear(self, *events: Message) -> None:
        """Have all hear what a worker says."""
        for event in events:
            EventHandler(self.ingest.engine).handle(event, 1)
        self.logger.logger.handle_all(events)

    def asset(self, role: Role, path: Path) -> AssetReference:
        """A picture that is in its source, synced."""
        folder = self.root / ("photos" if role is Role.CONTENT else "paintings")
        (folder / path.name).write_bytes(path.read_bytes())
        self.ingest.sync_all()
        return next(asset for asset in self.ingest.assets(role, limit=1000).items if asset.name == path.name)

    def running(self, job: Job, *, evaluation: int = 12, evaluations: int = 60, loss: float = 1.234) -> None:
        """Have a worker be at the job."""
        self.hear(
            JobStarted(job_id=job.id, attempt=1, worker="worker-1"),
            JobProgress(
                job_id=job.id,
                evaluation=evaluation,
                evaluations=evaluations,
                size=job.hyperparameters.size,
                loss=loss,
            ),
        )

    def snapshot(self, job: Job, evaluation: int, picture: bytes) -> None:
        """A picture of the way there."""
        self.ingest.storage.write(artifacts.snapshot(job.id, evaluation), picture, content_type="image/jpeg")

    def finish(self, job: Job, picture: bytes, *, seed: int = 0, film: bytes | None = None, **changes: Any) -> None:
        """Have the job succeed.

        Args:
            job: which.
            picture: a PNG.
            seed: of the numbers that are made up.
            film: an MP4.
            changes: to the run's record.
        """
        event = JobCompleted(job_id=job.id, result=artifacts.result(job.id), record=record_of(job, seed, **changes))
        self.ingest.storage.write(event.result, picture, content_type="image/png")
        if film:
            self.ingest.storage.write(artifacts.timelapse(job.id), film, content_type="video/mp4")
        record = event.record.model_dump_json().encode()
        self.ingest.storage.write(artifacts.record(job.id), record, content_type="application/json")
        self.hear(event)

    def fail(self, job: Job, reason: str) -> None:
        """Have the job fail."""
        self.hear(
            JobFailed(
                job_id=job.id,
                reason=reason,
                error_code="error",
                record=record_of(job, 0, outcome="failed", reason=reason),
            )
        )

    def post(
        self,
        job: Job,
        *,
        account: str = "instagrapi://painter",
        kind: str = "photo",
        approved: bool = True,
        **facts: Any,
    ) -> str:
        """Have a post of the job's picture be in the ledger; returns its key.

        Args:
            job: one that is done.
            account: whose post it is.
            kind: see `PostRow.kind`.
            approved: whether somebody has said yes.
            facts: other columns of `PostRow`.
        """
        artifact, key = artifacts.result(job.id), key_of(account, artifacts.result(job.id), kind)
        names = {"content_name": job.content.name, "style_name": job.style.name}
        request = PostRequest(
            job_id=job.id,
            artifact=artifact,
            record=artifacts.record(job.id),
            hyperparameters=job.hyperparameters,
            **names,
        )
        words = self.publisher.composer.words(request, kind, key)
        new = NewPost(
            account, artifact, kind, job.id, request.model_dump_json(), approved, words.caption, words.alt_text
        )
        self.publisher.accounts.enter(account, approval=True)
        self.publisher.ledger.enter(new)
        if facts:
            with transaction(self.ingest.engine) as session:
                session.execute(update(PostRow).where(PostRow.key == key).values(**facts))
        return key

    def close(self) -> None:
        """Let go of everything."""
        self.resources.close()


def record_of(job: Job, seed: int, **changes: Any) -> RunRecord:
    """A record with numbers like those of a real run."""
    chance = random.Random(seed)
    content, style = chance.uniform(0.15, 0.6), chance.uniform(0.02, 0.5)
    finished: datetime = utcnow()
    evaluations = sum(count for _, count in job.hyperparameters.scales)
    values: dict[str, Any] = {
        "job_id": job.id,
        "outcome": "succeeded",
        "content": job.content,
        "style": job.style,
        "hyperparameters": job.hyperparameters,
        "engine_version": "1.0",
        "torch_version": "2.13.0",
        "weights": "vgg19-normalised",
        "device": "cpu",
        "evaluations": evaluations,
        "width": 512,
        "height": 384,
        "started_at": finished - timedelta(seconds=18),
        "finished_at": finished,
        "curve": tuple(
            LossPoint(evaluation=at, size=512, total=3 / (1 + at / 8), content=0.4, style=2.5 / (1 + at / 6), tv=0.1)
            for at in range(1, evaluations + 1)
        ),
        "metrics": Metrics(
            content_error=content,
            content_baseline=1.0,
            style_error_512=style,
            style_error_256=style,
            style_error_128=style,
            held_out_style_error=style,
            style_baseline=1.0,
            ssim=1 - content,
            color_distance=0.3,
            high_frequency_ratio=0.9,
        ),
    }
    return RunRecord.model_validate(values | changes)


@cache
def samples() -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The sample photographs and paintings."""
    folder = Path(__file__).parent.parent / "samples"
    fetch_photographs(folder / "photos")
    draw_paintings(folder / "styles")
    return tuple(
        tuple(sorted(path for path in (folder / name).iterdir() if path.suffix in (".jpg", ".png")))
        for name in ("photos", "styles")
    )  # type: ignore[return-value]


@cache
def painted(photograph: Path, painting: Path, size: int = 512) -> bytes:
    """What a fast network makes of the two, as a PNG: looks like a result, and takes a tenth of a second."""
    content, style = (
        ImageOps.contain(Image.open(path).convert("RGB"), (size, size)) for path in (photograph, painting)
    )
    picture = BytesIO()
    preview(content, style, _CACHE).save(picture, "PNG")
    return picture.getvalue()
