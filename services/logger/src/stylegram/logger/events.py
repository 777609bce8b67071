"""What the logger learns from what happens."""

from pathlib import Path

import structlog

from stylegram.common.messages import NEEDS_REVIEW, JobCompleted, JobFailed, Message, PostFailed, PostPublished
from stylegram.common.records import RunRecord
from stylegram.logger.logs_csv import write_logs_csv
from stylegram.logger.metrics import RUN_SECONDS, RUNS
from stylegram.logger.repository import RunPost, RunRepository

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
            case PostPublished():
                post = RunPost("published", message.account, media_id=message.media_id, url=message.url)
                self._runs.save_post(message.job_id, post)
            case PostFailed():
                known = message.error_code != NEEDS_REVIEW
                post = RunPost("failed" if known else "needs_review", message.account, reason=message.reason)
                self._runs.save_post(message.job_id, post)
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
