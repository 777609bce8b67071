"""What the tests of the record's files share: a file of the first system, and a record of our own with something of
everything in it.
"""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Feedback
from stylegram.common.records import AssetReference, Metrics, PictureFeatures, RunRecord
from stylegram.logger.exchange.export import LogFormat, export_logs
from stylegram.logger.exchange.importing import Owner, import_logs
from stylegram.logger.exchange.report import ImportReport
from stylegram.logger.repository import Reading, RunPost, RunRepository

SAMPLE = (Path(__file__).parent / "data" / "nst_instagram_logs.csv").read_bytes()
OURS = Owner(own=True)
THEIRS = Owner("a-friend")
START = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)

_LOOKS = PictureFeatures(brightness=0.5, contrast=0.25, colorfulness=0.1, detail=0.05, direction=0.3, hue_variety=1.0)
_METRICS = Metrics(
    content_error=1 / 3,
    style_error_512=0.25,
    style_error_256=1e-7,
    style_error_128=0.0625,
    held_out_style_error=0.75,
    ssim=-0.5,
    color_distance=0.1,
    high_frequency_ratio=1.5,
    layer_errors={"relu4_1@128": 0.2},
    content_baseline=0.8,
    style_baseline=0.5,
)


def _picture(letter: str, name: str) -> AssetReference:
    return AssetReference(sha256=letter * 64, object_name=f"assets/{letter}.png", name=name, features=_LOOKS)


def run(job_id: str = "42", **changes: Any) -> RunRecord:
    """A run of ours of which everything is known."""
    facts: dict[str, Any] = {
        "job_id": job_id,
        "outcome": "succeeded",
        "content": _picture("c", "me, at the sea.jpg"),
        "style": _picture("d", "the_scream.jpg"),
        "further_styles": (_picture("a", "a.jpg"),),
        "masks": (None, _picture("b", "b.jpg")),
        "start_image": AssetReference(sha256="f" * 64, object_name="assets/f.png", name="f.jpg"),
        "hyperparameters": Hyperparameters(seed=2**63 - 1, evaluations=(200, 101), optimizer="adam", precision="bf16"),
        "engine_version": "1.2.3",
        "torch_version": "2.13.0",
        "weights": "vgg19",
        "weights_digest": "e" * 64,
        "device": "cpu",
        "precision": "fp32",
        "threads": 4,
        "tiled_blocks": 2,
        "width": 512,
        "height": 384,
        "evaluations": 301,
        "resumed_at": (50, 200),
        "started_at": START,
        "finished_at": START + timedelta(seconds=12.5),
        "durations": {"optimize": 11.0, "decode": 0.5},
        "cpu_seconds": 40.25,
        "peak_memory_mb": 812.5,
        "losses": {"total": 0.5, "content": 0.25, "style": 0.125, "tv": 0.0, "style.relu4_1": 0.1},
        "metrics": _METRICS,
        "result_sha256": "9" * 64,
        "trial": "autumn/7",
    }
    return RunRecord(**facts | changes)


def remember_much(engine: Engine) -> None:
    """Runs of ours of all kinds, with posts, odd names and numbers that are none."""
    runs = RunRepository(engine)
    runs.save(run())
    runs.save_post(
        "42", RunPost("published", "@painter", "photo", "1", "https://example.org/p/1", None, START + timedelta(days=1))
    )
    runs.save_reading("42", "key", Reading("photo", START, Feedback(likes=12, reach=340)))
    names = [
        "=1+1",
        "'=1+1",
        "''-1",
        "'tis.jpg",
        "@you",
        "a\nb",
        'quo"ted,;\t',
        "ünï – 絵.jpg",
        " spaced ",
        "a\r\nb",
        "a\0b",
    ]
    for number, name in enumerate(names):
        picture = AssetReference(sha256="c" * 64, object_name="assets/c.png", name=name)
        at = {"started_at": START - timedelta(hours=number), "finished_at": START}
        runs.save(run(f"name-{number}", content=picture, reason=name, **at))
    nan, inf = float("nan"), float("inf")
    odd = _METRICS.model_copy(update={"ssim": nan, "style_error_512": inf, "layer_errors": {"a": nan, "b": 1e300}})
    runs.save(run("odd", outcome="failed", error_code="non-finite", losses={"total": nan, "style.x": inf}, metrics=odd))
    runs.save(
        run("bare", outcome="failed", error_code="x", metrics=None, start_image=None, masks=(), further_styles=())
    )
    settings = (
        Hyperparameters(schedule=((128, 60), (256, 40))),
        Hyperparameters(brush_scale=2.5, style_layer_weights=(1, 0.5, 2, 0, 1e-9)),
        Hyperparameters(learning_rate=0.3, colors="luminance", recolor=True, style_loss="wasserstein"),
        Hyperparameters(optimizer="adam", learning_rate=0.02, backbone="vgg16", deterministic=False),
    )
    for number, hyperparameters in enumerate(settings):
        runs.save(run(f"set-{number}", hyperparameters=hyperparameters))


def exported(engine: Engine, log_format: str = "csv", **options: Any) -> bytes:
    """The whole file."""
    return b"".join(export_logs(engine, LogFormat(log_format), **options))


def imported(engine: Engine, data: bytes, owner: Owner = THEIRS, **options: Any) -> ImportReport:
    """What became of the file."""
    return import_logs(engine, io.BytesIO(data), owner, **options)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Added, known, different, refused."""
    return report.added, report.known, report.different, report.refused


def table(data: bytes) -> list[list[str]]:
    """The cells of a CSV file."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def csv_of(rows: Iterable[Iterable[str]]) -> bytes:
    """A CSV file of the cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
