"""Stories and reels: 9:16, the picture whole."""

from collections.abc import Iterator

from PIL import Image

from stylegram.publisher.renditions.canvas import ground, paint
from stylegram.publisher.renditions.film import Survey, pictures, survey
from stylegram.publisher.renditions.framing import Framing, Subject, enlargement, frame, pad
from stylegram.publisher.renditions.look import Size
from stylegram.publisher.renditions.mp4 import RATE, encode

SIZE: Size = (1080, 1920)
"""Width and height in pixels of stories and reels."""

# Instagram's own controls lie on the top and the bottom 14 %, as Meta's guide to ads in stories has it.
_MARGIN = 269
# Pictures as close to 9:16 fill the screen, and lose that much at most.
_NEAR = 0.1

# Of 3 seconds to 15 minutes that the Graph API takes as a reel, only 5 to 90 seconds are shown in the tab of reels.
_SHORTEST_SECONDS = 5.0
_LONGEST_SECONDS = 90.0
_HOLD_SECONDS = 2.0


def framing_of(picture: Size, subject: Subject, max_enlargement: float) -> Framing:
    """The whole picture between the controls, or filling the screen if it is nearly of its shape.

    Args:
        picture: width and height in pixels.
        subject: is kept where something of a nearly upright picture must go.
        max_enlargement: 1 or more.
    """
    ratio = picture[0] / picture[1] / (SIZE[0] / SIZE[1])
    if abs(ratio - 1) <= _NEAR and enlargement(SIZE, picture) <= max_enlargement:
        return frame(SIZE, picture, subject, "crop", max_enlargement)
    return pad(SIZE, picture, max_enlargement, margin=_MARGIN)


class Reel:
    """A film as a reel, on a ground made of its last picture.

    It has 5 to 90 seconds: a longer one is shown faster, of a shorter one the last picture stays for longer; that it
    does for two seconds always.

    Args:
        film: an MP4.
        subject: see `framing_of`.
        max_enlargement: 1 or more.

    Raises:
        InvalidImage: the film cannot be read.
    """

    def __init__(self, film: bytes, subject: Subject, max_enlargement: float) -> None:
        self._film = film
        self._survey = survey(film)
        self._framing = framing_of(self._survey.last.size, subject, max_enlargement)
        self._behind = ground(self._survey.last, SIZE)
        self._speed, self._ticks = _pace(self._survey)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._ticks / RATE

    def cover(self) -> Image.Image:
        """Its last picture."""
        return self._paint(self._survey.last)

    def mp4(self) -> bytes:
        """The film; see `mp4.encode`.

        Raises:
            InvalidImage: the film cannot be read.
        """
        return encode(self.shown(), SIZE, self._ticks)

    def shown(self) -> Iterator[tuple[Image.Image, int]]:
        """The pictures and for how many ticks each is shown; of those within a tick, the last."""
        image, begin = None, 0
        for seconds, following in pictures(self._film):
            tick = round(seconds / self._speed * RATE)
            if image is not None and tick > begin:
                yield self._paint(image), tick - begin
                begin = tick
            image = following
        if image is not None:
            yield self._paint(image), self._ticks - begin

    def _paint(self, image: Image.Image) -> Image.Image:
        return paint(image, self._framing, behind=self._behind)


def _pace(film: Survey) -> tuple[float, int]:
    """How many times as fast the film is shown, and how many ticks the reel has."""
    seconds = max(film.seconds, film.moving + _HOLD_SECONDS, _SHORTEST_SECONDS)
    if seconds <= _LONGEST_SECONDS:
        return 1.0, round(seconds * RATE)
    return film.seconds / (_LONGEST_SECONDS - _HOLD_SECONDS), round(_LONGEST_SECONDS * RATE)
