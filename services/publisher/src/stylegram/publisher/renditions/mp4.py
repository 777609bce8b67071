"""Writing a film exactly as Instagram wants its reels, so that it is refused for nothing.

The "Reel specifications" of the Instagram Platform's IG User Media: MP4 without edit lists and with its index first;
H.264, progressive, closed groups of pictures, 4:2:0, 23 to 60 a second, 25 Mbit/s at most; AAC of 48 kHz at most.
"""

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from av.video.stream import VideoStream
from PIL import Image

from stylegram.common.x264 import REPEATABLE
from stylegram.publisher.renditions.look import Size

RATE = 30
"""Pictures a second."""

_SAMPLE_RATE = 48_000
_SAMPLES = 1024  # of an AAC packet
_VIDEO_OPTIONS = {
    # Instagram codes it once more: this is to lose nothing that it would keep, and to take as little time.
    "crf": "18",
    "preset": "veryfast",
    "profile": "high",
    # The noise that some films begin with would take more than Instagram's limit.
    "maxrate": "12M",
    "bufsize": "12M",
    # Pictures in another order than they are shown in would need an edit list, to begin at zero.
    "bf": "0",
    "g": str(2 * RATE),
    "flags": "+cgop+bitexact",
    **REPEATABLE,
}
# Of the index, for a picture and for a packet of sound: length, place, and a chunk of their own.
_INDEX_BYTES = 32


def encode(images: Iterable[tuple[Image.Image, int]], size: Size, count: int) -> bytes:
    """An H.264 film with a silent stereo track; equal pictures are equal bytes with the same version of the coder.

    Only one picture is in memory, and those that the coder looks ahead.

    Args:
        images: mode RGB, each with how many thirtieths of a second it is shown.
        size: width and height of each in pixels, both even.
        count: sum of those thirtieths.
    """
    buffer = BytesIO()
    packets = count + count * _SAMPLE_RATE // (RATE * _SAMPLES) + 2
    options = {
        # Room for the index before the pictures; the muxer's own way to move it there opens the file by its name.
        "moov_size": str(8192 + _INDEX_BYTES * packets),
        "use_editlist": "0",
        "fflags": "bitexact",
    }
    with av.open(buffer, "w", format="mp4", options=options) as film:
        video, audio = _video(film, size), _audio(film)
        silence = _Silence(film, audio)
        time = 0
        for image, ticks in images:
            frame = _frame(image)
            for _ in range(ticks):
                frame.pts = time
                film.mux(video.encode(frame))
                time += 1
                silence.until(Fraction(time, RATE))
        film.mux(video.encode(None))
        silence.end()
    return buffer.getvalue()


class _Silence:
    """The sound track, which grows with the pictures so that both come in turn."""

    def __init__(self, film: OutputContainer, stream: AudioStream) -> None:
        self._film = film
        self._stream = stream
        self._samples = 0

    def until(self, seconds: Fraction) -> None:
        while self._samples + _SAMPLES <= seconds * _SAMPLE_RATE:
            frame = av.AudioFrame.from_ndarray(np.zeros((2, _SAMPLES), np.float32), format="fltp", layout="stereo")
            frame.sample_rate = _SAMPLE_RATE
            frame.pts = self._samples
            frame.time_base = Fraction(1, _SAMPLE_RATE)
            self._samples += _SAMPLES
            self._write(frame)

    def end(self) -> None:
        self._write(None)

    def _write(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # The coder's run-up, before the film begins, would need an edit list too.
            if packet.pts is not None and packet.pts >= 0:
                self._film.mux(packet)


def _video(film: OutputContainer, size: Size) -> VideoStream:
    stream = film.add_stream("libx264", rate=RATE, options=_VIDEO_OPTIONS)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.color_primaries, stream.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    stream.colorspace, stream.color_range = Colorspace.ITU709, ColorRange.MPEG
    # Always as many, for another number would share a picture's bits differently.
    stream.codec_context.thread_count = 2
    return stream


def _audio(film: OutputContainer) -> AudioStream:
    stream = film.add_stream("aac", rate=_SAMPLE_RATE, layout="stereo", options={"flags": "+bitexact"})
    stream.bit_rate = 128_000
    return stream


def _frame(image: Image.Image) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        # More have been seen to give other bytes.
        threads=1,
    )
    frame.time_base = Fraction(1, RATE)
    return frame
