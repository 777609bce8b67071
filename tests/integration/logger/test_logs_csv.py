import ast
import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Feedback
from stylegram.common.records import AssetReference, Metrics, RunRecord
from stylegram.logger.exchange.columns import COLUMNS
from stylegram.logger.exchange.logs_csv import write_logs_csv
from stylegram.logger.exchange.repository import ExchangeRepository
from stylegram.logger.repository import Reading, RunPost, RunRepository

Make = Callable[..., RunRecord]

ORIGINAL = [
    "style_picture_name",
    "content_picture_name",
    "created_at",
    "learning_rate",
    "Beta_1",
    "epochs",
    "style_weight",
    "content_weight",
    "output_name",
    "time_to_output",
    "content_layers",
    "style_layers",
    "success",
]


@pytest.fixture
def read(engine: Engine, tmp_path: Path) -> Callable[[], list[dict[str, str]]]:
    def read() -> list[dict[str, str]]:
        path = tmp_path / "logs.csv"
        write_logs_csv(ExchangeRepository(engine).rows(), path)
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, strict=True))

    return read


Read = Callable[[], list[dict[str, str]]]


def test_the_original_columns_come_first_and_ours_follow() -> None:
    assert list(COLUMNS[:13]) == ORIGINAL
    ours = COLUMNS[13:]
    assert len(set(COLUMNS)) == len(COLUMNS)
    said = {"learning_rate", "beta_1", "style_weight", "content_weight", "content_layers", "style_layers"}
    assert set(Hyperparameters.model_fields) - said <= set(ours)
    assert {f"metric_{name}" for name in Metrics.model_fields} <= set(ours)
    assert {"job_id", "engine_version", "weights_digest", "device", "seed", "loss_total", "reason", "post_url"} <= {
        *ours
    }


def test_a_run_in_the_original_terms(runs: RunRepository, record: Make, read: Read) -> None:
    runs.save(record())
    [row] = read()
    assert [row[name] for name in ORIGINAL] == [
        "the_scream.jpg",
        "me.jpg",
        "2026-11-20",
        "0.02",
        "0.9",
        "4",  # 301 evaluations
        "1.0",
        "0.1",
        "runs/42/result.png",
        "12.5",
        "['block4_conv2']",
        "['block1_conv1', 'block2_conv1', 'block3_conv1', 'block4_conv1', 'block5_conv1']",
        "True",
    ]
    assert ast.literal_eval(row["style_layers"])[4] == "block5_conv1"


@pytest.mark.parametrize(
    ("given", "epochs"),
    [
        ({"evaluations": (200, 101)}, "4"),
        ({"evaluations": (0,)}, "0"),
        ({"evaluations": (40, 20), "brush_scale": 1}, "1"),
        ({"evaluations": (40, 20), "brush_scale": 16}, "2"),  # 40 + 40 + 40 + 40 + 20
        ({"schedule": ((128, 300), (256, 100))}, "4"),
    ],
)
def test_epochs_are_those_of_all_scales(
    runs: RunRepository, record: Make, read: Read, given: dict[str, Any], epochs: str
) -> None:
    runs.save(record(hyperparameters=Hyperparameters(**given)))
    assert read()[0]["epochs"] == epochs


def test_our_columns_hold_the_rest(runs: RunRepository, record: Make, read: Read) -> None:
    runs.save(record())
    runs.save_post("42", RunPost("published", "@painter", media_id="1", url="https://example.org/p/1"))
    runs.save_reading("42", "key", Reading("photo", record().finished_at, Feedback(likes=12, reach=340)))
    [row] = read()
    assert row["seed"] == str(2**63 - 1)
    assert json.loads(row["evaluations"]) == [200, 101]
    assert json.loads(row["layer_losses"]) == {"style.relu4_1": 0.1}
    assert (row["precision"], row["precision_used"]) == ("bf16", "fp32")
    assert float(row["loss_style"]) == 0.125
    assert (row["metric_ssim"], row["threads"], row["backbone"], row["recolor"]) == ("-0.5", "4", "vgg19", "False")
    assert json.loads(row["metric_layer_errors"]) == {"relu4_1@128": 0.2}
    assert json.loads(row["masks"])[1]["name"] == "b.jpg"
    assert row["started_at"] == "2026-11-20T08:00:00+00:00"
    assert row["post_url"] == "https://example.org/p/1"
    assert row["post_account"] == "'@painter"  # not a formula
    assert (row["post_likes"], row["post_reach"], row["post_saves"]) == ("12", "340", "")
    assert "post_feedback" not in row
    assert row["rating"] == ""


def test_failed_runs_are_in_it_and_the_newest_is_last(runs: RunRepository, record: Make, read: Read) -> None:
    later = record().started_at + timedelta(hours=1)
    runs.save(record("late", started_at=later, finished_at=later))
    runs.save(record("early", outcome="failed", error_code="non-finite", reason="NaN, alas"))
    first, second = read()
    assert (first["job_id"], first["success"], first["output_name"], first["reason"]) == (
        "early",
        "False",
        "",
        "NaN, alas",
    )
    assert (second["job_id"], second["success"]) == ("late", "True")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "＝1"])
def test_no_name_is_a_formula(runs: RunRepository, record: Make, read: Read, name: str) -> None:
    runs.save(record(content=AssetReference(sha256="c", object_name="c", name=name), reason=name))
    [row] = read()
    assert row["content_picture_name"] == row["reason"] == f"'{name}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@example(name="a\rb")
@example(name='a\r\n"b",\n')
def test_any_name_comes_back(runs: RunRepository, record: Make, read: Read, name: str) -> None:
    runs.save(record(style=AssetReference(sha256="c", object_name="c", name=name)))
    [row] = read()
    shown = row["style_picture_name"]
    expected = name.replace("\r\n", "\n").replace("\r", "\n")
    assert shown in (expected, f"'{expected}")
    assert not shown.startswith(("=", "+", "-", "@"))


def test_without_runs_it_is_a_header(read: Read, tmp_path: Path) -> None:
    assert read() == []
    assert (tmp_path / "logs.csv").read_text(encoding="utf-8") == ",".join(COLUMNS) + "\n"
