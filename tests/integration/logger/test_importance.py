"""What matters is found, and what does not is not, however much pictures differ."""

import random
from typing import Any

import pytest
from sqlalchemy import Engine

from logger_runs import a_row, insert_rows
from stylegram.common.views.importance import FEWEST_RUNS
from stylegram.logger.queries.filters import Filter
from stylegram.logger.queries.importance import importance

# Ten times as easy, or as hard, as another; what matters changes an error by a third.
HARDNESS = {letter: 10 ** (number / 2 - 1) for number, letter in enumerate("abcde")}


def planted(count: int, **fixed: Any) -> list[dict[str, Any]]:
    """Runs whose content error `content_weight` decides, once the pictures are known, and nothing else does."""
    chance = random.Random(5)
    rows = []
    for number in range(count):
        content, style = chance.choice("abcde"), chance.choice("abcde")
        weight = 10 ** chance.uniform(-2, 1)
        error = 0.5 * weight**-0.1 * HARDNESS[content] * HARDNESS[style] * chance.uniform(0.95, 1.05)
        columns = {
            "content_sha256": content * 64,
            "style_sha256": style * 64,
            "content_weight": weight,
            "tv_weight": 10 ** chance.uniform(-3, 0),
            "optimizer": chance.choice(("adam", "lbfgs")),
            "style_layers": chance.choice((["relu1_1"], ["relu1_1", "relu4_1"])),
            "brush_scale": chance.choice((None, 1.0, 4.0)),
            "seed": number,
        }
        rows.append(a_row(number, error, 0.5, **columns | fixed))
    return rows


@pytest.mark.every_database
def test_what_was_planted_is_found_although_pictures_matter_more(engine: Engine) -> None:
    insert_rows(engine, planted(300))
    found = importance(engine, "relative_content_error")
    assert (found.runs, found.pairs, found.too_few) == (300, 25, None)
    first, *others = found.hyperparameters
    assert first.name == "content_weight"
    assert first.low > max(each.high for each in others)
    assert {each.name for each in others} == {"tv_weight", "optimizer", "style_layers", "brush_scale"}
    for each in found.hyperparameters:
        assert 0 <= each.low <= each.mean <= each.high <= 1
    assert sum(each.mean for each in found.hyperparameters) == pytest.approx(1)
    assert importance(engine, "relative_content_error") == found


def test_only_runs_that_fit_are_judged_and_the_newest_of_them(engine: Engine) -> None:
    rows = planted(100)
    insert_rows(engine, rows)
    some = importance(engine, "relative_content_error", [Filter("optimizer", ("adam",))])
    assert some.runs == sum(row["optimizer"] == "adam" for row in rows)
    assert "optimizer" not in {each.name for each in some.hyperparameters}
    of_style = importance(engine, "relative_content_error", [Filter("style", ("a" * 64,))], limit=50)
    assert of_style.runs == sum(row["style_sha256"] == "a" * 64 for row in rows)
    assert importance(engine, limit=60).runs == 60


def test_it_says_when_nothing_can_be_said(engine: Engine) -> None:
    insert_rows(engine, planted(FEWEST_RUNS - 1))
    assert "too few" in (importance(engine).too_few or "")
    same = {"content_weight": 1.0, "tv_weight": 1.0, "optimizer": "adam", "style_layers": ["relu1_1"], "brush_scale": 1}
    other = [row | {"job_id": f"same {row['job_id']}", "device": "tpu"} for row in planted(50, **same)]
    insert_rows(engine, other)
    assert "varied" in (importance(engine, filters=[Filter("device", ("tpu",))]).too_few or "")
    equal = [row | {"job_id": f"equal {row['job_id']}", "device": "npu", "score": 2.0} for row in planted(50)]
    insert_rows(engine, equal)
    found = importance(engine, filters=[Filter("device", ("npu",))])
    assert "equally good" in (found.too_few or "")
    assert (found.runs, found.hyperparameters) == (50, [])


def test_a_picture_may_be_known_by_its_name_only(engine: Engine) -> None:
    insert_rows(engine, planted(60, content_sha256=None, style_sha256=None, content_name="me.jpg", style_name=None))
    assert importance(engine).pairs == 1
