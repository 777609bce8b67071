"""What a study's report is made of: plain data, from which `render_report` makes a page.

Whoever fills it knows the study; whoever renders it knows nothing but this. Numbers may be None or not finite anywhere:
the page then shows a dash, or leaves a point out. Names and reasons are taken as they are, for all that is shown is
escaped.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Value = Any
"""Of a hyperparameter, as JSON has it: a number, a text, a truth, a list, or None."""


@dataclass(frozen=True)
class Image:
    """A photograph or a painting.

    Args:
        name: what it is called, as people would write it.
        sha256: by which `Pictures` finds it; None where that is not known.
    """

    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Dimension:
    """One of the axes along which the study searched.

    Args:
        name: of the parameter, as `Trial.parameters` has it.
        low: the least number; None of a choice.
        high: the largest number; None of a choice.
        log: whether numbers are spaced by their ratios; both ends are above 0 then.
        choices: all there are, in their order; none of a number.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One run of the study.

    Args:
        number: from 0 on.
        state: `running` is everything between being asked for and its end.
        content: the photograph.
        style: the painting.
        parameters: where in the space it is, by the names of the dimensions; a dimension may be absent.
        hyperparameters: all that it was painted with.
        job_id: by which `Pictures` finds the result; None where no job was queued.
        relative_content_error: 0 is the photograph, 1 is nothing left of it.
        relative_style_error: 0 is the painting's style, 1 is as far from it as the photograph.
        score: lower is better; the photograph as it is has 2.
        seconds: what it took.
        reason: why it failed.
    """

    number: int
    state: Literal["done", "failed", "running"]
    content: Image
    style: Image
    parameters: Mapping[str, Value]
    hyperparameters: Mapping[str, Value]
    job_id: str | None = None
    relative_content_error: float | None = None
    relative_style_error: float | None = None
    score: float | None = None
    seconds: float | None = None
    reason: str | None = None

    @property
    def measured(self) -> bool:
        """Whether it is done and both of its errors and its score are known."""
        numbers = (self.relative_content_error, self.relative_style_error, self.score)
        return self.state == "done" and all(number is not None and math.isfinite(number) for number in numbers)


@dataclass(frozen=True)
class Importance:
    """How much a hyperparameter matters to the score.

    Args:
        name: of the hyperparameter.
        share: of what all of them explain of the score, 0 … 1.
        low: the lower end of the interval in which the share lies; None where nobody knows.
        high: its upper end.
    """

    name: str
    share: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Suggestion:
    """What to try next.

    Args:
        hyperparameters: all of them.
        reason: why, in a sentence.
        content: the photograph that it is meant for; None where it is for any.
        style: the painting that it is meant for.
        relative_content_error: what is expected of it; None where nobody knows.
        relative_style_error: likewise.
    """

    hyperparameters: Mapping[str, Value]
    reason: str
    content: Image | None = None
    style: Image | None = None
    relative_content_error: float | None = None
    relative_style_error: float | None = None


@dataclass(frozen=True)
class Report:
    """A study as it stands.

    Args:
        name: the study's.
        sampler: what chose the trials, as in `tpe`.
        budget: how many trials it may have; None where it has no end.
        created_at: when the study was made.
        reported_at: when this was read.
        dimensions: what it searched.
        base: the hyperparameters that trials have but for what the study chose.
        trials: all of them, in the order of their numbers.
        importance: by share, the largest first; empty where it cannot be told yet.
        suggestions: what to try next, the first first.
        importance_of: what the importance was computed of, as in "60 runs of this study", or why there is none.
    """

    name: str
    sampler: str
    budget: int | None
    created_at: datetime
    reported_at: datetime
    dimensions: tuple[Dimension, ...]
    base: Mapping[str, Value]
    trials: tuple[Trial, ...]
    importance: tuple[Importance, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    importance_of: str = ""


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True)
class Pictures:
    """Where the page gets its pictures: small JPEGs, some 320 pixels wide; None for one that is not to be had.

    Args:
        result: of a job, by its id.
        large_result: the same, some 640 pixels wide; `result` where it is None.
        photograph: by its SHA-256.
        painting: by its SHA-256.
    """

    result: Callable[[str], bytes | None] = field(default=_nothing)
    large_result: Callable[[str], bytes | None] | None = None
    photograph: Callable[[str], bytes | None] = field(default=_nothing)
    painting: Callable[[str], bytes | None] = field(default=_nothing)
