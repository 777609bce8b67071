"""A run in words, among others of the record."""

from collections.abc import Sequence
from typing import Any

from stylegram.common.charts.scales import number
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.settings import settings_of
from stylegram.ingest.pages.words import title_of

# They say how a picture is computed, or which of many like it, and not what it is to be.
_NOT_TOLD = {"seed", "precision", "tiling", "deterministic", "cuda_graphs"}
TOLD = tuple(name for name in Hyperparameters.model_fields if name not in _NOT_TOLD)
"""The hyperparameters that say what a picture is to be."""
_MOST_TOLD = 4


def words(run: RunView) -> str:
    """The run in a line."""
    return (
        f"{title_of(run.content_name)} × {title_of(run.style_name)}: score {number(run.score)},"
        f" content error {number(run.relative_content_error)}, style error {number(run.relative_style_error)}"
    )


def differing(runs: Sequence[RunView]) -> Sequence[str]:
    """The few hyperparameters that tell the runs apart best: those that have the most values, in their usual order."""
    values = {
        name: {value_of(run, name) for run in runs if not isinstance(run.hyperparameters.get(name), list)}
        for name in TOLD
    }
    most = sorted((name for name in values if len(values[name]) > 1), key=lambda name: -len(values[name]))
    return [name for name in values if name in most[:_MOST_TOLD]]


def settings(run: RunView, names: Sequence[str]) -> Sequence[tuple[str, str]]:
    """What the run has of these hyperparameters; three digits tell runs apart, its own page has all."""
    chosen, usual = settings_of({name: value for name in names if (value := value_of(run, name)) is not None})
    values = {each.name: each.value for each in (*chosen, *usual)}
    floats = {name: number(value) for name, value in run.hyperparameters.items() if isinstance(value, float)}
    return [(name, floats.get(name, values[name])) for name in names if name in values]


def value_of(run: RunView, name: str) -> Any:  # noqa: ANN401  (of any hyperparameter)
    """What the run has of it; a list as a text."""
    value = run.hyperparameters.get(name)
    # Without the word that all layers begin with, five have room.
    return ",".join(str(each).removeprefix("relu") for each in value) if isinstance(value, list) else value
