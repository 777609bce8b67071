"""The ports: what the services need from the world, as small protocols.

An adapter is chosen by the scheme of one URL setting (`adapters.open_broker`, `adapters.open_storage`), and
every adapter of a port passes the same contract tests (`tests/contract/`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from stylegram.common.advice import Advice
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Message, PostKind
from stylegram.common.records import AssetReference
from stylegram.common.topology import Queue


@dataclass(frozen=True)
class Delivery:
    """A message handed to one consumer, who owns it until it is settled or its claim runs out.

    Args:
        queue: name of the queue it came from.
        body: the message as it was published.
        count: how many times it has been handed out, this time included; 1 at first.
        receipt: the adapter's own handle of this claim.
    """

    queue: str
    body: bytes
    count: int
    receipt: str


@dataclass(frozen=True)
class DeadLetter:
    """A message that nobody could use, and why.

    Args:
        queue: name of the queue that it was in.
        body: the message as it was published.
        reason: why nobody could.
        count: how many times it was handed out; 0 where nobody knows.
        died_at: when it was given up.
    """

    queue: str
    body: bytes
    reason: str
    count: int
    died_at: datetime


class Broker(Protocol):
    """Durable queues with topics: at-least-once, in order but for redeliveries."""

    visibility: float
    """Seconds until a claim that nobody extends runs out."""

    def declare(self, queues: Iterable[Queue]) -> None:
        """Make the queues and their bindings; doing so again changes nothing."""

    def publish(self, message: Message) -> None:
        """Put the message into every queue that hears its topic; on return it is durable.

        Raises:
            NotFound: a command, which no queue hears.
        """

    def receive(self, *queues: str, timeout: float = 0) -> Delivery | None:
        """Claim the oldest free message of the first queue that has one, waiting up to `timeout` seconds for one.

        Queues that are paused are passed over.

        Raises:
            NotFound: no such queue.
        """

    def extend(self, delivery: Delivery) -> bool:
        """Keep the claim for another visibility timeout; False if it has been lost."""

    def ack(self, delivery: Delivery) -> bool:
        """The work is done: forget the message; False if the claim is known to have been lost."""

    def reject(self, delivery: Delivery, reason: str) -> bool:
        """The message is useless: keep it as a dead letter with the reason; False if the claim had been lost."""

    def retry(self, delivery: Delivery) -> bool:
        """The attempt failed: the message is free again; False if the claim had been lost."""

    def release(self, delivery: Delivery) -> bool:
        """The attempt did not take place: as `retry`, but it does not count as a delivery. Others may go first."""

    def depth(self, queue: str) -> int:
        """How many messages wait in the queue; those that somebody has claimed do not.

        Raises:
            NotFound: no such queue.
        """

    def dead_count(self, queue: str) -> int:
        """How many dead letters the queue has; cheap however many they are.

        Raises:
            NotFound: no such queue.
        """

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """The queue's dead letters, oldest first; a thousand at most."""

    def drain_dead(self, queue: str, *, requeue: bool = False) -> list[DeadLetter]:
        """Take the dead letters out, oldest first, and return them; what dies meanwhile stays.

        Args:
            queue: whose dead letters.
            requeue: put each back into its queue, as if it had never been delivered.
        """

    def pause(self, queue: str) -> None:
        """Have nobody receive from the queue, in any process, until it is resumed; claimed messages stay claimed.

        Receivers notice within a second.

        Raises:
            NotFound: no such queue.
        """

    def resume(self, queue: str) -> None:
        """The end of `pause`; does nothing to a queue that is not paused."""

    def paused(self, queue: str) -> bool:
        """Whether the queue is paused."""

    def close(self) -> None:
        """Let go of the connection; claims stay until they run out."""


@dataclass(frozen=True)
class StoredObject:
    """What storage knows of an object."""

    name: str
    size: int
    sha256: str
    content_type: str
    created_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Storage(Protocol):
    """Named, immutable objects."""

    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        """Store the object whole or not at all.

        Raises:
            AlreadyExists: the name is taken; what is stored stays as it is.
            InvalidObjectName: see `object_names.check`.
            Unavailable: the storage did not answer: it is not stored, or whole; writing it again tells.
        """

    def read(self, name: str) -> bytes:
        """The object's bytes, checked against its digest.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer, so that nobody knows.
            StylegramError: not retryable: the bytes are not those that were written.
        """

    def stat(self, name: str) -> StoredObject | None:
        """What is known of the object; None if there is none.

        Raises:
            Unavailable: the storage did not answer, so that nobody knows.
        """

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose names start with `prefix`, by name.

        Raises:
            Unavailable: the storage did not answer, when the first is asked for or later.
        """

    def delete(self, name: str) -> bool:
        """Remove the object; False if there was none.

        Raises:
            Unavailable: the storage did not answer.
        """

    def signed_url(self, name: str, *, seconds: int) -> str | None:
        """An address at which anybody who knows it can get the object's bytes; None where the storage gives none.

        Args:
            name: of an object, which need not be there yet.
            seconds: for how long from now; a week at most.

        Raises:
            InvalidObjectName: see `object_names.check`.
            Unavailable: whoever signs did not answer.
            ConfigurationError: the credentials may not sign.
        """


@dataclass(frozen=True)
class SourceFile:
    """A file at a source, as a listing shows it.

    Args:
        key: what the source knows it by (a relative path, a file id); unique there.
        name: its file name, for people.
        fingerprint: changes whenever the bytes may have changed; cheap to get (size and time, a checksum).
        size: bytes.
    """

    key: str
    name: str
    fingerprint: str
    size: int


@dataclass(frozen=True)
class SourcePage:
    """A part of what a source has to say.

    Args:
        files: that are there, as they are now; among them may be some that are known already and did not change.
        gone: keys of files that are not there any more; files that nobody knew of may be among them.
        state: what `Source.changes` goes on from once this page has been dealt with; opaque, and never empty. None in
            the middle of a listing, and where the source cannot tell what changed.
    """

    files: Sequence[SourceFile] = ()
    gone: Sequence[str] = ()
    state: str | None = None


class Source(Protocol):
    """A folder of pictures somewhere."""

    url: str
    """What the source is known by in tables; the same for each way of writing its address."""

    def describe(self) -> str:
        """What it is, and who looks at it, for people; as in "the folder 'Photos' in Drive, seen by me@example.org".

        Raises:
            NotFound: the folder is not there, or not shown to us.
            Unavailable: the source did not answer.
            ConfigurationError: there are no credentials, or they cannot be used.
        """

    def listing(self) -> Iterator[SourcePage]:
        """Every file that could be a picture, page by page. A file that is on none of the pages is not there.

        The last page's state is one from which `changes` tells all that happened since the listing began.

        Raises:
            NotFound: the folder is not there; nothing may be concluded about its files.
            Unavailable: it could not be listed to the end; nothing may be concluded about files that did not come.
        """

    def changes(self, since: str) -> Iterator[SourcePage]:
        """What has changed since then, page by page and in order; each page has the state after it.

        At least one page comes, be it empty.

        Args:
            since: the state of a page that was dealt with.

        Raises:
            ChangesLost: that cannot be told; only a listing can.
            NotFound: the folder is not there; nothing may be concluded about its files.
            Unavailable: the source did not answer.
        """

    def read(self, file: SourceFile) -> bytes:
        """The file's bytes; any number of threads may read at the same time.

        Raises:
            NotFound: it is gone since it was listed.
            Unavailable: it could not be read, or is another by now than was listed.
        """


@dataclass(frozen=True)
class Medium:
    """A picture or a film exactly as it goes out: of a size that the account takes, so that nobody changes it again.

    Args:
        data: an sRGB JPEG, or an MP4.
        content_type: which of the two.
        width: pixels.
        height: pixels.
        alt_text: what it shows, for who cannot see it.
        seconds: how long the film is; None of a picture.
        cover: the film's, a JPEG of the same size; None of a picture.
    """

    data: bytes
    content_type: Literal["image/jpeg", "video/mp4"]
    width: int
    height: int
    alt_text: str = ""
    seconds: float | None = None
    cover: bytes | None = None

    @property
    def ending(self) -> str:
        """What the name of a file of it ends with, without a dot."""
        return "mp4" if self.content_type == "video/mp4" else "jpg"


@dataclass(frozen=True)
class Post:
    """A post as it goes out.

    Args:
        key: the same for every attempt at this post; adapters use it to find it again.
        kind: what it is to the account; a tile of a grid is a photo.
        media: one, or two to ten of a carousel, in their order.
        caption: the text below; `marker` is part of it where the kind shows a caption at all.
        marker: words that only this post's caption has, by which it is found again.
        record: the run's record as JSON, for outlets that keep it.
        tile: of a photo that is a tile of a grid, which one: 1 at the upper left to 9 at the lower right.
    """

    key: str
    kind: PostKind
    media: tuple[Medium, ...]
    caption: str
    marker: str
    record: bytes
    tile: int | None = None


@dataclass(frozen=True)
class PublishedPost:
    """A post that is out.

    Args:
        media_id: what the account knows it by.
        url: where people find it; None where that is yet to be asked, see `Outlet.permalink`.
    """

    media_id: str
    url: str | None


@dataclass(frozen=True)
class SoughtPost:
    """A post that may be out.

    Args:
        key: the post's.
        kind: the post's.
        marker: the post's.
        upload: what `Outlet.upload` returned for it.
        since: when it was going to be committed; it cannot be out for longer.
    """

    key: str
    kind: PostKind
    marker: str
    upload: str
    since: datetime


@dataclass(frozen=True)
class Feedback:
    """How a post is taken; None where the account does not tell.

    Args:
        likes: how many people like it.
        comments: how many comments it has.
        reach: how many people have seen it.
        saves: how many people keep it.
        shares: how often it was passed on.
    """

    likes: int | None = None
    comments: int | None = None
    reach: int | None = None
    saves: int | None = None
    shares: int | None = None


class Outlet(Protocol):
    """An account, or a folder, where posts go. Publishing has two steps, so that a crash between them is known for
    what it is. Beside what they say themselves, all calls but those of the properties raise:

        Unavailable: it did not answer, or not sensibly; the same call may succeed later.
        CoolDown: it wants to be left alone for a while.
        LoginNeeded: it does not take the login; a person logs in again.
        AccountStopped: to go on would cost the account; a person looks after it.
        ConfigurationError: a setting is wrong.
    """

    account: str
    """Whose posts these are; part of the ledger's unique key."""
    is_public: bool
    """Whether carelessness could cost the account: its posts are then spaced, and wait for a yes."""
    find_is_certain: bool
    """Whether a post that `find` does not find is surely not out, so that committing it once more is safe."""

    @property
    def kinds(self) -> Collection[PostKind]:
        """What it takes."""

    @property
    def login(self) -> str:
        """A digest of the login in use, which is another one once somebody has logged in again; never the login."""

    def upload(self, post: Post) -> str:
        """Hand the media over without showing them to anybody; returns the outlet's handle of them, as text.

        Raises:
            Refused: it does not take them.
        """

    def commit(self, post: Post, upload: str) -> PublishedPost:
        """Show what was uploaded to the world. Called once for each upload.

        Raises:
            OutcomeUnknown: whether the post is out is not known; ask `find`.
            StylegramError: any other, `Unavailable` too: the post is surely not out.
        """

    def find(self, sought: SoughtPost) -> PublishedPost | None:
        """The post if it is out; None if it is not, or not to be seen yet, or cannot be told from others."""

    def permalink(self, media_id: str) -> str | None:
        """Where people find a published post; None if it has no address."""

    def feedback(self, media_id: str, kind: PostKind) -> Feedback:
        """How a published post is taken by now.

        Raises:
            NotFound: it is there no more.
        """

    def remaining(self) -> int | None:
        """How many more posts the account takes today, by its own count; None where it does not count."""


class Advisor(Protocol):
    """Somebody who knows how runs went."""

    def advise(
        self, base: Hyperparameters, content: AssetReference, style: AssetReference, *, fixed: frozenset[str]
    ) -> Advice:
        """How to paint the pair. A trial that is advised is the caller's to run: its job names it.

        Args:
            base: what it would be painted with otherwise; size, evaluations and taste stay as they are.
            content: the picture whose subject is painted.
            style: the picture whose manner is.
            fixed: names of hyperparameters that somebody chose himself, and that stay as they are too.

        Raises:
            Unavailable: it did not answer.
            StylegramError: it gives no advice, as it knows no such study or the study has ended.
        """


class Previewer(Protocol):
    """Somebody who paints at a glance, by a network that was trained for all pairs."""

    def preview(self, content: bytes, style: bytes) -> bytes:
        """The content image in the manner of the style image, as a JPEG of the content image's size.

        Args:
            content: a clean RGB picture, JPEG or PNG; small, for its pixels are the time that it takes.
            style: likewise; any size, of which the network sees 256 pixels.

        Raises:
            InvalidImage: one of them is no such picture, or too large.
            Unavailable: it did not answer, or has no model files.
        """
