"""What a post is before it is out: media in the bucket, and the containers that Instagram makes of them.

Instagram takes no bytes; it fetches them from an address, once the container is asked for. What it fetched is then
looked at in its own time, and a container lasts for a day:
https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

import hashlib
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from stylegram.common.errors import AlreadyExists, ConfigurationError, Refused, Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Medium, Post, Storage
from stylegram.publisher.outlets.graph_api.api import GraphApi
from stylegram.publisher.outlets.graph_api.troubles import NoAnswer, NotSent, Refusal, Remedy, entry_of, of_subcode

ERROR, EXPIRED, FINISHED, PUBLISHED = "ERROR", "EXPIRED", "FINISHED", "PUBLISHED"
"""What becomes of a container that is IN_PROGRESS:
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container"""
# As long as a container lasts, in which Instagram may fetch the media.
_DAY = 86_400
_LONGEST_PAUSE = 60.0
_CAROUSEL = range(2, 11)
_SUBCODE = re.compile(r"\b2207\d{3}\b")
_SUFFIXES = {"image/jpeg": "jpg", "video/mp4": "mp4"}


@dataclass(frozen=True)
class ContainerState:
    """How far a container is.

    Args:
        code: one of the API's words.
        reason: why it is an ERROR, in the API's words, cleaned.
    """

    code: str
    reason: str


class Containers:
    """The containers of an account.

    Args:
        api: the way there.
        user_id: the account's number.
        storage: where Instagram finds the media.
        pause_seconds: before a container is asked for again; it doubles each time.
        patience_seconds: until a post's containers are given up.

    Raises:
        ConfigurationError: the storage gives no addresses.
    """

    def __init__(
        self, api: GraphApi, user_id: str, storage: Storage, *, pause_seconds: float, patience_seconds: float
    ) -> None:
        self._api = api
        self._user_id = user_id
        self._storage = storage
        self._pause = pause_seconds
        self._patience = patience_seconds
        # Whoever signs may be away just now; whether there is anybody does not change.
        with suppress(Unavailable):
            self._address("posts/probe.jpg")

    def make(self, post: Post) -> str:
        """Have Instagram take the media over; returns the number of the container that it is ready to publish.

        Raises:
            Trouble: the API did not do it.
            Refused: it does not take the media, or they are not as many as the kind has.
            Unavailable: it could not fetch them, or is not ready with them in time, or the storage did not answer.
        """
        deadline = time.monotonic() + self._patience
        if len(post.media) not in (_CAROUSEL if post.kind is PostKind.CAROUSEL else (1,)):
            raise Refused(f"A {post.kind} cannot have {len(post.media)} media.")
        first = post.media[0]
        match post.kind:
            case PostKind.CAROUSEL:
                children = [
                    self._create(is_carousel_item="true", **self._picture(post, medium)) for medium in post.media
                ]
                self._wait(children, deadline)
                # Captions of children are not shown.
                made = self._create(media_type="CAROUSEL", children=",".join(children), caption=post.caption)
            case PostKind.STORY:  # neither a caption nor an alternative text is taken
                made = self._create(media_type="STORIES", image_url=self._stage(post, first.data, first.content_type))
            case PostKind.REEL:
                made = self._create(
                    media_type="REELS", share_to_feed="true", caption=post.caption, **self._film(post, first)
                )
            case _:
                made = self._create(caption=post.caption, **self._picture(post, first))
        self._wait([made], deadline)
        return made

    def state(self, container: str) -> ContainerState:
        """How far the container is.

        Raises:
            Trouble: the API did not tell.
        """
        answer = self._api.get(container, fields="status_code,status")
        return ContainerState(str(answer.get("status_code", "")), self._api.cleaned(str(answer.get("status", ""))))

    def _create(self, **parameters: str) -> str:
        answer = self._api.post(f"{self._user_id}/media", **parameters)
        if not (container := str(answer.get("id", ""))).isdecimal():
            raise NoAnswer("a container without a number")
        return container

    def _picture(self, post: Post, medium: Medium) -> dict[str, str]:
        described = {"alt_text": medium.alt_text} if medium.alt_text else {}
        return {"image_url": self._stage(post, medium.data, medium.content_type), **described}

    def _film(self, post: Post, medium: Medium) -> dict[str, str]:
        cover = {"cover_url": self._stage(post, medium.cover, "image/jpeg")} if medium.cover else {}
        return {"video_url": self._stage(post, medium.data, medium.content_type), **cover}

    def _stage(self, post: Post, data: bytes, content_type: str) -> str:
        """Put the medium where Instagram can fetch it; returns the address."""
        name = f"posts/{post.key}/{hashlib.sha256(data).hexdigest()[:16]}.{_SUFFIXES[content_type]}"
        # Named for what is in it: what an earlier attempt left is the same.
        with suppress(AlreadyExists):
            self._storage.write(name, data, content_type=content_type)
        return self._address(name)

    def _address(self, name: str) -> str:
        if address := self._storage.signed_url(name, seconds=_DAY):
            return address
        raise ConfigurationError(
            "graph:// needs a bucket (gs://), for Instagram fetches the pictures itself.",
            advice="Set STYLEGRAM_STORAGE_URL to a bucket, with a service account that can sign addresses.",
        )

    def _wait(self, containers: Iterable[str], deadline: float) -> None:
        for container in containers:
            pause = self._pause
            while not self._is_ready(container):
                if time.monotonic() + pause > deadline:
                    raise Unavailable(f"Instagram was not ready with a post's media within {self._patience:g} s.")
                time.sleep(pause)
                # Calls are rationed by how many people see the account: a new one has few.
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _is_ready(self, container: str) -> bool:
        try:
            state = self.state(container)
        except (NoAnswer, NotSent):
            return False
        except Refusal as refusal:
            if refusal.is_of_nothing or entry_of(refusal).remedy in (Remedy.AGAIN, Remedy.LOOK):
                return False
            raise
        if state.code == ERROR:
            subcode = _SUBCODE.search(state.reason)
            raise of_subcode(int(subcode[0]) if subcode else 0, state.reason)
        if state.code == EXPIRED:
            raise Unavailable("Instagram has forgotten a post's media, and gets them anew.")
        return state.code == FINISHED
