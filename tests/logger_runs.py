"""Rows of runs for tests of what is asked of them: few values of each kind, so that there are ties and gaps."""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.logger.rows import style_band
from stylegram.logger.tables import METRIC, runs

START = datetime(2026, 11, 20, tzinfo=UTC)
SHA256 = {name: letter * 64 for name, letter in (("me.jpg", "a"), ("sea.jpg", "b"), ("scream.jpg", "c"))}
LAYERS = (["relu1_1"], ["relu1_1", "relu4_1"], ["relu4_1"])


def a_row(number: int, content: float | None = 0.5, style: float | None = 0.5, **columns: Any) -> dict[str, Any]:
    """A run with these relative errors, or of which nothing was measured.

    Args:
        number: makes its id.
        content: the relative content error.
        style: the relative style error.
        columns: whatever else is known of it.
    """
    started = START + timedelta(minutes=number)
    measured = content is not None and style is not None
    return {
        "job_id": f"{number:08x}-0000-4000-8000-000000000000",
        "outcome": "succeeded",
        "content_name": "me.jpg",
        "content_sha256": SHA256["me.jpg"],
        "style_name": "scream.jpg",
        "style_sha256": SHA256["scream.jpg"],
        **Hyperparameters().model_dump(mode="json"),
        "started_at": started,
        "finished_at": started + timedelta(seconds=9),
        "seconds": 9.0,
        "relative_content_error": content,
        "relative_style_error": style,
        "style_band": None if style is None else style_band(style),
        "score": (1 + content) * (1 + style) if content is not None and style is not None else None,
        METRIC + "ssim": 1 - content if measured and content is not None else None,
        **columns,
    }


def some_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Runs of all sorts."""
    chance = random.Random(seed)

    def maybe(share: float, *values: Any) -> Any:
        return chance.choice(values) if chance.random() < share else None

    def error(outcome: str | None) -> Any:
        return outcome and maybe(0.8, *(step / 8 for step in range(1, 12)))

    return [
        a_row(
            number,
            # Of a run that is not known yet nothing was measured.
            error(outcome := chance.choice(("succeeded", "succeeded", "failed", None))),
            error(outcome),
            outcome=outcome,
            content_name=(content := chance.choice(("me.jpg", "sea.jpg", None))),
            content_sha256=content and maybe(0.7, SHA256[content]),
            optimizer=maybe(0.9, "adam", "lbfgs"),
            learning_rate=maybe(0.7, 0.1, 0.2, 1.0),
            recolor=maybe(0.9, True, False),
            seed=chance.choice((0, 1, 2**63 - 1)),
            style_layers=maybe(0.9, *LAYERS),
            evaluations=chance.choice(([40], [140, 40], [20, 140])),
            started_at=maybe(0.9, *(START + timedelta(hours=hour) for hour in range(5))),
            rating=maybe(0.4, 1, 3, 5),
            post_likes=maybe(0.3, 0, 7, 2**40),
            trial=maybe(0.5, "night/1", "night/2", "nightly/1", "Night/1", "night"),
            origin=maybe(0.3, "a friend", "Zoë_%"),
        )
        for number in range(count)
    ]


def insert_rows(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put them into the database, whatever else is there."""
    with transaction(engine) as session:
        for row in rows:
            session.execute(insert(runs).values(**row))
