"""The outlet port on Instagram's official Graph API, for professional accounts."""

import hashlib
import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from pydantic import SecretStr

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    OutcomeUnknown,
    StylegramError,
    Unavailable,
)
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, Post, PublishedPost, SoughtPost, Storage
from stylegram.publisher.outlets.graph_api import insights
from stylegram.publisher.outlets.graph_api.api import TIMEOUT, GraphApi
from stylegram.publisher.outlets.graph_api.containers import PUBLISHED, Containers
from stylegram.publisher.outlets.graph_api.lookup import Lookup
from stylegram.publisher.outlets.graph_api.troubles import NoAnswer, Refusal, Step, Trouble, explained

# In that time a post that is out comes into the account's lists, or somebody has taken it away.
_DAY = timedelta(days=1)


class GraphOutlet:
    """An account on Instagram, through the API that Instagram has for this.

    Args:
        user_id: the account's number to the API, which is not its name.
        token: a long-lived access token.
        endpoint: where the API answers, as in https://graph.facebook.com.
        version: of the API, as in v23.0.
        storage: that gives signed addresses, at which Instagram fetches the media.
        pause_seconds: before a container is asked for again; it doubles each time.
        patience_seconds: until an upload is given up; less than a post is held, which is ten minutes.
        timeout: seconds to connect, and between two bytes.

    Raises:
        ConfigurationError: no account's number, no token, or a storage that gives no addresses.
    """

    kinds: Collection[PostKind] = tuple(PostKind)
    is_public = True
    # Lists lag behind, and a container that is not published now may be a moment later.
    find_is_certain = False

    def __init__(
        self,
        user_id: str,
        *,
        token: SecretStr,
        endpoint: str,
        version: str,
        storage: Storage,
        pause_seconds: float = 2.0,
        patience_seconds: float = 480.0,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        if not (user_id.isascii() and user_id.isdecimal()):
            raise ConfigurationError(
                f"{user_id[:80]!r} is no account's number.",
                advice="STYLEGRAM_PUBLISH_URL takes graph://17841400000000000, the number that"
                " GET /me/accounts?fields=instagram_business_account tells.",
            )
        self.account = f"graph://{user_id}"
        self._user_id = user_id
        self._login = hashlib.sha256(token.get_secret_value().encode()).hexdigest()
        self._api = GraphApi(endpoint, version, token, timeout=timeout)
        self._lookup = Lookup(self._api, user_id)
        self._containers = Containers(
            self._api, user_id, storage, pause_seconds=pause_seconds, patience_seconds=patience_seconds
        )
        self._pause = pause_seconds
        self._withheld: AccountStopped | CoolDown | None = None

    @property
    def login(self) -> str:
        """See `Outlet.login`."""
        return self._login

    def upload(self, post: Post) -> str:
        """See `Outlet.upload`."""
        with self._asking(Step.UPLOAD):
            return json.dumps({"container": self._containers.make(post)})

    def commit(self, post: Post, upload: str) -> PublishedPost:  # noqa: ARG002  # the container has it all
        """See `Outlet.commit`."""
        container = _container(upload)
        self._tell_withheld()
        try:
            answer = self._api.post(f"{self._user_id}/media_publish", creation_id=container)
            if not (media_id := str(answer.get("id", ""))).isdecimal():
                raise NoAnswer("a post without a number")
        except Trouble as trouble:
            raise self._doubted(explained(trouble, Step.COMMIT), container) from None
        return PublishedPost(media_id, url=None)

    def find(self, sought: SoughtPost) -> PublishedPost | None:
        """See `Outlet.find`.

        A container that says of itself that it is published is out surely. While the post is not to be seen, which a
        story is for a day only, that is Unavailable, to be asked again; after a day, somebody has to look.
        """
        with self._asking(Step.READ):
            is_out = self._state(_container(sought.upload)) == PUBLISHED
            if sought.kind is not PostKind.STORY:
                found = self._lookup.by_marker(sought.marker, sought.since)
            elif is_out:
                stories = self._lookup.stories(sought.since)
                if len(stories) > 1:
                    return None
                found = stories[0] if stories else None
            else:
                return None
        if found is None and is_out and utcnow() - sought.since < _DAY:
            raise Unavailable("A post is out, and Instagram does not list it yet.")
        return found

    def permalink(self, media_id: str) -> str | None:
        """See `Outlet.permalink`."""
        with self._asking(Step.READ):
            try:
                answer = self._api.get(media_id, fields="permalink")
            except Refusal as refusal:
                if refusal.is_of_nothing:
                    return None
                raise
        return answer.get("permalink")

    def feedback(self, media_id: str, kind: PostKind) -> Feedback:
        """See `Outlet.feedback`."""
        with self._asking(Step.READ):
            return insights.feedback(self._api, media_id, kind)

    def remaining(self) -> int | None:
        """See `Outlet.remaining`; the quota is Instagram's own count
        (https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/content_publishing_limit).
        """
        with self._asking(Step.READ):
            answer = self._api.get(f"{self._user_id}/content_publishing_limit", fields="config,quota_usage")
        match answer:
            case {"data": [{"config": {"quota_total": int(total)}, "quota_usage": int(used)}, *_]}:
                return max(0, total - used)
        return None

    @contextmanager
    def _asking(self, step: Step) -> Iterator[None]:
        self._tell_withheld()
        try:
            yield
        except Trouble as trouble:
            raise explained(trouble, step) from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if step is not Step.READ:
                raise
            raise Unavailable(f"Instagram's answer is of another form than it was: {type(error).__name__}.") from None

    def _tell_withheld(self) -> None:
        if withheld := self._withheld:
            self._withheld = None
            raise withheld

    def _state(self, container: str) -> str:
        if not container:
            return ""
        try:
            return self._containers.state(container).code
        except Refusal as refusal:
            if refusal.is_of_nothing:
                return ""
            raise

    def _doubted(self, error: StylegramError, container: str) -> StylegramError:
        """The error, or OutcomeUnknown if its word cannot be taken that the post is not out: ask the container itself.

        Posts were published whose publisher had been told that the account is restricted, as an application that calls
        too often, and once more when somebody believed it (https://github.com/gitroomhq/postiz-app/pull/1681). The next
        call tells of such a restriction.
        """
        if isinstance(error, OutcomeUnknown):
            return error
        time.sleep(self._pause)
        try:
            state = self._state(container)
        except Trouble:
            state = ""
        if state != PUBLISHED and (state or not isinstance(error, AccountStopped)):
            return error
        # What is wrong with the token or a right the next call is told anyway.
        self._withheld = error if isinstance(error, AccountStopped | CoolDown) else None
        return OutcomeUnknown(f"A post is out, or may be, although an error came: {error.message}")


def _container(upload: str) -> str:
    """The container's number in what `upload` returned; empty where an older version left something else."""
    try:
        return str(json.loads(upload)["container"])
    except (ValueError, LookupError, TypeError):
        return ""
