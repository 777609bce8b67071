"""Reading the film of how a picture was painted, picture by picture: it is never in memory as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import av
import numpy as np
from av.video.reformatter import Interpolation
from PIL import Image

from stylegram.common.errors import InvalidImage

# Beyond this no film of ours would be, nor does Instagram take longer ones.
_LONGEST_SECONDS = 900
# 4096×2304, the largest that H.264 players know. A decoder keeps many pictures of them.
_MOST_PIXELS = 9_437_184
# Of a picture reduced to so many pixels a side, nothing moves if none changes by more levels. It is more than a coder's
# noise, and less than anybody sees.
_GLANCE = 32
_STILL = 2
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
_ADVICE = "Have the picture painted anew, or post it as another kind."


@dataclass(frozen=True)
class Survey:
    """What is known of a film once it has been seen.

    Args:
        seconds: until its end.
        moving: seconds until nothing moves any more.
        last: its last picture, mode RGB.
    """

    seconds: float
    moving: float
    last: Image.Image


def survey(film: bytes) -> Survey:
    """Watch the film to its end.

    Raises:
        InvalidImage: it cannot be read to its end, is too large or too long, or has no picture.
    """
    seen = before = None
    seconds = moving = 0.0
    for seconds, frame in _decoded(film):
        seen = frame
        glance = frame.reformat(_GLANCE, _GLANCE, "gray", interpolation=Interpolation.AREA, threads=1)
        now = glance.to_ndarray().astype(int)
        if before is None or np.abs(now - before).max() > _STILL:
            before, moving = now, seconds
    if seen is None:
        raise InvalidImage("The film has no picture.", advice=_ADVICE)
    shown = float((seen.duration or 0) * (seen.time_base or 0))
    return Survey(seconds + shown, moving, _image(seen))


def pictures(film: bytes) -> Iterator[tuple[float, Image.Image]]:
    """The film's pictures in their order, mode RGB, each with the seconds after which it is shown.

    Raises:
        InvalidImage: see `survey`.
    """
    for seconds, frame in _decoded(film):
        yield seconds, _image(frame)


def _decoded(film: bytes) -> Iterator[tuple[float, av.VideoFrame]]:
    with _readable(), av.open(BytesIO(film), "r") as container:
        if not container.streams.video:
            raise InvalidImage("The film has no picture.", advice=_ADVICE)
        stream = container.streams.video[0]
        if stream.width * stream.height > _MOST_PIXELS:
            raise InvalidImage(
                f"The film has {stream.width}×{stream.height} pixels, which is too many.", advice=_ADVICE
            )
        stream.codec_context.thread_count = 1
        count, began = 0, None
        for frame in container.decode(stream):
            seconds = float(frame.time or 0)
            began = seconds if began is None else began
            if seconds - began > _LONGEST_SECONDS:
                raise InvalidImage(f"The film is longer than {_LONGEST_SECONDS // 60} minutes.", advice=_ADVICE)
            yield seconds - began, frame
            count += 1
        if count < stream.frames:
            raise InvalidImage(f"The film breaks off after {count} of {stream.frames} pictures.", advice=_ADVICE)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        raise InvalidImage(f"The film cannot be read: {error.strerror}.", advice=_ADVICE) from error


def _image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.reformat(format="rgb24", interpolation=_EXACT, threads=1).to_ndarray())
