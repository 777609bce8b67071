"""What a study found: its best, its front, how it went on, and what differed; all from the report's plain data."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from stylegram.logger.report.model import Image, Report, Trial, Value
from stylegram.logger.suggestions.front import REFERENCE, front, hypervolume

_MOST_BEST, _MOST_FRONT, _MOST_WORST = 6, 3, 3


@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed for the same reason."""

    reason: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Findings:
    """See the module. Each is computed when it is first asked for."""

    report: Report

    @cached_property
    def measured(self) -> list[Trial]:
        """The trials of which all is known, the best first."""
        return sorted(
            (each for each in self.report.trials if each.measured), key=lambda each: (_score(each), each.number)
        )

    @cached_property
    def best(self) -> Trial | None:
        """The trial with the least score."""
        return self.measured[0] if self.measured else None

    @cached_property
    def ranks(self) -> dict[int, float]:
        """By number, from 0 for the best score to 1 for the worst."""
        last = max(len(self.measured) - 1, 1)
        return {each.number: at / last for at, each in enumerate(self.measured)}

    @cached_property
    def front(self) -> list[Trial]:
        """The trials that no other surpasses in both errors, by their content error.

        Nor do the photograph as it is, and the painting as it is: what keeps nothing of either is on no front.
        """
        points = ((_point(each), each) for each in reversed(self.measured))
        by_point = {point: each for point, each in points if point[0] < REFERENCE[0] and point[1] < REFERENCE[1]}
        return [by_point[point] for point in front(by_point)]

    @cached_property
    def shown_best(self) -> list[Trial]:
        """The pictures to be shown first: the best of each pair before the second of any, as pairs are unlike hard."""
        met: Counter[tuple[Image, Image]] = Counter()
        places: dict[int, int] = {}
        for trial in self.measured:
            places[trial.number] = met[trial.content, trial.style]
            met[trial.content, trial.style] += 1
        chosen = sorted(self.measured, key=lambda each: places[each.number])[:_MOST_BEST]
        return sorted(chosen, key=_score)

    @cached_property
    def shown_front(self) -> list[Trial]:
        """Of the front's others some from end to end, by their content error."""
        others = [each for each in self.front if each not in self.shown_best]
        steps = min(len(others), _MOST_FRONT)
        return [others[step * (len(others) - 1) // max(steps - 1, 1)] for step in range(steps)]

    @cached_property
    def shown_worst(self) -> list[Trial]:
        """The last pictures, the worst first, of what is not shown already."""
        shown = {each.number for each in (*self.shown_best, *self.shown_front)}
        return [each for each in reversed(self.measured[-_MOST_WORST:]) if each.number not in shown]

    @cached_property
    def carded(self) -> set[int]:
        """The numbers of the trials whose pictures are shown."""
        return {each.number for each in (*self.shown_best, *self.shown_front, *self.shown_worst)}

    @cached_property
    def best_so_far(self) -> list[tuple[float, float | None]]:
        """The least score after each trial, by the trials' numbers."""
        least, course = math.inf, []
        for trial in self.report.trials:
            if trial.measured:
                least = min(least, _score(trial))
            course.append((float(trial.number), least if math.isfinite(least) else None))
        return course

    @cached_property
    def hypervolume_so_far(self) -> list[tuple[float, float | None]]:
        """The share of the unit square that a front rules after each trial, by the trials' numbers: the mean over the
        pairs, of which each has its own front.
        """
        fronts: dict[tuple[Image, Image], list[tuple[float, float]]] = {pair: [] for pair in self.pairs}
        areas = dict.fromkeys(fronts, 0.0)
        course: list[tuple[float, float | None]] = []
        for trial in self.report.trials:
            pair = trial.content, trial.style
            if trial.measured:
                fronts[pair] = front([*fronts[pair], _point(trial)])
                areas[pair] = hypervolume(fronts[pair])
            course.append((float(trial.number), sum(areas.values()) / len(areas)))
        return course

    @cached_property
    def by_pair(self) -> list["Findings"]:
        """The same of each pair alone."""
        trials: dict[tuple[Image, Image], list[Trial]] = {pair: [] for pair in self.pairs}
        for trial in self.report.trials:
            trials[trial.content, trial.style].append(trial)
        return [Findings(replace(self.report, trials=tuple(each))) for each in trials.values()]

    @cached_property
    def failures(self) -> list[FailureGroup]:
        """What failed by its reason, the most frequent first."""
        groups: dict[str, list[int]] = defaultdict(list)
        for trial in self.report.trials:
            if trial.state == "failed":
                groups[trial.reason or "Nobody knows why."].append(trial.number)
        by_count = sorted(groups.items(), key=lambda group: (-len(group[1]), group[1]))
        return [FailureGroup(reason, tuple(numbers)) for reason, numbers in by_count]

    @cached_property
    def pairs(self) -> list[tuple[Image, Image]]:
        """The photographs with their paintings, as they first came."""
        return list(dict.fromkeys((each.content, each.style) for each in self.report.trials))

    def count(self, state: str) -> int:
        """How many trials are so."""
        return sum(each.state == state for each in self.report.trials)

    @property
    def left(self) -> int | None:
        """How many trials the budget has left; None where it has no end."""
        budget = self.report.budget
        return None if budget is None else max(budget - len(self.report.trials), 0)

    @property
    def seconds(self) -> float:
        """What all trials took together."""
        spent = (each.seconds for each in self.report.trials if each.seconds is not None)
        return sum(seconds for seconds in spent if math.isfinite(seconds))


def differing(hyperparameters: Mapping[str, Value], base: Mapping[str, Value]) -> dict[str, Value]:
    """The hyperparameters that are not the base's; lists and tuples of the same are the same."""
    return {
        name: value for name, value in hyperparameters.items() if name not in base or plain(value) != plain(base[name])
    }


def plain(value: Value) -> Value:
    """The value as JSON would have it."""
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def _score(trial: Trial) -> float:
    assert trial.score is not None
    return trial.score


def _point(trial: Trial) -> tuple[float, float]:
    assert trial.relative_content_error is not None
    assert trial.relative_style_error is not None
    return trial.relative_content_error, trial.relative_style_error
