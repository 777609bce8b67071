"""Each kind of post from its pictures."""

from collections.abc import Callable
from functools import cached_property, partial

from PIL import Image

from stylegram.common.errors import InvalidImage, InvalidInput, NotFound
from stylegram.common.images import decode_image, encode_jpeg
from stylegram.common.ports import Medium
from stylegram.publisher.renditions import upright
from stylegram.publisher.renditions.canvas import paint
from stylegram.publisher.renditions.framing import frame
from stylegram.publisher.renditions.grid import SIDE, grid
from stylegram.publisher.renditions.look import SIZES, Look, Pictures

# A photograph whose shape is as close to the painted picture's shows the same things in the same places.
_SAME_RATIO = 0.01


def render(kind: str, pictures: Pictures, look: Look, alt_text: str) -> tuple[Medium, ...]:
    """The media of a post, ready to go out; the same bytes each time.

    Args:
        kind: photo, carousel, story, reel, or grid-1 (upper left) to grid-9 (lower right), by rows.
        pictures: what it is made of; only what the kind needs is read. The photograph tells where the subject is, as a
            painted picture is busy everywhere; where it is gone, the painted picture must do.
        look: how they become a post.
        alt_text: of the painted picture and of its film; the photograph and the painting have none.

    Returns:
        one medium; of a carousel three, the painted picture first, as that is what the feed shows.

    Raises:
        InvalidImage: a file is no picture, or no film.
        InvalidInput: no such kind.
        NotFound: a file that the kind needs is not there.
    """
    if kind not in _KINDS:
        raise InvalidInput(f"There is no kind of post '{kind}'.", advice=f"There are {', '.join(_KINDS)}.")
    return _KINDS[kind](_Decoded(pictures), look, alt_text)


class _Decoded:
    """The pictures, each decoded once and only if it is looked at."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    @cached_property
    def result(self) -> Image.Image:
        return decode_image(self._pictures.result()).pixels

    @cached_property
    def content(self) -> Image.Image:
        return decode_image(self._pictures.content()).pixels

    @cached_property
    def style(self) -> Image.Image:
        return decode_image(self._pictures.style()).pixels

    def film(self) -> bytes:
        return self._pictures.film()

    def subject(self) -> Image.Image:
        """The picture in which the painted one's subject is looked for."""
        try:
            return self.content if self.is_aligned() else self.result
        except (NotFound, InvalidImage):
            return self.result

    def is_aligned(self) -> bool:
        """Whether the photograph and the painted picture show the same things in the same places."""
        ratio = self.content.width / self.content.height * self.result.height / self.result.width
        return abs(ratio - 1) <= _SAME_RATIO


def _photo(pictures: _Decoded, look: Look, alt_text: str) -> tuple[Medium, ...]:
    framing = frame(SIZES[look.post_format], pictures.result.size, pictures.subject, look.fit, look.max_enlargement)
    return (_jpeg(paint(pictures.result, framing), look, alt_text),)


def _carousel(pictures: _Decoded, look: Look, alt_text: str) -> tuple[Medium, ...]:
    result, content, style = pictures.result, pictures.content, pictures.style
    framed = partial(frame, SIZES[look.post_format], fit=look.fit, max_enlargement=look.max_enlargement)
    if pictures.is_aligned():
        # Leafing from one to the other shows what painting did, so nothing else may move.
        after = before = framed(min(result.size, content.size), lambda: content)
    else:
        after, before = framed(result.size, lambda: result), framed(content.size, lambda: content)
    of_style = framed(style.size, lambda: style)
    return (
        _jpeg(paint(result, after), look, alt_text),
        _jpeg(paint(content, before), look),
        _jpeg(paint(style, of_style), look),
    )


def _story(pictures: _Decoded, look: Look, alt_text: str) -> tuple[Medium, ...]:
    framing = upright.framing_of(pictures.result.size, pictures.subject, look.max_enlargement)
    return (_jpeg(paint(pictures.result, framing), look, alt_text),)


def _reel(pictures: _Decoded, look: Look, alt_text: str) -> tuple[Medium, ...]:
    reel = upright.Reel(pictures.film(), pictures.subject, look.max_enlargement)
    cover = encode_jpeg(reel.cover(), quality=look.quality)
    width, height = upright.SIZE
    return (Medium(reel.mp4(), "video/mp4", width, height, alt_text, seconds=reel.seconds, cover=cover),)


def _tile(pictures: _Decoded, look: Look, alt_text: str, *, number: int) -> tuple[Medium, ...]:
    tiles = grid(pictures.result.size, pictures.subject, look.fit, look.max_enlargement)
    return (_jpeg(tiles.paint(pictures.result, number), look, alt_text),)


def _jpeg(image: Image.Image, look: Look, alt_text: str = "") -> Medium:
    return Medium(encode_jpeg(image, quality=look.quality), "image/jpeg", image.width, image.height, alt_text)


_KINDS: dict[str, Callable[[_Decoded, Look, str], tuple[Medium, ...]]] = {
    "photo": _photo,
    "carousel": _carousel,
    "story": _story,
    "reel": _reel,
    **{f"grid-{number}": partial(_tile, number=number) for number in range(1, SIDE * SIDE + 1)},
}
