from io import StringIO

import pytest
from rich.console import Console

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.local.stages import Stages, fraction_of_work


@pytest.mark.parametrize(
    ("done", "expected"), [(-1, 0), (0, 0), (30, 30 / 120), (60, 0.5), (70, 60 / 120 + 10 * 4 / 120), (75, 1), (99, 1)]
)
def test_the_work_grows_with_pixels_times_evaluations(done: int, expected: float) -> None:
    assert fraction_of_work(((128, 60), (256, 15)), done) == pytest.approx(expected)


def test_the_scales_of_any_hyperparameters_will_do() -> None:
    for settings in ({"brush_scale": 8}, {"schedule": ["64:3", "512:2"]}, {"evaluations": (0,)}):
        scales = Hyperparameters.model_validate(settings).scales
        assert fraction_of_work(scales, sum(count for _, count in scales)) == 1


def test_a_terminal_tells_success_from_failure_and_shows_notes_whole() -> None:
    text = StringIO()
    with Stages(Console(file=text, width=80, force_terminal=True, color_system=None)) as stages:
        stages.begin("Fetch").done()
        stage = stages.begin("Paint")
        stage.note("waits " * 20)
        stage.failed("failed")
        stages.begin("Post").cancelled("cancelled")
    assert "waits " * 20 in text.getvalue()
    last = text.getvalue().splitlines()[-4:-1]
    assert [next(sign for sign in "✓✗–" if sign in line) for line in last] == ["✓", "✗", "–"]
