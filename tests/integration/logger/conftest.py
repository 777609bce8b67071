from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from stylegram.common.database import migrate, open_database
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, LossPoint, Metrics, PictureFeatures, RunRecord
from stylegram.logger.repository import RunRepository

PICTURES = [AssetReference(sha256=c * 64, object_name=f"assets/{c}.png", name=f"{c}.jpg") for c in "abf"]
LOOKS = PictureFeatures(brightness=0.5, contrast=0.25, colorfulness=0.1, detail=0.05, direction=0.3, hue_variety=0.7)
METRICS = Metrics(
    content_error=0.5,
    style_error_512=0.25,
    style_error_256=0.125,
    style_error_128=0.0625,
    held_out_style_error=0.75,
    ssim=-0.5,
    color_distance=0.1,
    high_frequency_ratio=1.5,
    layer_errors={"relu4_1@128": 0.2},
    content_baseline=0.8,
    style_baseline=0.5,
)
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def make_record(job_id: str = "42", **changes: Any) -> RunRecord:
    """A run of which everything is known."""
    facts: dict[str, Any] = {
        "job_id": job_id,
        "outcome": "succeeded",
        "content": AssetReference(sha256="c" * 64, object_name="assets/c.png", name="me.jpg", features=LOOKS),
        "style": AssetReference(sha256="d" * 64, object_name="assets/d.png", name="the_scream.jpg"),
        "further_styles": (PICTURES[0],),
        "masks": (None, PICTURES[1]),
        "start_image": PICTURES[2],
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
        "metrics": METRICS,
        "result_sha256": "9" * 64,
        "trial": "autumn/7",
        "curve": tuple(
            LossPoint(evaluation=n, size=512, total=1 / n, content=0.1, style=0.2, tv=0.3) for n in range(1, 302)
        ),
    }
    return RunRecord(**facts | changes)


@pytest.fixture
def record() -> Callable[..., RunRecord]:
    return make_record


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    migrate(engine, "logger")
    yield engine
    engine.dispose()


@pytest.fixture
def runs(engine: Engine) -> RunRepository:
    return RunRepository(engine)
