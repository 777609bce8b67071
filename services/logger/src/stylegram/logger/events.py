"""What the logger learns from what happens."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial

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
from stylegram.logger.metrics import RUN_ERROR, RUN_SCORE, RUN_SECONDS, RUNS
from stylegram.logger.repository import Reading, RunPost, RunRepository, Saving

_log = structlog.get_logger(__name__)


class RunLogger:
    """Handles events; see `BatchConsumer`. Their order does not matter, nor how often each comes.

    Args:
        runs: where they are remembered.
        tell: told of each run that a study asked for; the same one again changes nothing.
        changed: called after the record has changed.
    """

    def __init__(
        self,
        runs: RunRepository,
        tell: Callable[[RunRecord], None] = lambda _: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._runs = runs
        self._tell = tell
        self._changed = changed

    def handle_all(self, messages: Sequence[Message]) -> None:
        """Remember what the events say, of all of them or of none.

        What is remembered stays so where a study could then not be told.

        Raises:
            Unavailable: the database did not answer.
        """
        with self._runs.saving() as saving:
            news = [
                record
                for message in sorted(messages, key=lambda message: message.job_id)
                if (record := _save(saving, message))
            ]
        self._changed()
        for record in news:
            _count(record)
        # Said again, it may be the second time only that the study hears of it.
        for message in messages:
            if (record := _record(message)) and record.trial is not None:
                self._tell(record)


def _count(record: RunRecord) -> None:
    RUNS.labels(outcome=record.outcome).inc()
    RUN_SECONDS.labels(outcome=record.outcome).observe(record.seconds)
    if not record.metrics:
        return
    errors = {"content": record.metrics.relative_content_error, "style": record.metrics.relative_style_error}
    for of, error in errors.items():
        if error is not None:
            RUN_ERROR.labels(of=of).observe(error)
    if (score := record.metrics.score) is not None:
        RUN_SCORE.observe(score)


def _record(message: Message) -> RunRecord | None:
    match message:
        case JobCompleted(record=record) | JobFailed(record=record):
            return record
    return None


def _save(saving: Saving, message: Message) -> RunRecord | None:
    """Remember what an event says; the run whose outcome is news by it."""
    match message:
        case JobCompleted(record=record) | JobFailed(record=RunRecord() as record):
            return record if saving.run(record) else None
        case JobFailed():
            # Nothing was run, so there is nothing to learn; whoever asked for the job knows of its end.
            _log.warning("job_without_run", job_id=message.job_id, reason=message.reason, error_code=message.error_code)
        case PostWaiting() | PostPublished() | PostFailed():
            saving.post(message.job_id, _post(message))
        case PostFeedback():
            saving.reading(message.job_id, message.post, _reading(message))
    return None


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
