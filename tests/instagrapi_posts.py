"""Posts for tests of the Instagram outlets, and an outlet that talks to the fake."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from PIL import Image

from instagram_fake import FakeAccount
from instagrapi_fake_http import InstagrapiFake
from stylegram.common.clock import utcnow
from stylegram.common.messages import PostKind
from stylegram.common.ports import Medium, Post, SoughtPost
from stylegram.publisher.outlets.instagrapi_api import InstagrapiOutlet

USERNAME = "stylegram"
KINDS = (PostKind.PHOTO, PostKind.CAROUSEL, PostKind.STORY, PostKind.REEL)


def jpeg(width: int, height: int, color: str = "teal", quality: int = 95) -> bytes:
    """A picture whose bytes no other encoder would make."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, "JPEG", quality=quality, comment=b"as it is")
    return buffer.getvalue()


def picture(color: str = "teal", width: int = 1080, height: int = 1350) -> Medium:
    """A picture for the feed."""
    return Medium(jpeg(width, height, color), "image/jpeg", width, height, f"A {color} painting of a boat.")


def post(kind: PostKind = PostKind.PHOTO, key: str = "3f9a1c27d0") -> Post:
    """A post of that kind."""
    marker = f"№ {key}"
    return Post(key, kind, _media(kind), f"The boat, after Monet\n\n#art\n{marker}", marker, b"{}")


def _media(kind: PostKind) -> tuple[Medium, ...]:
    match kind:
        case PostKind.CAROUSEL:
            return picture("teal"), picture("olive"), picture("navy")
        case PostKind.STORY:
            return (picture("teal", 1080, 1920),)
        case PostKind.REEL:
            return (Medium(b"film" * 999, "video/mp4", 1080, 1920, seconds=7.5, cover=jpeg(1080, 1920)),)
    return (picture(),)


def sought(post: Post, upload: str, since: datetime | None = None) -> SoughtPost:
    """The post, as one asks for it."""
    return SoughtPost(post.key, post.kind, post.marker, upload, since or utcnow())


class World:
    """The fake with an account, somebody's login, and an outlet."""

    def __init__(self, fake: InstagrapiFake, folder: Path) -> None:
        self.fake = fake
        self.faults = fake.instagram.faults
        self.account: FakeAccount = fake.instagram.add_account(USERNAME, "the password")
        self.file = folder / "session.json"
        self.secret = fake.log_in(self.account, self.file)
        self.slept: list[float] = []
        self.outlet = self.open()

    def open(self, username: str = USERNAME, *, endpoint: str | None = None) -> InstagrapiOutlet:
        """Another outlet, as after a restart."""
        sleep: Callable[[float], object] = self.slept.append
        return InstagrapiOutlet(
            username,
            session_file=self.file,
            pause_seconds=0,
            transport="requests",
            endpoint=endpoint or self.fake.url,
            sleep=sleep,
        )

    def configured(self) -> int:
        """How many requests to publish came."""
        return sum(count for call, count in self.fake.calls.items() if call.startswith("configure"))


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world for as long as the context lasts, in which nobody does what Instagram would not forgive."""
    with InstagrapiFake() as fake:
        yield World(fake, folder)
