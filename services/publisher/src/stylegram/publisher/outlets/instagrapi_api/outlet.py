"""The outlet port on an Instagram account, by way of the private API that the app uses."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
from instagrapi import Client
from pydantic import SecretStr

from stylegram.common.errors import LoginNeeded, NotFound, OutcomeUnknown, Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, Post, PublishedPost, SoughtPost
from stylegram.publisher.outlets.instagrapi_api import reading, session
from stylegram.publisher.outlets.instagrapi_api.client import checked_proxy, open_client
from stylegram.publisher.outlets.instagrapi_api.configuring import KINDS, Answer, configure
from stylegram.publisher.outlets.instagrapi_api.transport import Carrier, Transport
from stylegram.publisher.outlets.instagrapi_api.troubles import Doing, StillTranscoding, translated
from stylegram.publisher.outlets.instagrapi_api.uploads import Uploaded, handle_of, of_handle, upload

log = structlog.get_logger()

# Instagram looks at a film before it can be published.
_TRANSCODING_SECONDS = 10.0
_TRANSCODING_ROUNDS = 12
# Clocks differ.
_EARLIER = timedelta(minutes=10)


class InstagrapiOutlet:
    """The outlet port on an account. It never logs in: it goes by the session file, and looks at it before each use.

    Args:
        username: the account's.
        session_file: what `stylegram auth instagram` left; it need not be there yet. Kept up to date.
        proxy: through which Instagram is reached.
        pause_seconds: before each call.
        transport: see `Carrier`.
        endpoint: where Instagram answers, if not at its own addresses.
        sleep: waits for so many seconds, while a film is looked at.

    Raises:
        ConfigurationError: the proxy is none.
    """

    kinds = KINDS
    is_public = True
    # Lists are late, and a story has no text by which it could be told from others for sure.
    find_is_certain = False

    def __init__(
        self,
        username: str,
        *,
        session_file: Path,
        proxy: SecretStr | None = None,
        pause_seconds: float = 1.0,
        transport: Carrier = "curl",
        endpoint: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.account = f"instagrapi://{username.lower()}"
        self._username = username
        self._file = session_file
        self._pause_seconds = pause_seconds
        self._transport = Transport(transport, endpoint=endpoint, proxy=checked_proxy(proxy))
        self._sleep = sleep
        self._client: Client | None = None
        self._kept: session.Session = {}
        self._login = ""
        self._has_insights = False
        self._is_writable = True

    @property
    def login(self) -> str:
        """See `Outlet.login`; empty where there is none."""
        try:
            return session.digest(session.read(self._file))
        except (OSError, ValueError):
            return ""

    def upload(self, post: Post) -> str:
        """See `Outlet.upload`."""
        with self._asking(Doing.UPLOAD) as client:
            uploaded = upload(client, post)
        if post.kind is PostKind.REEL:
            # It is not ready any sooner, and here nothing hangs on it yet.
            self._sleep(_TRANSCODING_SECONDS)
        return handle_of(uploaded)

    def commit(self, post: Post, upload: str) -> PublishedPost:
        """See `Outlet.commit`."""
        uploaded = of_handle(upload)
        for _ in range(_TRANSCODING_ROUNDS):
            try:
                return self._commit(post, uploaded)
            except StillTranscoding:
                self._sleep(_TRANSCODING_SECONDS)
        return self._commit(post, uploaded)

    def find(self, sought: SoughtPost) -> PublishedPost | None:
        """See `Outlet.find`."""
        try:
            uploads = {uploaded.id for uploaded in of_handle(sought.upload)}
        except Unavailable:
            # The marker is left.
            uploads = set()
        with self._asking(Doing.READ) as client:
            item = reading.find(client, sought, uploads, since=sought.since - _EARLIER)
            return self._published(item) if item else None

    def permalink(self, media_id: str) -> str | None:
        """See `Outlet.permalink`."""
        try:
            with self._asking(Doing.LOOK_UP) as client:
                return reading.address(reading.item(client, media_id), self._username)
        except NotFound:
            return None

    def feedback(self, media_id: str, kind: PostKind) -> Feedback:
        """See `Outlet.feedback`."""
        with self._asking(Doing.LOOK_UP) as client:
            seen = reading.counts(reading.item(client, media_id))
        if not self._has_insights or kind is PostKind.STORY:
            return seen
        told = self._insights(media_id)
        return replace(seen, reach=told.reach, saves=told.saves)

    def remaining(self) -> int | None:
        """See `Outlet.remaining`: Instagram does not say."""
        return None

    def _insights(self, media_id: str) -> Feedback:
        try:
            with self._asking(Doing.READ) as client:
                return reading.insights(client, media_id)
        except Unavailable:
            # The rest is worth having without.
            return Feedback()

    def _commit(self, post: Post, uploaded: tuple[Uploaded, ...]) -> PublishedPost:
        with self._asking(Doing.COMMIT) as client:
            answer: Answer = configure(client, post, uploaded)
            media = answer.get("media")
            if not isinstance(media, dict) or not media.get("pk"):
                raise OutcomeUnknown(
                    f"Instagram took the post of @{self._username}, and did not say what became of it."
                )
            return self._published(media)

    def _published(self, item: reading.Item) -> PublishedPost:
        return PublishedPost(str(item["pk"]), reading.address(item, self._username))

    @contextmanager
    def _asking(self, doing: Doing) -> Iterator[Client]:
        """The client, and our errors in place of its own; what it learned meanwhile is kept."""
        client = self._opened()
        try:
            with translated(doing, self._transport, self._username):
                yield client
                self._keep(client)
        except LoginNeeded:
            # With it Instagram may have taken its cookies back, which the file still has, should a person insist.
            self._client = None
            raise

    def _opened(self) -> Client:
        """The client with the login that is in the file now, which is looked at where it is a new one."""
        found = self._read()
        if self._client and session.digest(found) == self._login:
            return self._client
        client = open_client(found, self._transport, pause_seconds=self._pause_seconds)
        with translated(Doing.READ, self._transport, self._username):
            user = reading.current_user(client)
            name = str(user["username"])
        if name.lower() != self._username.lower():
            raise LoginNeeded(
                f"The login in '{self._file}' is of @{name}, and not of @{self._username}.", advice=self._advice()
            )
        self._has_insights = reading.has_insights(user)
        self._client, self._kept, self._login = client, found, session.digest(found)
        self._keep(client)
        return client

    def _read(self) -> session.Session:
        try:
            found = session.read(self._file)
        except OSError as error:
            raise LoginNeeded(
                f"There is no login of @{self._username}: '{self._file}' cannot be read: {error.strerror}.",
                advice=self._advice(),
            ) from None
        except ValueError:
            raise LoginNeeded(f"'{self._file}' is no session file.", advice=self._advice()) from None
        if not session.digest(found):
            raise LoginNeeded(f"Nobody is logged in in '{self._file}'.", advice=self._advice())
        return found

    def _keep(self, client: Client) -> None:
        now = session.essence(client.get_settings())
        if now == self._kept:
            return
        try:
            # Somebody may have logged in again meanwhile.
            if self.login == self._login:
                session.write(self._file, now)
                self._login = session.digest(now)
        except OSError as error:
            if self._is_writable:
                log.warning("instagram_session_not_kept", file=str(self._file), reason=error.strerror)
            self._is_writable = False
        self._kept = now

    def _advice(self) -> str:
        return f"Log in: stylegram auth instagram --username {self._username}."
