"""Which hyperparameters matter, and how sure that is.

By PED-ANOVA (Watanabe, Bansal & Hutter 2023), as Optuna has it: a hyperparameter matters as far as the values that the
best tenth of the runs has are distributed otherwise than those of all. Only what was varied can matter, and only over
the values that were tried.

- Pictures differ by more than hyperparameters do. So what is judged is the logarithm of the error, less the effects of
  the style image, of the content image and of the pair: for each in turn its mean, shrunken towards none by
  n / (n + 1), as a mean of n runs is as uncertain as one of them over n. What is left of a run says whether it was good
  *for its pictures*.
- Runs are few and chance has a share in everything. Each of 20 random halves of the runs is judged by itself: their
  scatter is that of the whole, as with bootstrap resamples (Politis & Romano 1994; a run counts once, as doubles would
  look like agreement). From each goes what the same half gives with its errors shuffled.
- Shares are of all that is left, so that they sum up to 1.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, create_trial
from sqlalchemy import Engine, select

from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.views.importance import FEWEST_RUNS, HyperparameterImportance, Importance, Objective
from stylegram.logger.queries.filters import Filters, fits
from stylegram.logger.queries.walking import Budget, Order, Walk, few, narrow
from stylegram.logger.rows import to_hyperparameters
from stylegram.logger.tables import runs

MOST_RUNS = 2_000
"""The newest so many are judged."""
# That many rows are looked at for them: this takes seconds anyhow.
_MOST_ROWS = 50_000
_HALVES = 20
_BEST = 0.1
# Below, a share of the best would hang on one or two runs.
_FEWEST_BEST = 5
# They say how a picture is computed, or which of many like it, and not what it is to be.
_NOT_JUDGED = {"seed", "precision", "tiling", "deterministic", "cuda_graphs"}
# A number that took so many values or fewer is a choice.
_MOST_CHOICES = 8
# One whose values are so far apart is judged by their orders of magnitude.
_WIDE = 10


def importance(engine: Engine, of: Objective = "score", filters: Filters = (), *, limit: int = MOST_RUNS) -> Importance:
    """Judge the newest runs that fit all of the filters and have that error.

    Raises:
        Unavailable: the database did not answer.
    """
    rows = _newest(engine, of, filters, limit)
    pairs = {_pair(row) for row in rows}
    told = [to_hyperparameters(row) for row in rows]
    params, distributions = _dimensions(told)
    reason = None
    if len(rows) < FEWEST_RUNS:
        reason = f"{len(rows)} runs are too few to tell: it takes {FEWEST_RUNS} that have this error."
    elif not distributions:
        reason = "No hyperparameter was varied."
    elif not np.ptp(left := _left(rows, of)):
        reason = "All of the runs are equally good."
    if reason:
        return Importance(of=of, runs=len(rows), pairs=len(pairs), hyperparameters=[], too_few=reason)
    shares = _shares(params, distributions, left)
    judged = [
        HyperparameterImportance(
            name=name,
            mean=float(values.mean()),
            deviation=float(values.std(ddof=1)),
            low=float(np.quantile(values, 0.05)),
            high=float(np.quantile(values, 0.95)),
        )
        for name, values in shares.items()
    ]
    judged.sort(key=lambda each: (-each.mean, each.name))
    return Importance(of=of, runs=len(rows), pairs=len(pairs), hyperparameters=judged, too_few=None)


def _newest(engine: Engine, of: Objective, filters: Filters, limit: int) -> list[Mapping[str, Any]]:
    error = runs.c[of]
    pictures = (runs.c.content_sha256, runs.c.content_name, runs.c.style_sha256, runs.c.style_name)
    columns = (*pictures, error, *(runs.c[name] for name in Hyperparameters.model_fields))
    with transaction(engine) as session:
        dialect = engine.dialect.name
        # Its logarithm is taken.
        wanted = fits(filters, dialect) & (error > 0)
        if (narrowed := narrow(session, filters, dialect, _MOST_ROWS)) is not None:
            some = few((runs.c.job_id, runs.c.started_at), narrowed, wanted)
            newest = select(some.c.job_id).order_by(some.c.started_at.desc(), some.c.job_id.desc()).limit(limit)
            job_ids = list(session.scalars(newest))
        else:
            order = Order((runs.c.started_at, runs.c.job_id), descending=True)
            walked = Walk(session, order, wanted).rows(None, Budget(_MOST_ROWS))
            job_ids = []
            for (_, job_id), fit in walked:
                if len(job_ids) == limit:
                    break
                if fit:
                    job_ids.append(job_id)
        # In no order, as none is needed but one that is always the same.
        found = select(*columns).where(runs.c.job_id.in_(job_ids)).order_by(runs.c.job_id)
        return [row._asdict() for row in session.execute(found)]


def _content(row: Mapping[str, Any]) -> str:
    return row["content_sha256"] or row["content_name"] or ""


def _style(row: Mapping[str, Any]) -> str:
    return row["style_sha256"] or row["style_name"] or ""


def _pair(row: Mapping[str, Any]) -> tuple[str, str]:
    return _content(row), _style(row)


def _left(rows: Sequence[Mapping[str, Any]], of: Objective) -> NDArray[np.float64]:
    """The logarithms of the errors, less the effects of pictures."""
    left = np.log([row[of] for row in rows])
    left -= left.mean()
    for picture in (_style, _content, _pair):
        _, group = np.unique([repr(picture(row)) for row in rows], return_inverse=True)
        left -= (np.bincount(group, left) / (np.bincount(group) + 1))[group]
    return np.asarray(left)


def _dimensions(told: Sequence[Hyperparameters]) -> tuple[list[dict[str, Any]], dict[str, BaseDistribution]]:
    """Each run's values, and what they are of, for all hyperparameters that have several."""
    params: list[dict[str, Any]] = [{} for _ in told]
    distributions: dict[str, BaseDistribution] = {}
    for name in Hyperparameters.model_fields:
        values = [_plain(name, each) for each in told]
        distinct = set(values)
        if name in _NOT_JUDGED or len(distinct) < 2:
            continue
        distribution = _distribution(distinct)
        distributions[name] = distribution
        for each, value in zip(params, values, strict=True):
            # An optional number that was not set is no place on its axis.
            if value is not None or isinstance(distribution, CategoricalDistribution):
                each[name] = value
    return params, distributions


def _plain(name: str, told: Hyperparameters) -> Any:  # noqa: ANN401  (a number, a text, a truth or None)
    if name == "learning_rate":
        # As a factor on the optimiser's own, which is fifty times another's.
        return told.step_size / Hyperparameters(optimizer=told.optimizer).step_size
    value = getattr(told, name)
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _distribution(distinct: set[Any]) -> BaseDistribution:
    numbers = [value for value in distinct if isinstance(value, int | float) and not isinstance(value, bool)]
    others = distinct - set(numbers) - {None}
    if others or len(numbers) <= _MOST_CHOICES:
        return CategoricalDistribution(sorted(distinct, key=lambda value: (value is None, str(type(value)), value)))
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low > _WIDE)


def _shares(
    params: Sequence[Mapping[str, Any]],
    distributions: Mapping[str, BaseDistribution],
    left: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """By name, each half's."""
    with warnings.catch_warnings():
        # It says that less is better, which is so, and that a few values are rare.
        warnings.simplefilter("ignore")
        return _of_halves(params, distributions, left)


def _of_halves(
    params: Sequence[Mapping[str, Any]],
    distributions: Mapping[str, BaseDistribution],
    left: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    trials = [
        create_trial(params=dict(each), distributions={name: distributions[name] for name in each}, value=float(value))
        for each, value in zip(params, left, strict=True)
    ]
    # It would say that there is a study.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    study.add_trials(trials)
    half = len(trials) // 2
    judge = PedAnovaImportanceEvaluator(target_quantile=max(_BEST, _FEWEST_BEST / half))
    chance = np.random.default_rng(0)

    def judged(chosen: Mapping[int, float]) -> NDArray[np.float64]:
        # A trial without a finite number is left out.
        def of(trial: FrozenTrial) -> float:
            return chosen.get(trial.number, math.nan)

        found = judge.evaluate(study, params=list(distributions), target=of)
        return np.array([found[name] for name in distributions])

    actual, shuffled = [], []
    for _ in range(_HALVES):
        chosen = chance.permutation(len(trials))[:half]
        values = left[chosen]
        actual.append(judged(dict(zip(chosen.tolist(), values.tolist(), strict=True))))
        shuffled.append(judged(dict(zip(chosen.tolist(), chance.permutation(values).tolist(), strict=True))))
    beyond = np.maximum(np.array(actual) - np.mean(shuffled, axis=0), 0)
    total = beyond.sum(axis=1, keepdims=True)
    shares = np.divide(beyond, total, out=np.zeros_like(beyond), where=total > 0)
    return dict(zip(distributions, shares.T, strict=True))
