"""Small pictures and real parts for the tests of ingest."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import update

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobCompleted, Message, decode
from stylegram.common.ports import Source, SourceFile, SourcePage
from stylegram.common.records import AssetReference, Role, RunRecord
from stylegram.common.topology import Queue
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.bootstrap import Ingest, bootstrap
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.sync import SyncReport, sync
from stylegram.ingest.tables import AssetRow, JobRow

SIZE = (96, 64)
RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 180, 40), (30, 40, 220), (240, 220, 30)
QUARTERS = (RED, GREEN, BLUE, YELLOW)
FAST = Hyperparameters(size=64, evaluations=(2,))


def quarters() -> Image.Image:
    """Red and green above blue and yellow, so that every turn and flip of it looks different."""
    width, height = SIZE
    image = Image.new("RGB", SIZE, RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def noise(seed: int = 0) -> Image.Image:
    """A picture that no format compresses, so that every part of its file matters."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8))


def centres(image: Image.Image) -> tuple[Any, ...]:
    """The colours in the middle of the four quarters, in the order of `QUARTERS`."""
    width, height = image.size
    places = [(width * x // 4, height * y // 4) for y in (1, 3) for x in (1, 3)]
    return tuple(image.getpixel(place) for place in places)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def png(seed: int) -> bytes:
    return encoded(noise(seed), "PNG")


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and has none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class RecordingSource:
    """A source that remembers what was read, and cannot read what it is told not to."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.url = source.url
        self.reads: list[str] = []
        self.errors: dict[str, Exception] = {}

    def describe(self) -> str:
        return self.source.describe()

    def listing(self) -> Iterator[SourcePage]:
        return self.source.listing()

    def changes(self, since: str) -> Iterator[SourcePage]:
        return self.source.changes(since)

    def read(self, file: SourceFile) -> bytes:
        self.reads.append(file.name)
        if error := self.errors.get(file.name):
            raise error
        return self.source.read(file)


def folder_url(folder: Path) -> str:
    return f"file://{quote(str(folder))}"


def open_ingest(root: Path, database_url: str | None = None, **settings: Any) -> Ingest:
    """Ingest on files below `root`, unless its database is elsewhere; its sources are `root/photos` and
    `root/paintings`."""
    for name in ("photos", "paintings"):
        (root / name).mkdir(exist_ok=True)
    where: dict[str, Any] = {
        "database_url": SecretStr(database_url or f"sqlite:///{root}/stylegram.sqlite"),
        "broker_url": SecretStr(f"sqlite://{quote(str(root))}/state/broker.sqlite"),
        "storage_url": folder_url(root / "storage"),
        "content_source_url": folder_url(root / "photos"),
        "style_source_url": folder_url(root / "paintings"),
        # So that files come in the order of their names.
        "sync_parallel": 1,
    }
    return bootstrap(IngestSettings(**where | settings))


def sync_photos(ingest: Ingest, source: Source, **options: Any) -> SyncReport:
    return sync(source, Role.CONTENT, engine=ingest.engine, storage=ingest.storage, hygiene=ingest.hygiene, **options)


def candidates(ingest: Ingest, role: Role = Role.CONTENT) -> list[AssetReference]:
    with transaction(ingest.engine) as session:
        return list(AssetRepository(session).candidates(role).values())


def add_asset(ingest: Ingest, role: Role, number: int) -> AssetReference:
    """An asset in the table, with no picture behind it and no source."""
    sha256 = f"{number:064x}"
    row = AssetRow(
        role=role,
        sha256=sha256,
        object_name=f"assets/{role}/{sha256}.jpg",
        name=f"{role} {number}.jpg",
        width=640,
        height=480,
        format="JPEG",
        created_at=utcnow(),
    )
    with transaction(ingest.engine) as session:
        AssetRepository(session).add(row)
    return AssetReference(sha256=sha256, object_name=row.object_name, name=row.name)


def submit(ingest: Ingest, **options: Any) -> Job:
    """A queued job of two assets that have no pictures behind them."""
    return ingest.submit(add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2), FAST, **options)


def say(ingest: Ingest, *events: Message) -> Job:
    """Have ingest hear the events; how the last one's job stands then."""
    for event in events:
        EventHandler(ingest.engine).handle(event, 1)
    return ingest.job(events[-1].job_id)


def alter(ingest: Ingest, job: Job, **columns: Any) -> Job:
    """Change the job's row behind the service's back, as time or an accident does."""
    with transaction(ingest.engine) as session:
        session.execute(update(JobRow).filter_by(id=job.id).values(**columns))
    return ingest.job(job.id)


def messages(ingest: Ingest, queue: Queue) -> list[Message]:
    """Take what waits in the queue."""
    found = []
    while delivery := ingest.broker.receive(queue.name):
        found.append(decode(delivery.body))
        ingest.broker.ack(delivery)
    return found


def completed(job: Job) -> JobCompleted:
    """What the stylizer says when the job's picture is done."""
    record = RunRecord(
        job_id=job.id,
        outcome="succeeded",
        content=job.content,
        style=job.style,
        hyperparameters=job.hyperparameters,
        engine_version="1",
        torch_version="2",
        weights="none",
        device="cpu",
        evaluations=2,
        started_at=utcnow(),
        finished_at=utcnow(),
    )
    return JobCompleted(job_id=job.id, result=f"runs/{job.id}/result.png", record=record)
