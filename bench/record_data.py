"""A million runs that nobody made, as a house of many years might have them, and how they get into a database.

200 paintings, 5,000 photographs, a tenth of the runs failed. A run's two relative errors follow its content weight,
with what is hard about its pictures and chance on top; of the hyperparameters about a dozen vary, the others are what
they are by default. Some runs are rated, some posted, some a study's, some imported.
"""

import json
import math
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import JSON, Engine, text
from sqlalchemy.schema import CreateIndex, DropIndex

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, LossPoint, Metrics, RunRecord
from stylegram.logger.rows import derived, to_row
from stylegram.logger.tables import METRIC, runs

STYLES, CONTENTS = 200, 5_000
_START = datetime(2023, 1, 1, tzinfo=UTC)
_SECONDS_BETWEEN = 95.0
_ENGINES = ("1.4.0", "1.5.2", "2.0.1")
_DEVICES = ("cpu", "cuda")
_STYLE_LAYERS = (
    ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    ("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
    ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"),
)
_CONTENT_LAYERS = (("relu4_2",), ("relu5_2",), ("relu4_2", "relu5_2"), ("relu3_2",))


def style_digest(number: int) -> str:
    """Of one of the paintings."""
    return f"{number:08x}" + "5" * 56


def content_digest(number: int) -> str:
    """Of one of the photographs."""
    return f"{number:08x}" + "c" * 56


def job_id(number: int) -> str:
    """Of one of the runs, like any UUID."""
    return str(UUID(int=random.Random(number).getrandbits(128), version=4))


def record(number: int = 0, points: int = 100) -> RunRecord:
    """A whole run, with every hyperparameter and metric, and a curve of so many points."""
    chance = random.Random(number)
    begun = _START + timedelta(seconds=_SECONDS_BETWEEN * number)
    curve = tuple(
        LossPoint(evaluation=n, size=512, total=1 / n, content=0.3 / n, style=0.6 / n, tv=0.1 / n)
        for n in range(1, points + 1)
    )
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    return RunRecord(
        job_id=job_id(number),
        outcome="succeeded",
        content=AssetReference(sha256=content_digest(0), object_name="assets/content/0.png", name="photo_0000.jpg"),
        style=AssetReference(sha256=style_digest(0), object_name="assets/style/0.png", name="painting_000.jpg"),
        hyperparameters=Hyperparameters(learning_rate=1.0, seed=number),
        engine_version=_ENGINES[0],
        torch_version="2.13.0",
        weights="vgg19",
        weights_digest="e" * 64,
        device="cpu",
        precision="bf16",
        threads=8,
        tiled_blocks=0,
        width=512,
        height=384,
        evaluations=points,
        started_at=begun,
        finished_at=begun + timedelta(seconds=60),
        durations={"decode": 0.05, "backbone": 1.2, "paint": 55.0, "metrics": 2.0, "encode": 0.3},
        cpu_seconds=240.0,
        peak_memory_mb=800.0,
        losses={name: chance.random() for name in ("total", "content", "style", "tv", *(f"style.{x}" for x in layers))},
        metrics=_metrics(chance, 0.3, 0.2),
        result_sha256="9" * 64,
        curve=curve,
    )


def _metrics(chance: random.Random, content: float, style: float) -> Metrics:
    """With these relative errors, or about."""
    errors = {size: style * 0.4 * chance.uniform(0.9, 1.1) for size in (512, 256, 128)}
    return Metrics(
        content_error=content * 0.8,
        style_error_512=errors[512],
        style_error_256=errors[256],
        style_error_128=errors[128],
        held_out_style_error=errors[512] * chance.uniform(1, 2),
        ssim=max(-1.0, 1 - content),
        color_distance=min(1.0, style),
        high_frequency_ratio=chance.uniform(0.5, 2),
        layer_errors={},
        content_baseline=0.8,
        style_baseline=0.4,
    )


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows of `runs`, in the order in which they would have come."""
    chance = random.Random(7)
    base = to_row(record())
    layer_errors = {f"{layer}@{size}": 0.25 for layer in _STYLE_LAYERS[0] for size in (512, 256, 128)}
    base[METRIC + "layer_errors"] = layer_errors
    hard_style = [chance.lognormvariate(0, 0.3) for _ in range(STYLES)]
    hard_content = [chance.lognormvariate(0, 0.2) for _ in range(CONTENTS)]
    for number in range(count):
        # Some pictures are favourites.
        style, content = int(STYLES * chance.random() ** 1.5), int(CONTENTS * chance.random() ** 1.2)
        weight = math.exp(chance.uniform(math.log(0.003), math.log(30)))
        begun = _START + timedelta(seconds=_SECONDS_BETWEEN * number + chance.random())
        seconds = chance.lognormvariate(4, 0.5)
        row = base | {
            "job_id": job_id(number),
            "content_sha256": content_digest(content),
            "content_name": f"photo_{content:04d}.jpg",
            "content_object_name": f"assets/content/{content_digest(content)}.png",
            "style_sha256": style_digest(style),
            "style_name": f"painting_{style:03d}.jpg",
            "style_object_name": f"assets/style/{style_digest(style)}.png",
            "size": chance.choice((256, 512, 512, 512, 1080)),
            "start": chance.choice(("preview", "content", "color_transfer", "noise")),
            "optimizer": chance.choice(("lbfgs", "lbfgs", "adam")),
            "learning_rate": math.exp(chance.uniform(math.log(0.01), math.log(10))),
            "beta_1": chance.uniform(0.5, 0.95),
            "content_weight": weight,
            "tv_weight": math.exp(chance.uniform(math.log(1e-4), 0)),
            "brush_scale": chance.choice((1.0, 2.0, 4.0, 8.0)),
            "content_layers": chance.choice(_CONTENT_LAYERS),
            "style_layers": chance.choice(_STYLE_LAYERS),
            "pooling": chance.choice(("avg", "max")),
            "seed": chance.getrandbits(31),
            "engine_version": _ENGINES[min(2, number * 3 // count)],
            "device": chance.choice(_DEVICES),
            "started_at": begun,
            "finished_at": begun + timedelta(seconds=seconds),
            "seconds": seconds,
            "cpu_seconds": seconds * 6,
            "peak_memory_mb": chance.uniform(400, 3000),
            "trial": f"night-{number // 20_000}/{number % 20_000}" if chance.random() < 0.05 else None,
            "origin": "a-friend" if chance.random() < 0.03 else None,
            "rating": chance.randint(1, 5) if chance.random() < 0.02 else None,
        }
        if chance.random() < 0.04:
            likes = int(chance.lognormvariate(3, 1))
            row |= {"post_state": "published", "post_account": "@painter", "post_likes": likes, "post_reach": likes * 9}
        if chance.random() < 0.1:
            nothing = dict.fromkeys((name for name in base if name.startswith((METRIC, "loss_"))), None)
            row |= nothing | derived(None) | {"outcome": "failed", "error_code": "non-finite", "reason": "It diverged."}
        else:
            # Where the content weight is 1 both are about equal; chance moves a run off the curve that pictures allow.
            share = 1 / (1 + weight**0.7)
            luck = chance.lognormvariate(0, 0.35)
            metrics = _metrics(
                chance,
                0.02 + 0.9 * share**1.5 * hard_content[content] * luck,
                0.01 + 0.8 * (1 - share) ** 1.5 * hard_style[style] * chance.lognormvariate(0, 0.35),
            )
            row |= {METRIC + name: value for name, value in metrics if name != "layer_errors"} | derived(metrics)
        yield row


def load(engine: Engine, count: int) -> None:
    """Put so many runs into the database, whose tables are up to date, and have it know its own statistics.

    By the driver's own way for many rows; the indexes are made when all are there.
    """
    with engine.begin() as connection:
        for index in runs.indexes:
            connection.execute(DropIndex(index))
    dialect = engine.dialect
    names = [column.name for column in runs.columns]
    convert = [
        json.dumps if isinstance(column.type, JSON) else column.type.dialect_impl(dialect).bind_processor(dialect)
        for column in runs.columns
    ]

    def values() -> Iterator[tuple[Any, ...]]:
        for row in rows(count):
            given = map(row.get, names)
            yield tuple(
                value if value is None or to is None else to(value) for value, to in zip(given, convert, strict=True)
            )

    raw = engine.raw_connection()
    listed = ", ".join(f'"{name}"' for name in names)
    if isinstance(raw.driver_connection, sqlite3.Connection):
        raw.driver_connection.execute("BEGIN")
        marks = ", ".join("?" * len(names))
        raw.driver_connection.executemany(f"INSERT INTO runs ({listed}) VALUES ({marks})", values())
    else:
        assert isinstance(raw.driver_connection, psycopg.Connection)
        with raw.driver_connection.cursor() as cursor, cursor.copy(f"COPY runs ({listed}) FROM STDIN") as copy:
            for row in values():
                copy.write_row(row)
    raw.commit()
    raw.close()
    with engine.begin() as connection:
        for index in runs.indexes:
            connection.execute(CreateIndex(index))
    if dialect.name == "postgresql":
        # What its own housekeeping does within minutes.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE runs"))
