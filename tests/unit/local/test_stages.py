import pytest

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.local.stages import fraction_of_work


@pytest.mark.parametrize(
    ("done", "expected"), [(-1, 0), (0, 0), (30, 30 / 120), (60, 0.5), (70, 60 / 120 + 10 * 4 / 120), (75, 1), (99, 1)]
)
def test_the_work_grows_with_pixels_times_evaluations(done: int, expected: float) -> None:
    assert fraction_of_work(((128, 60), (256, 15)), done) == pytest.approx(expected)


def test_the_scales_of_any_hyperparameters_will_do() -> None:
    for settings in ({"brush_scale": 8}, {"schedule": ["64:3", "512:2"]}, {"evaluations": (0,)}):
        scales = Hyperparameters.model_validate(settings).scales
        assert fraction_of_work(scales, sum(count for _, count in scales)) == 1
