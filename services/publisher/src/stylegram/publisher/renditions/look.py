"""What posts are to look like, and what they are made of."""

from dataclasses import dataclass
from typing import Literal, Protocol

Size = tuple[int, int]

PostFormat = Literal["square", "portrait", "landscape"]
Fit = Literal["crop", "pad", "stretch"]

SIZES: dict[PostFormat, Size] = {"square": (1080, 1080), "portrait": (1080, 1350), "landscape": (1080, 566)}
"""Width and height in pixels: Instagram's 1:1, 4:5 and 1.91:1 at the width it stores."""


@dataclass(frozen=True)
class Look:
    """How a picture becomes a post.

    Args:
        post_format: the size of a photo and of a carousel's pictures.
        fit: how these, and the grid, get their size: `crop` cuts around the subject, `pad` shows the whole picture on
            a blurred and darkened copy of itself, `stretch` distorts. Stories and reels show the whole picture always.
        quality: of JPEGs, 92 to 95.
        max_enlargement: how often enlarged a picture may be at most, 1 or more; what had to be enlarged further to be
            cropped is padded instead, and what is padded stays smaller. `stretch` knows no such limit.
    """

    post_format: PostFormat
    fit: Fit
    quality: int
    max_enlargement: float


class Pictures(Protocol):
    """The encoded files that a post is made of, each read when it is asked for."""

    def result(self) -> bytes:
        """The painted picture."""

    def content(self) -> bytes:
        """The photograph that it was painted from."""

    def style(self) -> bytes:
        """The painting that it was painted after."""

    def film(self) -> bytes:
        """The MP4 of how it was painted.

        Raises:
            NotFound: there is none.
        """
