"""What others hear of posts. The ledger is the outbox: a row that has news says so until they were told."""

from collections.abc import Collection

import structlog
from sqlalchemy import ColumnElement, select, update

from stylegram.common.database import transaction
from stylegram.common.errors import StylegramError
from stylegram.common.messages import PostFailed, PostPublished, PostWaiting
from stylegram.common.ports import Broker, Outlet
from stylegram.publisher.halts import Halts
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import PostRow, PostState
from stylegram.publisher.turns import Turns

_log = structlog.get_logger(__name__)
_BATCH = 100
_LOOKED_FOR = "It was handed over, and no answer told whether it is out; it is being looked for on the account."
_ENDS = (PostState.PUBLISHED, PostState.FAILED, PostState.NEEDS_REVIEW)


class News:
    """Tells of one account's posts, each change at least once.

    Args:
        ledger: whose news.
        turns: knows what a post waits for.
        halts: how the account stands.
        outlet: knows where a post is found.
        broker: carries the news.
    """

    def __init__(self, ledger: Ledger, turns: Turns, halts: Halts, outlet: Outlet, broker: Broker) -> None:
        self._ledger = ledger
        self._turns = turns
        self._halts = halts
        self._outlet = outlet
        self._broker = broker

    def tell(self, *, nothing_is_due: bool) -> int:
        """Tell what is new; returns of how many posts.

        Args:
            nothing_is_due: then a post that is prepared waits for something, of which is told too.

        Raises:
            StylegramError: the broker or the database did not answer; what was not told will be.
        """
        # Those first that have ended: of many that wait there may be nothing to say yet.
        rows = self._new(_ENDS) + self._new((PostState.COMMITTING,), PostRow.holder.is_(None))
        if nothing_is_due:
            rows += self._new((PostState.PREPARED,))
        prepared = [row for row in rows if row.state is PostState.PREPARED]
        whys = dict(zip((row.key for row in prepared), self._turns.why_they_wait(prepared), strict=True))
        told = 0
        for row in rows:
            message = self._message(row, whys.get(row.key))
            if message is None:
                continue
            self._broker.publish(message)
            with transaction(self._ledger.engine) as session:
                heard = update(PostRow).where(PostRow.key == row.key, PostRow.announced < row.sequence)
                session.execute(heard.values(announced=row.sequence))
            told += 1
            _log.info("post_told", post=row.key, kind=row.kind, state=row.state, url=row.url, reason=row.reason)
        return told

    def _new(self, states: Collection[PostState], *conditions: ColumnElement[bool]) -> list[PostRow]:
        """Posts in those states that have news, a batch of them."""
        new = (
            PostRow.account == self._outlet.account,
            PostRow.announced < PostRow.sequence,
            # By the other states: asked for these, SQLite would look through all posts that are so.
            PostRow.state.not_in(frozenset(PostState).difference(states)),
            *conditions,
        )
        with transaction(self._ledger.engine) as session:
            return list(session.scalars(select(PostRow).where(*new).order_by(PostRow.updated_at).limit(_BATCH)))

    def _message(self, row: PostRow, why: str | None) -> PostWaiting | PostPublished | PostFailed | None:
        job_id, account, post, kind = row.job_id, row.account, row.key, row.kind
        if row.state is PostState.PUBLISHED:
            url = row.url or self._address(row)
            return PostPublished(
                job_id=job_id, account=account, post=post, kind=kind, media_id=row.media_id or "", url=url
            )
        if row.state is PostState.PREPARED:
            # Of one whose turn is about to come there will be better news.
            return PostWaiting(job_id=job_id, account=account, post=post, kind=kind, reason=why) if why else None
        if row.state is PostState.COMMITTING:
            return PostWaiting(job_id=job_id, account=account, post=post, kind=kind, reason=_LOOKED_FOR)
        return PostFailed(
            job_id=job_id,
            account=account,
            post=post,
            kind=kind,
            reason=row.reason or "",
            error_code=row.error_code or StylegramError.code,
        )

    def _address(self, row: PostRow) -> str:
        """Asked for here, after the ledger knows that the post is out; without one the news goes out all the same."""
        if not self._halts.open or not row.media_id:
            return ""
        try:
            with self._halts.noted():
                url = self._outlet.permalink(row.media_id)
        except StylegramError as error:
            _log.warning("no_permalink", post=row.key, reason=str(error))
            return ""
        except Exception:
            _log.exception("permalink_defect", post=row.key)
            return ""
        self._ledger.note(row.key, url=url)
        return url or ""
