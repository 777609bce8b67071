"""Publishing a picture once and only once, whatever crashes in between.

The one dangerous moment is the commit: a process that dies in it does not know whether the post is out. So the ledger
says `committing` before the outlet is asked to commit, and who finds a post in that state asks the account instead of
committing again.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack

import structlog

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    CoolDown,
    Interrupted,
    LoginNeeded,
    OutcomeUnknown,
    StylegramError,
    Unavailable,
)
from stylegram.common.messages import NEEDS_REVIEW
from stylegram.common.ports import Outlet, Post, PublishedPost, SoughtPost
from stylegram.publisher.composer import Composer, kind_of
from stylegram.publisher.halts import HALTING, Halts
from stylegram.publisher.ledger import AT_WORK, Facts, Hold, Ledger, marker_of
from stylegram.publisher.metrics import POSTS
from stylegram.publisher.policy import Policy
from stylegram.publisher.tables import PostRow, PostState
from stylegram.publisher.turns import Turns

_log = structlog.get_logger(__name__)

SIGHTINGS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
"""Pauses before an account is asked whether a post is out: a profile may show it only after a while."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)
_FULL_PAUSE = timedelta(hours=1)
_FIRST_FEEDBACK = timedelta(hours=1)


@dataclass(frozen=True)
class Pace:
    """How soon things are tried again.

    Args:
        sightings: pauses before the account is asked whether a post of which nobody knows is out, one after another.
        first_pause: before a first attempt that came to nothing is repeated; doubled each time.
    """

    sightings: Sequence[timedelta] = SIGHTINGS
    first_pause: timedelta = _FIRST_PAUSE


class Dispatcher:
    """Brings an account's posts out, one after another.

    Args:
        ledger: what became of each post.
        turns: which is next.
        halts: how the account stands.
        outlet: where posts go.
        composer: makes them.
        policy: says how long the next one waits, and whether posts are only rehearsed.
        pace: how soon things are tried again.
        chance: a number in 0 … 1 each time, for the pauses between posts.
    """

    def __init__(
        self,
        ledger: Ledger,
        turns: Turns,
        halts: Halts,
        outlet: Outlet,
        composer: Composer,
        policy: Policy,
        *,
        pace: Pace | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._turns = turns
        self._halts = halts
        self._outlet = outlet
        self._composer = composer
        self._policy = policy
        self._pace = pace or Pace()
        self._chance = chance
        # What the account has said and the database has not heard yet.
        self._out: dict[str, PublishedPost] = {}

    def step(self) -> bool:
        """Do what is to be done for one post; False if there is nothing.

        Raises:
            Unavailable: the database did not answer.
        """
        for key, published in list(self._out.items()):
            self._published(key, published)
        is_open = self._halts.open
        if left := self._turns.left(AT_WORK if is_open else (PostState.UPLOADING,)):
            hold, row = left
            if row.state is PostState.COMMITTING:
                self._look_for(hold, row)
            else:
                # Nothing was shown to anybody. Others go first: it may be what ended the process.
                self._put_back(hold, row, Interrupted("It was interrupted before it was handed over."))
            return True
        if not is_open or not (due := self._turns.due()):
            return False
        hold, row = due
        if post := self._compose(hold, row):
            self._bring_out(hold, row, post)
        return True

    def _compose(self, hold: Hold, row: PostRow) -> Post | None:
        try:
            post = self._composer.post(row)
        except StylegramError as error:
            self._put_back(hold, row, error)
        except Exception as error:
            self._fail_for_defect(hold, row, error)
        else:
            if not self._policy.dry_run:
                return post
            self._ledger.release(hold, news=True, rehearsed_at=utcnow(), caption=post.caption)
            _log.info("rehearsed", post=row.key, kind=row.kind, media=len(post.media))
        return None

    def _bring_out(self, hold: Hold, row: PostRow, post: Post) -> None:
        try:
            with self._halts.noted():
                self._check_quota()
                self._move(hold, PostState.UPLOADING, caption=post.caption, alt_text=post.media[0].alt_text)
                upload = self._outlet.upload(post)
            now = utcnow()
            self._move(hold, PostState.COMMITTING, upload=upload, committing_at=now, asked=0)
            if utcnow() - now >= self._ledger.hold_for:
                # As a machine does that sleeps: others may have had the post meanwhile.
                raise Unavailable("The process stood still before the post was handed over.")
            with self._halts.noted():
                published = self._commit(post, upload)
        except OutcomeUnknown as error:
            _log.warning("outcome_unknown", post=row.key, reason=str(error))
            # It may take minutes to find out, and somebody may wait for a word.
            soon = utcnow() + self._pace.sightings[0]
            self._ledger.release(hold, news=True, reason=str(error), not_before=soon)
        except HALTING as error:
            # No attempt at this post: it waits until the account is open again.
            self._ledger.move(hold, PostState.PREPARED, reason=str(error), error_code=error.code)
        except StylegramError as error:
            self._put_back(hold, row, error)
        except Exception as error:
            self._fail_for_defect(hold, row, error)
        else:
            self._published(row.key, published)

    def _commit(self, post: Post, upload: str) -> PublishedPost:
        try:
            return self._outlet.commit(post, upload)
        except StylegramError:
            raise
        except Exception as error:
            # A defect here may be one in reading the answer that the post is out.
            _log.exception("commit_defect", post=post.key)
            raise OutcomeUnknown(f"The answer could not be understood: {type(error).__name__}.") from error

    def _check_quota(self) -> None:
        if self._outlet.remaining() == 0:
            raise CoolDown("The account takes no more posts today.", until=utcnow() + _FULL_PAUSE)

    def _put_back(self, hold: Hold, row: PostRow, error: StylegramError) -> None:
        """After an error with which the post is surely not out: it waits for another attempt, or has failed."""
        why: Facts = {"reason": str(error), "error_code": error.code}
        if error.retryable:
            pause = min(self._pace.first_pause * 2 ** min(row.attempts, 20), _LONGEST_PAUSE)
            why |= {"attempts": row.attempts + 1, "not_before": utcnow() + pause}
            _log.warning("post_put_back", post=row.key, attempts=row.attempts + 1, reason=str(error))
            self._ledger.move(hold, PostState.PREPARED, **why)
        elif self._ledger.move(hold, PostState.FAILED, **why):
            POSTS.labels(outcome=PostState.FAILED).inc()

    def _fail_for_defect(self, hold: Hold, row: PostRow, error: Exception) -> None:
        """After an error that is not one of ours: trying again would only repeat it."""
        _log.exception("post_defect", post=row.key)
        # Its words are anybody's, and may have an address or a token in them.
        self._put_back(hold, row, StylegramError(f"A defect: {type(error).__name__}.", advice="The log has more."))

    def _look_for(self, hold: Hold, row: PostRow) -> None:
        """Find out whether a post is out that was being committed when all trace of it was lost."""
        try:
            with self._halts.noted():
                found = self._outlet.find(_sought(row))
        except (Unavailable, AccountStopped, CoolDown, LoginNeeded) as error:
            self._ledger.release(hold, not_before=utcnow() + self._pace.sightings[-1], reason=str(error))
            return
        except StylegramError as error:
            self._review(hold, row, f"{self._outlet.account} cannot be asked: {error}")
            return
        except Exception as error:
            _log.exception("find_defect", post=row.key)
            self._review(hold, row, f"{self._outlet.account} cannot be asked: {type(error).__name__}.")
            return
        asked = row.asked + 1
        if found:
            self._published(row.key, found)
        elif self._outlet.find_is_certain:
            self._put_back(hold, row, Interrupted("It was interrupted, and is surely not out."))
        elif asked < len(self._pace.sightings):
            self._ledger.release(hold, asked=asked, not_before=utcnow() + self._pace.sightings[asked])
        else:
            self._review(hold, row, f"{self._outlet.account} does not show it")

    def _review(self, hold: Hold, row: PostRow, doubt: str) -> None:
        reason = (
            f"Whether post {row.key} is out is unknown: it was handed over at {_minute(row.committing_at)}, no answer"
            f" told of its fate, and {doubt.rstrip('.')}. Look for a {kind_of(row.kind)} of that time on the account,"
            f" with {marker_of(row.key)} at the end of its caption; then: `posts resolve {row.key}"
            " --published URL`, or `--not-published`, after which `posts retry` posts it."
        )
        if self._ledger.move(hold, PostState.NEEDS_REVIEW, reason=reason, error_code=NEEDS_REVIEW):
            POSTS.labels(outcome=PostState.NEEDS_REVIEW).inc()

    def _published(self, key: str, published: PublishedPost) -> None:
        now = utcnow()
        self._out[key] = published
        if self._ledger.publish(
            key,
            next_post_at=self._policy.next_after(now, self._chance()),
            media_id=published.media_id,
            url=published.url,
            feedback_due_at=now + _FIRST_FEEDBACK,
        ):
            POSTS.labels(outcome=PostState.PUBLISHED).inc()
        del self._out[key]

    def _move(self, hold: Hold, state: PostState, **facts: Unpack[Facts]) -> None:
        if not self._ledger.move(hold, state, **facts):
            raise Unavailable(f"Another publisher took over post {hold.key}.")


def _sought(row: PostRow) -> SoughtPost:
    return SoughtPost(
        key=row.key,
        kind=kind_of(row.kind),
        marker=marker_of(row.key),
        upload=row.upload or "",
        since=row.committing_at or row.updated_at,
    )


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "an unknown time"
