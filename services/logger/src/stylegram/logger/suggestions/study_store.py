"""Studies in Optuna's tables: what we add to them are attributes, under the names below, and no table of our own.

A trial is reserved first, which gives it its number, then chosen, and lastly asked for: only then it has its point and
says whose it is. What a process left behind that was killed in between is told apart by that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Engine

from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists, NotFound
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.logger.suggestions import schemas
from stylegram.logger.suggestions.front import Point
from stylegram.logger.suggestions.model import DIRECTIONS
from stylegram.logger.suggestions.schemas import Pair, StudyPlan, Trial
from stylegram.logger.suggestions.space import Params
from stylegram.logger.suggestions.storage import open_storage, unless_unavailable

_PLAN, _RESERVED, _ASKED, _TOLD = "stylegram", "reserved_at", "asked", "told"
_STATES = {TrialState.COMPLETE: schemas.TrialState.DONE, TrialState.FAIL: schemas.TrialState.FAILED}


class StoredPlan(StudyPlan):
    """A study's plan as it is kept."""

    created_at: datetime


class StudyStore:
    """The studies in a database. Every method raises `Unavailable` where that does not answer.

    Args:
        engine: the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._storage = open_storage(engine)

    def add(self, plan: StudyPlan) -> StoredPlan:
        """Keep a plan; the same one again changes nothing.

        Raises:
            AlreadyExists: there is another study of that name.
        """
        stored = StoredPlan(**dict(plan), created_at=utcnow())
        with unless_unavailable():
            try:
                study_id = self._storage.create_new_study(DIRECTIONS, plan.name)
            except DuplicatedStudyError:
                study_id = self._storage.get_study_id_from_name(plan.name)
            # Whoever made the study may have been killed before it had its plan.
            if _PLAN not in self._storage.get_study_user_attrs(study_id):
                self._storage.set_study_user_attr(study_id, _PLAN, stored.model_dump(mode="json"))
        # Of two at once the one that came second finds the other's here.
        kept = self.plan(plan.name)
        if kept.model_dump(exclude={"created_at"}) != stored.model_dump(exclude={"created_at"}):
            raise AlreadyExists(f"There is a study {plan.name} already, another one.", advice="Choose another name.")
        return kept

    def plans(self) -> list[StoredPlan]:
        """All of them, oldest first."""
        with unless_unavailable():
            studies = self._storage.get_all_studies()
        return [StoredPlan.model_validate(study.user_attrs[_PLAN]) for study in studies if _PLAN in study.user_attrs]

    def plan(self, name: str) -> StoredPlan:
        """The plan of that name.

        Raises:
            NotFound: there is none.
        """
        with unless_unavailable():
            attributes = self._storage.get_study_user_attrs(self._study_id(name))
        if _PLAN not in attributes:
            raise _no_study(name)
        return StoredPlan.model_validate(attributes[_PLAN])

    def trials(self, name: str) -> list[FrozenTrial]:
        """The study's trials as Optuna has them, by number; not to be changed."""
        with unless_unavailable():
            return self._storage.get_all_trials(self._study_id(name), deepcopy=False)

    def reserve(self, name: str) -> int:
        """The number of a new trial, which nobody else has."""
        mark = create_trial(state=TrialState.RUNNING, user_attrs={_RESERVED: utcnow().isoformat()})
        with unless_unavailable():
            trial_id = self._storage.create_new_trial(self._study_id(name), mark)
            return self._storage.get_trial_number_from_id(trial_id)

    def ask(
        self,
        name: str,
        number: int,
        params: Params,
        distributions: dict[str, BaseDistribution],
        *,
        pair: Pair,
        hyperparameters: Hyperparameters,
        reason: str,
        advised: bool,
    ) -> None:
        """Say what a reserved trial is."""
        asked = {
            "at": utcnow().isoformat(),
            "content": pair.content.model_dump(mode="json"),
            "style": pair.style.model_dump(mode="json"),
            "hyperparameters": hyperparameters.model_dump(mode="json"),
            "reason": reason,
            "advised": advised,
        }
        with unless_unavailable():
            trial_id = self._trial_id(name, number)
            for dimension, distribution in distributions.items():
                value = distribution.to_internal_repr(params[dimension])
                self._storage.set_trial_param(trial_id, dimension, value, distribution)
            self._storage.set_trial_user_attr(trial_id, _ASKED, asked)

    def end(self, name: str, number: int, errors: Point | None, **facts: Any) -> bool:  # noqa: ANN401  (of JSON)
        """Tell a trial how it ended.

        Args:
            name: the study's.
            number: the trial's.
            errors: relative content and style error; None where it failed.
            facts: what else is known, see `Trial`.

        Returns:
            Whether that is news: it had not ended before.
        """
        state = TrialState.FAIL if errors is None else TrialState.COMPLETE
        with unless_unavailable():
            trial_id = self._trial_id(name, number)
            try:
                self._storage.set_trial_user_attr(trial_id, _TOLD, {"at": utcnow().isoformat(), **facts})
                self._storage.set_trial_state_values(trial_id, state, errors)
            except UpdateFinishedTrialError:
                return False
            return True

    def _study_id(self, name: str) -> int:
        try:
            return self._storage.get_study_id_from_name(name)
        except KeyError:
            raise _no_study(name) from None

    def _trial_id(self, name: str, number: int) -> int:
        try:
            return self._storage.get_trial_id_from_study_id_trial_number(self._study_id(name), number)
        except KeyError:
            raise NotFound(f"The study {name} has no trial {number}.") from None


def was_asked(trial: FrozenTrial) -> bool:
    """Whether it is whole: it has its point, and somebody may be working on it."""
    return _ASKED in trial.user_attrs


def since(trial: FrozenTrial) -> datetime:
    """When it was reserved."""
    return datetime.fromisoformat(trial.user_attrs[_RESERVED])


def seen(name: str, trials: Sequence[FrozenTrial]) -> list[Trial]:
    """The study's trials as callers see them, without those that were only reserved."""
    return [_seen(name, trial) for trial in trials if was_asked(trial)]


def _seen(name: str, trial: FrozenTrial) -> Trial:
    asked, told = trial.user_attrs[_ASKED], trial.user_attrs.get(_TOLD, {})
    state = _STATES.get(trial.state, schemas.TrialState.RUNNING)
    content_error, style_error = trial.values if trial.state == TrialState.COMPLETE else (None, None)
    ended = {"ended_at": told.get("at")} | {each: told.get(each) for each in ("job_id", "seconds", "failure")}
    return Trial(
        study=name,
        number=trial.number,
        state=state,
        content=AssetReference.model_validate(asked["content"]),
        style=AssetReference.model_validate(asked["style"]),
        params=trial.params,
        hyperparameters=Hyperparameters.model_validate(asked["hyperparameters"]),
        reason=asked["reason"],
        advised=asked["advised"],
        asked_at=datetime.fromisoformat(asked["at"]),
        **(ended if state != schemas.TrialState.RUNNING else {}),
        relative_content_error=content_error,
        relative_style_error=style_error,
    )


def _no_study(name: str) -> NotFound:
    return NotFound(f"There is no study {name}.", advice="`stylegram study status --all` lists them.")
