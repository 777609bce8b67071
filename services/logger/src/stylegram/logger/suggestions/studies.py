"""Studies: a batch of tries with a budget, asked for one by one, and told how they went."""

import math
import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState
from sqlalchemy import Engine

from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidHyperparameters, NotFound, WrongState
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import RunRecord
from stylegram.logger.suggestions.drawing import draw
from stylegram.logger.suggestions.evidence import known_runs, pictures_of, risks_of
from stylegram.logger.suggestions.front import Point, front
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Tried
from stylegram.logger.suggestions.samplers import SamplerName, sampler_of
from stylegram.logger.suggestions.schemas import NewStudy, Pair, Study, StudyPlan, Trial, TrialState
from stylegram.logger.suggestions.space import Params, Space
from stylegram.logger.suggestions.study_store import StoredPlan, StudyStore, seen, since, was_asked

_log = structlog.get_logger(__name__)

# A picture takes minutes, and may wait for hours behind others.
_SILENCE = timedelta(hours=24)
_SILENT = "Nothing was heard of it for 24 hours."
# To choose a trial takes a second: what is not chosen by then never will be.
_RESERVATION = timedelta(minutes=10)
_NEVER_CHOSEN = "Whoever asked for it ended before it was chosen."
# Trials are chosen one after another, each knowing those before it; one whose chooser was killed is passed over.
_PATIENCE = timedelta(seconds=15)
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Studies:
    """The studies in a database. Every method raises `Unavailable` where that does not answer.

    Args:
        engine: the database, which has the runs too.
    """

    engine: Engine

    @property
    def _store(self) -> StudyStore:
        return StudyStore(self.engine)

    def create(self, wanted: NewStudy) -> Study:
        """A new study; the same one again is the one that there is.

        Raises:
            AlreadyExists: there is another one of that name.
            InvalidInput: the space, or the base, cannot be searched.
            ConfigurationError: the sampler cannot be used here.
        """
        wanted.space.check(wanted.base)
        if wanted.sampler != SamplerName.TRANSFER:
            sampler_of(wanted.sampler, wanted.seed)
        return self._study(self._store.add(StudyPlan(**dict(wanted))))

    def get(self, name: str) -> Study:
        """The study as it stands.

        Raises:
            NotFound: there is none of that name.
        """
        return self._study(self._store.plan(name))

    def all(self) -> list[Study]:
        """All studies, oldest first."""
        return [self._study(plan) for plan in self._store.plans()]

    def trials(self, name: str) -> list[Trial]:
        """The study's trials that were handed out, by number.

        Raises:
            NotFound: there is no such study.
        """
        plan = self._store.plan(name)
        return seen(name, _counted(plan, self._store.trials(name)))

    def ask(
        self,
        name: str,
        *,
        pair: Pair | None = None,
        base: Hyperparameters | None = None,
        fixed: Collection[str] = (),
    ) -> Trial:
        """The study's next trial. Several may ask at once: each gets another one.

        Args:
            name: the study's.
            pair: what is to be painted, where that is somebody else's choice; else the study's pairs take turns.
            base: the hyperparameters that are not searched; the study's own where None.
            fixed: hyperparameters that are not searched this time either, but are the base's.

        Raises:
            NotFound: there is no such study.
            WrongState: its budget is used up.
            InvalidHyperparameters: what is fixed lies outside of what is searched, or nothing goes with it.
        """
        store = self._store
        plan = store.plan(name)
        base = base or plan.base
        pinned = _pinned(plan.space, base, fixed)
        trials = self._without_the_lost(name)
        if len(trials) >= plan.budget:
            raise _used_up(plan)
        number = store.reserve(name)
        if number >= plan.budget:  # others asked meanwhile
            store.end(name, number, None, failure="The budget was used up.")
            raise _used_up(plan)
        wanted = pair or plan.pairs[number % len(plan.pairs)]

        def whole(params: Params) -> Hyperparameters:
            return plan.space.hyperparameters(params, base)

        pictures = pictures_of(self.engine, wanted.content, wanted.style)
        before = seen(name, self._before(name, number))
        try:
            proposal = draw(
                plan.sampler,
                plan.space,
                pictures,
                self._evidence(plan, pictures, before),
                [trial.params for trial in before if trial.state == TrialState.RUNNING and _is_of(pictures, trial)],
                risks_of(self.engine, plan.space),
                seed=plan.seed,
                number=number,
                pinned=pinned,
                fits=whole,
            )
        except Exception as error:
            # Left as it is, whoever asks next would wait for it.
            store.end(name, number, None, failure=str(error) or repr(error))
            raise
        try:
            store.ask(
                name,
                number,
                proposal.params,
                plan.space.distributions(),
                pair=wanted,
                hyperparameters=whole(proposal.params),
                reason=proposal.reason,
                advised=pair is not None,
            )
        except UpdateFinishedTrialError:
            raise WrongState(f"Trial {name}/{number} was given up while it was chosen.", advice="Ask again.") from None
        return self.trial(name, number)

    def trial(self, name: str, number: int) -> Trial:
        """The trial as it stands.

        Raises:
            NotFound: there is no such trial, or it was never handed out.
        """
        for trial in self._store.trials(name):
            if trial.number == number and was_asked(trial):
                return seen(name, [trial])[0]
        raise NotFound(f"The study {name} has no trial {number}.")

    def tell(self, record: RunRecord) -> None:
        """Learn how a trial's run went; said again, or of what is no trial, it changes nothing."""
        study, _, number = (record.trial or "").rpartition("/")
        # Whoever submits a job may say anything; no number is longer.
        if not re.fullmatch(r"[0-9]{1,9}", number):
            return
        errors, failure = _outcome(record)
        facts = {"job_id": record.job_id, "seconds": record.seconds, "failure": failure}
        try:
            trial = self.trial(study, int(number))
            if (trial.content.sha256, trial.style.sha256) != (record.content.sha256, record.style.sha256):
                raise NotFound(f"Trial {trial.name} is of another pair.")
            news = self._store.end(study, trial.number, errors, **facts)
        except NotFound as error:
            _log.warning("trial_unknown", trial=record.trial, job_id=record.job_id, reason=str(error))
            return
        if not news:
            _log.info("trial_had_ended", trial=record.trial, job_id=record.job_id)

    def fail(self, name: str, number: int, reason: str) -> Trial:
        """End a trial of which no record will come, as where its job was cancelled; one that failed stays as it is.

        Raises:
            NotFound: there is no such trial.
            WrongState: it came to a picture.
        """
        self.trial(name, number)
        self._store.end(name, number, None, failure=reason)
        trial = self.trial(name, number)
        if trial.state == TrialState.DONE:
            raise WrongState(f"Trial {trial.name} did not fail: it is done.")
        return trial

    def _study(self, plan: StoredPlan) -> Study:
        counted = _counted(plan, self._store.trials(plan.name))
        done = [trial for trial in seen(plan.name, counted) if trial.state == TrialState.DONE]
        states = [trial.state for trial in counted]
        return Study(
            **dict(plan),
            running=states.count(OptunaState.RUNNING),
            done=len(done),
            failed=states.count(OptunaState.FAIL),
            best=min(done, key=lambda trial: trial.score or math.inf, default=None),
            front=tuple(_front(done)),
        )

    def _without_the_lost(self, name: str) -> Sequence[FrozenTrial]:
        """The study's trials; of those that run, what will not be heard of any more is failed."""
        now = utcnow()
        trials = self._store.trials(name)
        for trial in trials:
            age = now - since(trial)
            if trial.state != OptunaState.RUNNING:
                continue
            if was_asked(trial) and age > _SILENCE:
                self._store.end(name, trial.number, None, failure=_SILENT)
            elif not was_asked(trial) and age > _RESERVATION:
                self._store.end(name, trial.number, None, failure=_NEVER_CHOSEN)
        return trials

    def _before(self, name: str, number: int) -> list[FrozenTrial]:
        """The trials before this one, once they are chosen: two that are chosen at once would be the same."""
        while True:
            before = [trial for trial in self._store.trials(name) if trial.number < number]
            being_chosen = (
                trial.state == OptunaState.RUNNING and not was_asked(trial) and utcnow() - since(trial) < _PATIENCE
                for trial in before
            )
            if not any(being_chosen):
                return before
            time.sleep(_LOOK_SECONDS)

    def _evidence(self, plan: StoredPlan, pictures: Pictures, trials: Iterable[Trial]) -> list[Tried]:
        """What the study's trials came to, those with these pictures first, and what the record knows beside them."""
        ended = [trial for trial in reversed([*trials]) if trial.state != TrialState.RUNNING]
        ended.sort(key=lambda trial: not _is_of(pictures, trial))
        own = [Tried(trial.params, trial.errors, Pictures.of(trial.content, trial.style)) for trial in ended]
        if not plan.warm_start:
            return own
        # What the trials say is not said twice; the record knows runs, too, that came after their trials were given up.
        told = {trial.name for trial in ended if trial.errors is not None}
        others = [each for each in known_runs(self.engine, pictures) if each.trial not in told]
        return own + [tried for each in others if (tried := each.tried(plan.space))]


def _is_of(pictures: Pictures, trial: Trial) -> bool:
    return (trial.content.sha256, trial.style.sha256) == (pictures.content, pictures.style)


def _pinned(space: Space, base: Hyperparameters, fixed: Collection[str]) -> Params:
    """The values of the dimensions that are not searched this time.

    Raises:
        InvalidHyperparameters: one of them lies outside of the space.
    """
    names = space.root.keys() & set(fixed)
    pinned = Space({name: space.root[name] for name in names}).params_of(base)
    if pinned is None:
        raise InvalidHyperparameters(f"What is given for {', '.join(sorted(names))} lies outside of what is searched.")
    return pinned


def _counted(plan: StoredPlan, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Without those beyond the budget, of askers that came too late."""
    return [trial for trial in trials if trial.number < plan.budget]


def _outcome(record: RunRecord) -> tuple[Point | None, str | None]:
    """Both errors, or why there are none."""
    if record.outcome == "failed":
        return None, record.reason or "The run failed."
    metrics = record.metrics
    errors = metrics and (metrics.relative_content_error, metrics.relative_style_error)
    match errors:
        case (float(content), float(style)) if math.isfinite(content) and math.isfinite(style):
            return (content, style), None
    return None, "The picture's relative errors are not known."


def _front(trials: Iterable[Trial]) -> Iterable[int]:
    """Numbers of the trials on the front of their pair."""
    pairs: dict[tuple[str, str], dict[Point, int]] = {}
    for trial in trials:
        if trial.errors:
            pairs.setdefault((trial.content.sha256, trial.style.sha256), {}).setdefault(trial.errors, trial.number)
    return [numbers[errors] for numbers in pairs.values() for errors in front(numbers)]


def _used_up(plan: StoredPlan) -> WrongState:
    return WrongState(
        f"The budget of the study {plan.name} is used up: it has had its {plan.budget} trials.",
        advice="Create another study, which begins with what this one found.",
    )
