"""What the logger learns from what happens."""

from dataclasses import fields
from functools import partial
from pathlib import Path

import structlog

from stylegram.common.messages import (
    NEEDS_REVIEW,
    JobCompleted,
    JobFailed,
    Message,
    PostFailed,
    PostFeedback,
    PostPublished,
    PostWaiting,
)
from stylegram.common.ports import Feedback
from stylegram.common.records import RunRecord
from stylegram.logger.logs_csv import write_logs_csv
from stylegram.logger.metrics import RUN_SECONDS, RUNS
from stylegram.logger.repository import Reading, RunPost, RunRepository

_log = structlog.get_logger(__name__)


class RunLogger:
    """Handles events; see `Consumer`. Their order does not matter, nor how often each comes.

    Args:
        runs: where they are remembered.
        logs_csv: the file that follows them; None for none.
    """

    def __init__(self, runs: RunRepository, logs_csv: Path | None) -> None:
        self._runs = runs
        self._logs_csv = logs_csv

    def handle(self, message: Message, attempt: int) -> None:  # noqa: ARG002
        """Remember what the event says.

        Raises:
            Unavailable: the database did not answer.
        """
        match message:
            case JobCompleted(record=record) | JobFailed(record=RunRecord() as record):
                self._remember(record)
            case JobFailed():
                # Nothing was run, so there is nothing to learn; whoever asked for the job knows of its end.
                _log.warning("job_without_run", reason=message.reason, error_code=message.error_code)
                return
            case PostWaiting() | PostPublished() | PostFailed():
                self._runs.save_post(message.job_id, _post(message))
            case PostFeedback():
                self._runs.save_reading(message.job_id, message.post, _reading(message))
            case _:
                return
        self.write_csv()

    def write_csv(self) -> None:
        """Bring `logs.csv` up to date; should that fail, the next event tries again."""
        if self._logs_csv is None:
            return
        try:
            write_logs_csv(self._runs.rows(), self._logs_csv)
        except OSError as error:
            _log.error("logs_csv_not_written", path=str(self._logs_csv), reason=str(error))

    def _remember(self, record: RunRecord) -> None:
        if self._runs.save(record):
            RUNS.labels(outcome=record.outcome).inc()
            RUN_SECONDS.labels(outcome=record.outcome).observe(record.seconds)


def _post(message: PostWaiting | PostPublished | PostFailed) -> RunPost:
    tell = partial(RunPost, account=message.account, kind=message.kind, said_at=message.sent_at)
    match message:
        case PostWaiting():
            return tell("waiting", reason=message.reason)
        case PostPublished():
            return tell("published", media_id=message.media_id, url=message.url or None)
        case PostFailed():
            known = message.error_code != NEEDS_REVIEW
            return tell("failed" if known else "needs_review", reason=message.reason)


def _reading(message: PostFeedback) -> Reading:
    counts = {field.name: getattr(message, field.name) for field in fields(Feedback)}
    return Reading(message.kind, message.read_at, Feedback(**counts))
