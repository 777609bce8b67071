"""From requests to rows: what is asked for is entered in the ledger, and waits there rather than in a queue."""

from collections.abc import Iterator, Sequence

import structlog

from stylegram.common.errors import InvalidMessage, Refused, StylegramError
from stylegram.common.messages import Message, PostFailed, PostKind, PostRequest
from stylegram.common.ports import Broker, Outlet
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.composer import Composer
from stylegram.publisher.grids import TILES
from stylegram.publisher.ledger import Ledger, NewPost, key_of

_log = structlog.get_logger(__name__)


class Intake:
    """Handles `PostRequest`s; see `Consumer`.

    Args:
        ledger: where posts are entered.
        accounts: how the account stands.
        outlet: where posts will go.
        composer: writes the words, so that a template that fails does so now.
        broker: hears of requests that come to nothing.
        kinds: what a picture is posted as where the request does not say.
        policy: what the account's posts keep to, as it is written down.
        approval: whether posts wait for a yes; None leaves that to the account.
    """

    def __init__(
        self,
        ledger: Ledger,
        accounts: Accounts,
        outlet: Outlet,
        composer: Composer,
        broker: Broker,
        *,
        kinds: Sequence[PostKind],
        policy: str,
        approval: bool | None,
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._outlet = outlet
        self._composer = composer
        self._broker = broker
        self._kinds = kinds
        self._policy = policy
        self._approval = approval

    def handle(self, message: Message, attempt: int) -> None:  # noqa: ARG002  (what a consumer's handler takes)
        """Enter the post, or posts; of one that is there already nothing changes, but it is told of again.

        Raises:
            InvalidMessage: not a `PostRequest`.
            Unavailable: the database did not answer.
        """
        if not isinstance(message, PostRequest):
            raise InvalidMessage(f"The publisher cannot use a message of type '{message.type}'.")
        name, approval = self._outlet.account, self._approval
        account = self._accounts.enter(name, approval=self._outlet.is_public if approval is None else approval)
        self._accounts.keep_policy(name, self._policy)
        # Of the account's habit and the setting the stricter counts.
        approved = not (account.approval or approval)
        for kind in _row_kinds(message.kinds or self._kinds):
            post = self._new(message, kind, approved=approved)
            key = self._ledger.enter(post)
            _log.info("post_entered", post=key, kind=kind, approved=post.approved)

    def give_up(self, message: Message, error: StylegramError) -> None:
        """Tell of a request that becomes a dead letter; see `on_dead` of `Consumer`."""
        if isinstance(message, PostRequest):
            self._broker.publish(
                PostFailed(
                    job_id=message.job_id, account=self._outlet.account, reason=str(error), error_code=error.code
                )
            )

    def _new(self, request: PostRequest, kind: str, *, approved: bool) -> NewPost:
        account = self._outlet.account
        caption = alt_text = failure = None
        try:
            # A tile is a photo, which every outlet takes.
            if kind in list(PostKind) and kind not in self._outlet.kinds:
                raise Refused(f"{account} takes no {kind}.", advice="Leave it out of STYLEGRAM_POST_KINDS.")
            words = self._composer.words(request, kind, key_of(account, request.artifact, kind))
            caption, alt_text = words.caption, words.alt_text
        except StylegramError as error:
            failure = error
        return NewPost(
            account=account,
            artifact=request.artifact,
            kind=kind,
            job_id=request.job_id,
            request=request.model_dump_json(),
            approved=approved,
            caption=caption,
            alt_text=alt_text,
            failure=failure,
        )


def _row_kinds(kinds: Sequence[PostKind]) -> Iterator[str]:
    for kind in dict.fromkeys(kinds):
        yield from TILES if kind is PostKind.GRID else (kind,)
