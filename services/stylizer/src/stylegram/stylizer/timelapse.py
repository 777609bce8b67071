"""The film of how a picture came about: an MP4 for anybody's player, a GIF for where only pictures are shown."""

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from PIL import Image

from stylegram.common.errors import InvalidInput
from stylegram.common.images import encode_jpeg
from stylegram.common.x264 import REPEATABLE
from stylegram.stylizer.engine.images import Size, fit, resize_image

# Feeds refuse films of fewer than 23 frames a second: the film has 30, and shows each of ours for one or two of them.
_RATE = 30
_LONGEST_SECONDS = 8
_HOLD_SECONDS = 1.5
_JPEG_QUALITY = 92

_GIF_LONGER_SIDE = 360
_GIF_MOST_FRAMES = 75
# A noisy start and a finished picture have few colours in common. The palette is chosen from this many frames on the
# way, and from the last as many times over, for it is seen longest.
_GIF_PALETTE_FRAMES = 4


class Frame(NamedTuple):
    """The picture as it was after so many evaluations, as a JPEG of the film's size."""

    evaluation: int
    jpeg: bytes


class Timelapse:
    """Collects frames while a picture is painted, and makes films of them.

    However long the run turns out to be, the frames are evenly spaced: when there are too many, every second one goes,
    and from there on only half as many come. Its whole state is `frames`, which a checkpoint can keep.

    >>> timelapse = Timelapse((512, 384))
    >>> timelapse.add(1, lambda: Image.new("RGB", (128, 96)))
    >>> len(timelapse.frames)
    1

    Args:
        size: width and height of the finished picture, in pixels.
        longer_side: of the film, in pixels; a smaller picture's film is as large as the picture. Both sides are even.
        most_frames: how many are kept, 2 at least. The films are ten seconds long at most with up to 240.
        frames: of an interrupted run of the same picture, to go on from.
    """

    def __init__(
        self, size: Size, *, longer_side: int = 720, most_frames: int = 150, frames: Sequence[Frame] = ()
    ) -> None:
        self._size = _even(fit(size, min(longer_side, max(size))))
        self._most_frames = most_frames
        self._frames = list(frames)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Those that are kept so far, in their order."""
        return tuple(self._frames)

    def add(self, evaluation: int, render: Callable[[], Image.Image], *, last: bool = False) -> None:
        """Take the picture as it is now, if it is its turn.

        Frames of this evaluation and of later ones go: the finished picture takes the place of its last evaluation's.

        Args:
            evaluation: how many there have been.
            render: gives the picture, mode RGB, of any size; called only when the frame is kept.
            last: this is the end of the film, whether or not it is its turn.
        """
        self._frames = [frame for frame in self._frames if frame.evaluation < evaluation]
        if last:
            del self._frames[self._most_frames - 1 :]
        elif not self._make_room(evaluation):
            return
        image = resize_image(render(), self._size)
        self._frames.append(Frame(evaluation, encode_jpeg(image, quality=_JPEG_QUALITY)))

    def mp4(self) -> bytes:
        """An H.264 film without sound that a browser can show while it loads; equal frames are equal bytes.

        Colours are BT.709 in its limited range, and say so. The last frame stays for a second and a half.

        Raises:
            InvalidInput: there are no frames.
        """
        self._check()
        buffer = BytesIO()
        ticks = self._ticks
        # Room for the index before the pictures; ffmpeg's own way to move it there opens the file anew, by its name.
        options = {"moov_size": str(4096 + 32 * ticks * len(self._frames)), "fflags": "bitexact"}
        with av.open(buffer, "w", format="mp4", options=options) as film:
            stream = film.add_stream("libx264", rate=_RATE, options={"crf": "18", "preset": "medium", **REPEATABLE})
            stream.width, stream.height = self._size
            stream.pix_fmt = "yuv420p"
            stream.color_primaries, stream.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            stream.colorspace, stream.color_range = Colorspace.ITU709, ColorRange.MPEG
            # More threads would share a picture's bits differently.
            stream.codec_context.thread_count = 1
            shown = [ticks] * (len(self._frames) - 1) + [round(_HOLD_SECONDS * _RATE)]
            time = 0
            for image, count in zip(self._images(), shown, strict=True):
                frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.MPEG,
                    interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
                    # More are slower with pictures as small, and have been seen to give other bytes.
                    threads=1,
                )
                frame.time_base = Fraction(1, _RATE)
                for _ in range(count):
                    frame.pts = time
                    film.mux(stream.encode(frame))
                    time += 1
            film.mux(stream.encode(None))
        return buffer.getvalue()

    def gif(self) -> bytes:
        """A GIF that begins again at its end, 360 pixels on its longer side and of 75 frames at most.

        All frames share a palette, and nothing is dithered: of what was tried, this flickers least.

        Raises:
            InvalidInput: there are no frames.
        """
        self._check()
        size = fit(self._size, min(_GIF_LONGER_SIDE, max(self._size)))
        stride = math.ceil(len(self._frames) / _GIF_MOST_FRAMES)
        images = [resize_image(image, size) for image in self._images(stride)]
        palette = _palette(images)
        first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
        # in hundredths of a second, as the format has them
        milliseconds = round(100 * stride * self._ticks / _RATE) * 10
        buffer = BytesIO()
        first.save(
            buffer,
            "GIF",
            save_all=True,
            append_images=others,
            duration=[milliseconds] * len(others) + [round(1000 * _HOLD_SECONDS)],
            loop=0,
        )
        return buffer.getvalue()

    @property
    def _ticks(self) -> int:
        """How many thirtieths of a second each frame is shown."""
        return 2 if 2 * len(self._frames) <= _LONGEST_SECONDS * _RATE else 1

    def _make_room(self, evaluation: int) -> bool:
        """Whether it is this evaluation's turn; if it is, there is room for it."""
        if not _is_due(self._frames, evaluation):
            return False
        if len(self._frames) < self._most_frames:
            return True
        del self._frames[1::2]
        return _is_due(self._frames, evaluation)

    def _check(self) -> None:
        if not self._frames:
            raise InvalidInput("There are no frames to make a film of.", advice="Add one at least.")

    def _images(self, stride: int = 1) -> Iterator[Image.Image]:
        """Every so many frames, counted so that the last is among them."""
        for frame in self._frames[(len(self._frames) - 1) % stride :: stride]:
            yield Image.open(BytesIO(frame.jpeg), formats=("JPEG",))  # a checkpoint may hold anything


def _is_due(frames: Sequence[Frame], evaluation: int) -> bool:
    if not frames:
        return True
    spacing = frames[1].evaluation - frames[0].evaluation if len(frames) > 1 else 1
    return evaluation >= frames[-1].evaluation + spacing


def _even(size: Size) -> Size:
    """The next smaller size with even sides, 2 pixels at least: 4:2:0 has one colour for two by two pixels."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def _palette(images: list[Image.Image]) -> Image.Image:
    width, height = images[0].size
    chosen = [*images[:: math.ceil(len(images) / _GIF_PALETTE_FRAMES)], *images[-1:] * _GIF_PALETTE_FRAMES]
    strip = Image.new("RGB", (width, height * len(chosen)))
    for row, image in enumerate(chosen):
        strip.paste(image, (0, row * height))
    return strip.quantize(256)
