"""How posts are taken: read back on a slow schedule, and told to whoever keeps the runs' record."""

from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, StylegramError, Unavailable
from stylegram.common.messages import PostFeedback
from stylegram.common.ports import Broker, Feedback, Outlet
from stylegram.publisher.composer import kind_of
from stylegram.publisher.halts import HALTING, Halts
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import FeedbackRow, PostRow, PostState

_log = structlog.get_logger(__name__)

AGES = (
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
    timedelta(days=30),
)
"""How old a post is when it is asked after: most of what becomes of it does so within days."""
_LATER = timedelta(hours=1)


class Reception:
    """Reads back how one account's posts are taken.

    Args:
        ledger: where the readings are kept.
        halts: how the account stands.
        outlet: the account.
        broker: carries them to the record.
        pause: at least so long between two questions.
    """

    def __init__(
        self, ledger: Ledger, halts: Halts, outlet: Outlet, broker: Broker, *, pause: timedelta = timedelta(minutes=1)
    ) -> None:
        self._ledger = ledger
        self._halts = halts
        self._outlet = outlet
        self._broker = broker
        self._pause = pause
        self._next_question = utcnow()

    def step(self) -> bool:
        """Ask after one post; False if none is due.

        Raises:
            Unavailable: the database or the broker did not answer.
        """
        if utcnow() < self._next_question or not self._halts.open or (row := self._due()) is None:
            return False
        self._next_question = utcnow() + self._pause
        try:
            with self._halts.noted():
                feedback = self._outlet.feedback(row.media_id or "", kind_of(row.kind))
        except NotFound:
            _log.info("post_is_gone", post=row.key)
            self._ledger.note(row.key, feedback_due_at=None)
        except (Unavailable, *HALTING) as error:
            _log.warning("no_feedback", post=row.key, reason=str(error))
            # Not at once, or an account that is stopped by the question would be so again as soon as it is resumed.
            self._ledger.note(row.key, feedback_due_at=_next_due(row, later=_LATER))
        except StylegramError as error:
            _log.warning("no_feedback", post=row.key, reason=str(error))
            self._ledger.note(row.key, feedback_due_at=_next_due(row))
        except Exception:
            _log.exception("feedback_defect", post=row.key)
            self._ledger.note(row.key, feedback_due_at=_next_due(row))
        else:
            self._keep(row, feedback)
        return True

    def _due(self) -> PostRow | None:
        due = (
            PostRow.account == self._outlet.account,
            PostRow.state == PostState.PUBLISHED,
            PostRow.feedback_due_at <= utcnow(),
        )
        with transaction(self._ledger.engine) as session:
            return session.scalar(select(PostRow).where(*due).order_by(PostRow.feedback_due_at).limit(1))

    def _keep(self, row: PostRow, feedback: Feedback) -> None:
        now = utcnow()
        counts = asdict(feedback)
        # Told before it is kept: told twice does no harm, and not at all would be a loss.
        self._broker.publish(
            PostFeedback(job_id=row.job_id, account=row.account, post=row.key, kind=row.kind, read_at=now, **counts)
        )
        with transaction(self._ledger.engine) as session:
            session.add(FeedbackRow(post=row.key, read_at=now, **counts))
        # One whose address could not be had is told of once more, with it.
        self._ledger.note(row.key, news=row.url is None, feedback_due_at=_next_due(row))


def _next_due(row: PostRow, *, later: timedelta | None = None) -> datetime | None:
    """When the post reaches the next age; None after the last."""
    now, born = utcnow(), row.published_at or row.updated_at
    due = next((born + age for age in AGES if born + age > now), None)
    return min(due, now + later) if due and later else due
