"""Publishing a picture once and only once, whatever crashes in between.

The one dangerous moment is the commit: a process that dies in it does not know whether the post is out. So the
ledger says `committing` before the outlet is asked to commit, and who finds a post in that state asks the outlet
instead of committing again.
"""

import threading
from typing import Unpack

import structlog

from stylegram.common.errors import Interrupted, InvalidInput, InvalidMessage, StylegramError, Unavailable
from stylegram.common.messages import NEEDS_REVIEW, Message, PostFailed, PostPublished, PostRequest
from stylegram.common.ports import Broker, Outlet, Post, PublishedPost, Storage
from stylegram.publisher.captions import Captions
from stylegram.publisher.ledger import Facts, Hold, Ledger
from stylegram.publisher.metrics import POSTS
from stylegram.publisher.renditions import Fit, PostFormat, render
from stylegram.publisher.tables import PostRow, PostState

_log = structlog.get_logger(__name__)

KIND = "photo"
"""What is posted of an artifact; the same picture in another size is no other post."""
# How often somebody else's hold is looked at again.
_POLL = 0.1


class Publisher:
    """Handles `PostRequest`s; see `Consumer`.

    Args:
        outlet: where posts go.
        storage: where the pictures are.
        broker: where the outcome is announced.
        ledger: what became of each post.
        captions: writes the text.
        post_format: the size of the picture.
        fit: how the picture is brought to that size.
        quality: of the JPEG, 92 to 95.
        stop: ends the waiting for a post that another publisher holds.
    """

    def __init__(
        self,
        *,
        outlet: Outlet,
        storage: Storage,
        broker: Broker,
        ledger: Ledger,
        captions: Captions,
        post_format: PostFormat,
        fit: Fit,
        quality: int,
        stop: threading.Event,
    ) -> None:
        self._outlet = outlet
        self._storage = storage
        self._broker = broker
        self._ledger = ledger
        self._captions = captions
        self._post_format = post_format
        self._fit = fit
        self._quality = quality
        self._stop = stop

    def handle(self, message: Message, attempt: int) -> None:  # noqa: ARG002
        """Bring the post to an end and announce it; one that is out already is only announced again.

        Raises:
            InvalidMessage: not a `PostRequest`.
            StylegramError: a retryable one; nothing is lost, and the next attempt goes on from here.
        """
        if not isinstance(message, PostRequest):
            raise InvalidMessage(f"The publisher cannot use a message of type '{message.type}'.")
        key = self._key(message)
        if hold := self._take(key):
            try:
                self._work(hold, message)
            except StylegramError as error:
                if error.retryable:
                    self._ledger.release(hold)
                    raise
                self._move(hold, PostState.FAILED, reason=str(error), error_code=error.code)
            except Exception:
                self._ledger.release(hold)
                raise
        self._announce(self._ledger.get(key))

    def give_up(self, message: Message, error: StylegramError) -> None:
        """Settle a request that becomes a dead letter; see `on_dead` of `Consumer`."""
        if not isinstance(message, PostRequest):
            return
        key = self._key(message)
        if hold := self._take(key):
            if self._ledger.get(key).state in (PostState.COMMITTING, PostState.NEEDS_REVIEW):
                self._review(hold, str(error))
            else:
                self._move(hold, PostState.FAILED, reason=str(error), error_code=error.code)
        self._announce(self._ledger.get(key))

    def settle(self, key: str, url: str | None) -> None:
        """Write down what a person found out about a post that needs review.

        Args:
            key: the post, as the reason for the review names it.
            url: where the post is; None if it is not out, so that it has failed.

        Raises:
            NotFound: no such post.
            InvalidInput: the post needs no review.
        """
        row = self._ledger.get(key)
        if row.state is not PostState.NEEDS_REVIEW:
            raise InvalidInput(f"Post '{key}' needs no review: it is {row.state}.")
        if url is None:
            self._ledger.move(key, PostState.FAILED, by=None, reason="Reviewed: not out.", error_code="not-published")
        else:
            self._published(key, PublishedPost(media_id=url, url=url))
        self._announce(self._ledger.get(key))

    def _key(self, request: PostRequest) -> str:
        return self._ledger.enter(self._outlet.account, request.artifact, KIND, request.job_id)

    def _take(self, key: str) -> Hold | None:
        """A hold on the post, or None once it is published, by whomever."""
        while self._ledger.get(key).state is not PostState.PUBLISHED:
            if hold := self._ledger.hold(key):
                return hold
            if self._stop.wait(_POLL):
                raise Interrupted(f"Stopped while another publisher held post '{key}'.")
        return None

    def _work(self, hold: Hold, request: PostRequest) -> None:
        state = self._ledger.get(hold.key).state
        if state in (PostState.COMMITTING, PostState.NEEDS_REVIEW) and not self._surely_not_out(hold):
            return
        post = self._compose(hold.key, request)
        self._move(hold, PostState.UPLOADING, caption=post.caption, reason=None, error_code=None)
        upload = self._outlet.upload(post)
        self._move(hold, PostState.COMMITTING, upload=upload)
        self._published(hold.key, self._outlet.commit(post, upload))

    def _surely_not_out(self, hold: Hold) -> bool:
        doubt = f"{self._outlet.account} does not show it"
        try:
            found = self._outlet.find(hold.key)
        except StylegramError as error:
            if error.retryable:
                raise
            found, certain, doubt = None, False, f"{self._outlet.account} cannot be asked: {error}"
        else:
            certain = self._outlet.find_is_certain
        if found:
            self._published(hold.key, found)
        elif not certain:
            self._review(hold, doubt)
        return certain and not found

    def _compose(self, key: str, request: PostRequest) -> Post:
        picture = self._storage.read(request.artifact)
        return Post(
            key=key,
            image=render(picture, self._post_format, self._fit, quality=self._quality),
            caption=self._captions.write(request.content_name, request.style_name, request.hyperparameters),
            record=self._storage.read(request.record),
        )

    def _review(self, hold: Hold, doubt: str) -> None:
        reason = (
            f"Whether post '{hold.key}' is out is unknown: its publication was interrupted, and {doubt.rstrip('.')}."
            " Look for the picture on the account, then settle it:"
            f" python -m stylegram.publisher settle {hold.key} --published URL, or --not-published, after which it"
            " counts as failed."
        )
        self._move(hold, PostState.NEEDS_REVIEW, reason=reason, error_code=NEEDS_REVIEW)

    def _published(self, key: str, published: PublishedPost) -> None:
        # Without the hold: should it have run out meanwhile, then the post is out nevertheless.
        if self._ledger.move(
            key,
            PostState.PUBLISHED,
            by=None,
            media_id=published.media_id,
            url=published.url,
            reason=None,
            error_code=None,
        ):
            POSTS.labels(outcome=PostState.PUBLISHED).inc()

    def _move(self, hold: Hold, state: PostState, **facts: Unpack[Facts]) -> None:
        if not self._ledger.move(hold.key, state, by=hold, **facts):
            raise Unavailable(f"Another publisher took over post '{hold.key}'.")
        if state in (PostState.FAILED, PostState.NEEDS_REVIEW):
            POSTS.labels(outcome=state).inc()

    def _announce(self, row: PostRow) -> None:
        _log.info("post_settled", post=row.key, state=row.state, url=row.url, reason=row.reason)
        outcome: PostPublished | PostFailed
        if row.state is PostState.PUBLISHED:
            outcome = PostPublished(
                job_id=row.job_id, account=row.account, media_id=row.media_id or "", url=row.url or ""
            )
        else:
            outcome = PostFailed(
                job_id=row.job_id, account=row.account, reason=row.reason or "", error_code=row.error_code or ""
            )
        self._broker.publish(outcome)
