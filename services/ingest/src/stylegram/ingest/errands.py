"""What a clock has done: the daily picture, a sync, a look after the jobs; each a question to an ingest that runs.

>>> with open_errands(wait=600) as errands:  # doctest: +SKIP
...     errands.daily(sync=True, follow=0)
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from stylegram.common.errors import StylegramError, Unavailable
from stylegram.common.service import until_it_answers
from stylegram.ingest.client import ApiClient, open_http
from stylegram.ingest.schemas import Job, ReconcileReport
from stylegram.ingest.sync import SyncRunning
from stylegram.ingest.sync.words import NAMES, printable, summary
from stylegram.ingest.sync_record import SyncStatus
from stylegram.ingest.tables import JobState, PostState

# Longer than ingest gives the logger for its advice.
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 2.0
# Between two lines about a sync that goes on.
_TELL_SECONDS = 30.0
# Of which each goes on where the one before was interrupted.
_MOST_SYNCS = 3

_T = TypeVar("_T")


@contextmanager
def open_errands(*, wait: float) -> Iterator["Errands"]:
    """What runs errands at the ingest that the environment names.

    Args:
        wait: see `Errands`.

    Raises:
        ConfigurationError: the environment names none.
    """
    with open_http(None, patience=_PATIENCE_SECONDS) as (client, place):
        advice = "STYLEGRAM_URL says where it is asked."
        yield Errands(ApiClient(client, place, advice=advice, where="STYLEGRAM_URL"), wait)


@dataclass(frozen=True)
class Errands:
    """Runs errands, and tells in lines how it goes; each says whether it went well.

    Each raises `Unavailable` where ingest is away for too long, and another `StylegramError` where it refuses.

    Args:
        client: asks ingest.
        wait: seconds for which ingest may be away, each time.
    """

    client: ApiClient
    wait: float

    def sync(self) -> bool:
        """Have ingest sync its sources, and wait for the end; a sync that runs already is as good."""
        status = self._synced()
        for _ in range(_MOST_SYNCS - 1):
            if not status.interrupted:
                break
            _say(f"{status.problem} It is begun.")
            status = self._synced()
        for report in status.reports:
            _say(f"{NAMES[report.role]}: {summary(report)}")
        if status.problem:
            _say(f"The sync failed: {status.problem}")
        return status.problem is None

    def daily(self, *, sync: bool, follow: float) -> bool:
        """Have ingest queue the picture of the day; asked again, it is the same.

        Args:
            sync: whether to sync first. One that fails is told of, and keeps no picture from being made.
            follow: seconds for which to wait until the picture's post is out or waits for its time; when they are
                over, nothing is wrong.
        """
        if sync and not self.sync():
            _say("The picture is made of what there is.")
        job = self._asked(lambda: self.client.ask(Job, "POST", "/v1/daily"))
        _say(f"{job.content.name} × {job.style.name}: job {job.id}, {job.state}.")
        return self._follow(job, follow) if follow > 0 else True

    def reconcile(self) -> bool:
        """Have ingest put jobs right of which nothing is heard."""
        report = self._asked(lambda: self.client.ask(ReconcileReport, "POST", "/v1/reconcile"))
        done = ", ".join(f"{count} {action}" for action, count in report.model_dump().items() if count)
        _say(f"Jobs put right: {done or 'none'}.")
        return True

    def _synced(self) -> SyncStatus:
        """How a sync ended."""

        def begin() -> SyncStatus | None:
            try:
                return self.client.start_sync()
            except SyncRunning:
                return None

        begun = self._asked(begin)
        _say("The sync has begun." if begun else "A sync runs already.")
        status, told = begun or self._asked(self.client.sync_status), time.monotonic()
        while status.running:
            time.sleep(_LOOK_SECONDS)
            status = self._asked(self.client.sync_status)
            if status.role and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                _say(f"{NAMES[status.role]}: {status.done} of {status.total}")
        return status

    def _follow(self, job: Job, seconds: float) -> bool:
        deadline, state, job_id = time.monotonic() + seconds, job.state, job.id
        while (end := _end_of(job)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                _warn(f"After {seconds:g} seconds the job is {job.state}; it goes on by itself.")
                return True
            time.sleep(min(_LOOK_SECONDS, left))
            try:
                job = self._asked(lambda: self.client.job(job_id), within=deadline - time.monotonic())
            except Unavailable:
                if time.monotonic() < deadline:
                    raise
            if job.state != state:
                state = job.state
                _say(f"The job is {state}.")
        well, words = end
        (_say if well else _warn)(words)
        return well

    def _asked(self, question: Callable[[], _T], within: float | None = None) -> _T:
        """What ingest answers, once it does; within the seconds given, if those are fewer than it may be away."""
        seconds = self.wait if within is None else min(self.wait, within)
        return until_it_answers(question, within=seconds, on_away=_tell_of_absence)


def _end_of(job: Job) -> tuple[bool, str] | None:
    """Whether it went well, and what became of the picture; None as long as that is open."""
    if not job.finished:
        return None
    if job.state != JobState.SUCCEEDED:
        return False, f"The job is {job.state}: {job.reason or 'nobody said why.'}"
    match job.post_state:
        case None:
            return None if job.publish else (True, "The picture is there, and is not to be posted.")
        case PostState.PUBLISHED:
            return True, f"The post is out: {job.post_url or 'nobody said where.'}"
        case PostState.WAITING:
            return True, f"The post waits: {job.post_reason}"
        case PostState.NEEDS_REVIEW:
            return False, f"Somebody has to look after the post: {job.post_reason}"
        case PostState.FAILED:
            return False, f"The post failed: {job.post_reason}"


def _tell_of_absence(error: StylegramError, pause: float) -> None:
    _warn(f"{error} Asked again in {pause:.0f} seconds.")


def _say(words: str) -> None:
    sys.stdout.write(f"{printable(words)}\n")
    sys.stdout.flush()


def _warn(words: str) -> None:
    sys.stderr.write(f"{printable(words)}\n")
