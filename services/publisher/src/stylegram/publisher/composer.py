"""From a request to what goes out: the words, which are written once, and the media, which are made anew each time."""

from dataclasses import dataclass

from pydantic import ValidationError

from stylegram.common import artifacts
from stylegram.common.errors import InvalidInput
from stylegram.common.messages import PostKind, PostRequest
from stylegram.common.ports import Post, Storage
from stylegram.common.records import RunRecord
from stylegram.publisher.captions import Captions
from stylegram.publisher.ledger import GRID, marker_of
from stylegram.publisher.renditions import Look, render
from stylegram.publisher.tables import PostRow


@dataclass(frozen=True)
class Words:
    """What is written of a picture: below it, and in place of it."""

    caption: str
    alt_text: str


class Composer:
    """Makes posts.

    Args:
        storage: where the pictures are.
        captions: writes the words.
        look: how the media are made.
    """

    def __init__(self, storage: Storage, captions: Captions, look: Look) -> None:
        self._storage = storage
        self._captions = captions
        self._look = look

    def words(self, request: PostRequest, kind: str, key: str) -> Words:
        """Caption and alternative text of a post.

        Raises:
            ConfigurationError: the template fails on this picture.
        """
        names = (request.content_name, request.style_name)
        return Words(
            self._captions.write(kind_of(kind), *names, request.hyperparameters, marker_of(key)),
            self._captions.alt_text(*names),
        )

    def post(self, row: PostRow) -> Post:
        """The post as it goes out.

        Raises:
            InvalidInput: the row has no request, or a picture is none.
            NotFound: a picture or the film is not in storage.
            Unavailable: the storage did not answer.
        """
        request = request_of(row)
        if row.caption is None:
            words = self.words(request, row.kind, row.key)
        else:
            words = Words(row.caption, row.alt_text or "")
        record = self._storage.read(request.record)
        pictures = _StoredPictures(self._storage, request, record)
        return Post(
            key=row.key,
            kind=kind_of(row.kind),
            media=render(row.kind, pictures, self._look, words.alt_text),
            caption=words.caption,
            marker=marker_of(row.key),
            record=record,
            tile=int(row.kind.removeprefix(GRID)) if row.kind.startswith(GRID) else None,
        )


class _StoredPictures:
    """What a run has in storage."""

    def __init__(self, storage: Storage, request: PostRequest, record: bytes) -> None:
        self._storage = storage
        self._request = request
        self._record = record

    def result(self) -> bytes:
        return self._storage.read(self._request.artifact)

    def content(self) -> bytes:
        return self._storage.read(self._run().content.object_name)

    def style(self) -> bytes:
        return self._storage.read(self._run().style.object_name)

    def film(self) -> bytes:
        return self._storage.read(artifacts.timelapse(self._request.job_id))

    def _run(self) -> RunRecord:
        try:
            return RunRecord.model_validate_json(self._record)
        except ValidationError:
            raise InvalidInput(f"'{self._request.record}' is no record of a run.") from None


def kind_of(row_kind: str) -> PostKind:
    """What a row is to the account: a tile of a grid is a photo."""
    return PostKind.PHOTO if row_kind.startswith(GRID) else PostKind(row_kind)


def media_types(row: PostRow) -> list[str]:
    """The media types of what goes out, in order, without making it."""
    match kind_of(row.kind):
        case PostKind.CAROUSEL:
            return ["image/jpeg"] * 3
        case PostKind.REEL:
            return ["video/mp4"]
        case _:
            return ["image/jpeg"]


def request_of(row: PostRow) -> PostRequest:
    """What was asked for.

    Raises:
        InvalidInput: it is not known, or this version does not understand it.
    """
    try:
        return PostRequest.model_validate_json(row.request or "")
    except ValidationError:
        raise InvalidInput(
            f"What was asked for by post {row.key} cannot be read.", advice="Request it again."
        ) from None
