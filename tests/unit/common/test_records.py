from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from stylegram.common.records import AssetReference, Metrics, PictureFeatures, RunRecord

LOOKS = PictureFeatures(brightness=0.5, contrast=0.25, colorfulness=0.1, detail=0.2, direction=0.0, hue_variety=1.0)


def metrics(**values: Any) -> Metrics:
    known: dict[str, Any] = {
        "content_error": 0.25,
        "style_error_512": 0.75,
        "style_error_256": 0.5,
        "style_error_128": 0.25,
        "held_out_style_error": 9,
        "ssim": 0,
        "color_distance": 0,
        "high_frequency_ratio": 1,
        "content_baseline": 0.5,
        "style_baseline": 2,
    }
    return Metrics(**known | values)


def test_the_errors_are_relative_to_the_baselines_and_the_score_is_their_product() -> None:
    measured = metrics()
    assert (measured.style_error, measured.relative_content_error, measured.relative_style_error) == (0.5, 0.5, 0.25)
    assert measured.score == 1.5 * 1.25


def test_the_photograph_and_what_has_nothing_of_it_score_two() -> None:
    photograph = metrics(content_error=0, style_error_512=2, style_error_256=2, style_error_128=2)
    assert (photograph.relative_content_error, photograph.relative_style_error, photograph.score) == (0, 1, 2)
    ornament = metrics(content_error=0.5, style_error_512=0, style_error_256=0, style_error_128=0)
    assert (ornament.relative_content_error, ornament.relative_style_error, ornament.score) == (1, 0, 2)


@pytest.mark.parametrize("baseline", [None, 0, nan, inf])
def test_what_has_no_baseline_has_no_score(baseline: float | None) -> None:
    content, style = metrics(content_baseline=baseline), metrics(style_baseline=baseline)
    assert (content.relative_content_error, content.relative_style_error, content.score) == (None, 0.25, None)
    assert (style.relative_content_error, style.relative_style_error, style.score) == (0.5, None, None)


@pytest.mark.parametrize("error", [nan, inf, 1e308])
def test_what_is_not_finite_is_no_score(error: float) -> None:
    measured = metrics(content_error=error, content_baseline=1e-3)
    assert (measured.relative_content_error, measured.score) == (None, None)
    assert metrics(style_error_128=error, style_error_512=error).score is None


def test_records_from_before_are_read(record: dict[str, Any]) -> None:
    read = RunRecord.model_validate(record)
    assert (read.trial, read.content.features) == (None, None)
    assert read.metrics
    assert (read.metrics.content_baseline, read.metrics.style_baseline, read.metrics.score) == (None, None, None)
    assert read.metrics.style_error == 0.5


def test_what_is_new_is_kept(record: dict[str, Any]) -> None:
    picture = AssetReference(sha256="0", object_name="a", name="b", features=LOOKS)
    kept = RunRecord.model_validate(record | {"trial": "autumn/7", "content": picture, "metrics": metrics()})
    assert RunRecord.model_validate_json(kept.model_dump_json()) == kept
    assert kept.content.features == LOOKS


def test_features_are_finite() -> None:
    with pytest.raises(ValidationError):
        PictureFeatures.model_validate(LOOKS.model_dump() | {"contrast": nan})


@pytest.fixture
def record() -> dict[str, Any]:
    """A record as versions before this one wrote it."""
    picture = {"sha256": "0" * 64, "object_name": "assets/a.png", "name": "a.jpg"}
    return {
        "job_id": "1",
        "outcome": "succeeded",
        "content": picture,
        "style": picture,
        "hyperparameters": {},
        "engine_version": "1",
        "torch_version": "2",
        "weights": "vgg19",
        "device": "cpu",
        "started_at": "2026-11-20T08:00:00Z",
        "finished_at": "2026-11-20T08:01:00Z",
        "metrics": {
            "content_error": 0.25,
            "style_error_512": 0.75,
            "style_error_256": 0.5,
            "style_error_128": 0.25,
            "held_out_style_error": 0.5,
            "ssim": 0.5,
            "color_distance": 0.5,
            "high_frequency_ratio": "NaN",
            "layer_errors": {},
        },
    }
