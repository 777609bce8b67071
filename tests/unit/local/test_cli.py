import pytest

from stylegram.common.errors import InvalidHyperparameters
from stylegram.local.cli import _DAILY, _hyperparameters


def test_the_daily_defaults_give_way_to_what_is_set() -> None:
    assert _hyperparameters(_DAILY, None, None).scales == ((135, 40), (270, 40), (540, 20), (1080, 10))
    assert _hyperparameters(_DAILY, ["evaluations=5,5"], 512).scales == ((256, 5), (512, 5))
    assert _hyperparameters(_DAILY, ["brush_scale=2"], None).scales == ((540, 20), (1080, 10))


def test_a_schedule_replaces_the_daily_size_but_not_one_that_was_given() -> None:
    assert _hyperparameters(_DAILY, ["schedule=128:3,640:2"], None).scales == ((128, 3), (640, 2))
    with pytest.raises(InvalidHyperparameters, match="size is 512, but the schedule ends at 640"):
        _hyperparameters(_DAILY, ["schedule=128:3,640:2"], 512)
