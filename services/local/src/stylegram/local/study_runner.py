"""Running a study: its trials as jobs, some at once, until the budget is used up.

Nothing is kept here: who is killed and begins anew finds the trials that are open, and each has the same job as before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stylegram.common.errors import InvalidInput, NotFound, StylegramError, Unavailable
from stylegram.local.study_api import StudyApi
from stylegram.logger.suggestions.schemas import Study, Trial, TrialState

_LOOK_SECONDS = 0.5
# From a job's end until the logger has heard of it takes a moment; this long means that it never will.
_HEARING_SECONDS = 120.0
# A server that starts anew is back by then.
_PATIENCE_SECONDS = 120.0


@dataclass
class _Open:
    trial: Trial
    job_id: str | None = None
    ended: tuple[float, str] | None = None
    """Since when its job has ended, by the monotonic clock, and why no record may come."""


@dataclass
class StudyRunner:
    """One run of a study.

    Args:
        api: where the study is.
        name: the study's.
        workers: jobs at once.
        show: told how the study stands, and which trial has ended, if one has.
        check: raises where nobody works any more.
    """

    api: StudyApi
    name: str
    workers: int
    show: Callable[[Study, Trial | None], None]
    check: Callable[[], None] = lambda: None
    _open: dict[int, _Open] = field(default_factory=dict)

    def run(self) -> Study:
        """Run it to its end; the study as it then stands.

        Raises:
            Unavailable: nobody answered for two minutes.
            StylegramError: a job is refused.
        """
        self._adopt()
        patience = time.monotonic() + _PATIENCE_SECONDS
        while True:
            self.check()
            try:
                study = self._step()
                patience = time.monotonic() + _PATIENCE_SECONDS
                if not self._open and study.asked >= study.budget:
                    # One may have been handed out in an answer that was lost.
                    self._adopt()
                    if not self._open:
                        return study
            except Unavailable:
                if time.monotonic() > patience:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _adopt(self) -> None:
        """Take on the trials that run, whoever asked for them: each has the same job, whoever submits it."""
        for trial in self.api.trials(self.name):
            # One that was advised has a job already, of somebody else's.
            if trial.state == TrialState.RUNNING and not trial.advised:
                self._open[trial.number] = _Open(trial)

    def _step(self) -> Study:
        """Look at what is open, and ask for more."""
        self._close()
        study = self.api.study(self.name)
        while len(self._open) < self.workers and study.asked < study.budget:
            try:
                trial = self.api.ask(self.name)
            except StylegramError:
                study = self.api.study(self.name)
                if study.asked < study.budget:
                    raise
                break  # somebody else runs it too, and had the last one
            self._open[trial.number] = _Open(trial)
            study = self.api.study(self.name)
        for each in list(self._open.values())[: self.workers]:
            if each.job_id is None:
                self._submit(each)
        self.show(study, None)
        return study

    def _submit(self, each: _Open) -> None:
        try:
            each.job_id = self.api.submit(each.trial).id
        except Unavailable:
            raise
        except (InvalidInput, NotFound) as error:
            self._end(each, self.api.fail(each.trial, f"No job could be made of it: {error}"))
            raise

    def _close(self) -> None:
        """Let go of the trials that have ended."""
        if not any(each.job_id for each in self._open.values()):
            return
        now = {trial.number: trial for trial in self.api.trials(self.name)}
        for each in list(self._open.values()):
            trial = now[each.trial.number]
            if trial.state != TrialState.RUNNING:
                self._end(each, trial)
            elif each.job_id and (reason := self._given_up(each)):
                self._end(each, self.api.fail(trial, reason))

    def _given_up(self, each: _Open) -> str | None:
        """Why no record of the trial will come; None as long as one may."""
        job = self.api.job(each.job_id or "")
        if not job.finished:
            return None
        if job.state == "cancelled":
            return "Its job was cancelled."
        since, reason = each.ended = each.ended or (time.monotonic(), job.reason or f"Its job has {job.state}.")
        if time.monotonic() - since < _HEARING_SECONDS:
            return None
        return reason if job.state == "failed" else "Its record never came."

    def _end(self, each: _Open, trial: Trial) -> None:
        del self._open[each.trial.number]
        self.show(self.api.study(self.name), trial)
