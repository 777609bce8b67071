"""Reels: what Instagram asks of their files, and that they show the film that they are made of."""

import struct
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray
from PIL import Image

from stylegram.common.errors import InvalidImage, NotFound
from stylegram.common.ports import Medium
from stylegram.publisher.renditions import Look, render
from stylegram.publisher.renditions.mp4 import encode
from stylegram.publisher.renditions.upright import Reel

GREY, ORANGE = (120, 120, 120), (230, 130, 20)


class OnlyAFilm:
    """Nothing but a film."""

    def __init__(self, film: bytes) -> None:
        self._film = film

    def film(self) -> bytes:
        return self._film

    def result(self) -> bytes:
        raise NotFound("A reel needs no more than its film.")

    content = style = result


def film(images: Iterable[Image.Image], *, rate: Fraction | int = 25) -> bytes:
    """Pictures of one size as a film, as anybody might make it: with B-frames and the index at its end."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        first, *others = images
        stream.width, stream.height = first.size
        for image in (first, *others):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def rising(count: int, size: tuple[int, int] = (160, 120)) -> Iterator[Image.Image]:
    """An orange bar on grey that grows from the left until all is orange."""
    for number in range(1, count + 1):
        image = Image.new("RGB", size, GREY)
        image.paste(ORANGE, (0, 0, size[0] * number // count, size[1]))
        yield image


def still(count: int, size: tuple[int, int] = (160, 120)) -> list[Image.Image]:
    return [Image.new("RGB", size, ORANGE)] * count


def any_subject() -> Image.Image:
    return Image.new("RGB", (16, 16))


# Two seconds of growth, of a film of three and a half; enlarged three times at most, so that it is 480×360 in the reel.
FILM = film([*rising(50), *still(37)])
LOOK = Look("square", "crop", 95, 3.0)


@pytest.fixture(scope="module")
def reel() -> Medium:
    (medium,) = render("reel", OnlyAFilm(FILM), LOOK, "a picture comes about")
    return medium


@pytest.fixture(scope="module")
def frames(reel: Medium) -> list[NDArray[np.int64]]:
    with av.open(BytesIO(reel.data), "r") as container:
        return [frame.to_ndarray(format="rgb24")[::8, ::8].astype(np.int64) for frame in container.decode(video=0)]


def boxes(data: bytes, path: str = "") -> Iterator[str]:
    """The paths of all boxes, in their order."""
    while data:
        size, kind = struct.unpack(">I4s", data[:8])
        here = f"{path}/{kind.decode('latin1')}"
        yield here
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            yield from boxes(data[8:size], here)
        data = data[size:]


def share_of_orange(frame: NDArray[np.int64]) -> float:
    """In the film's place, which is in the middle."""
    row = frame[120, 38:97]
    return float((np.abs(row - ORANGE).max(axis=1) < 40).mean())


def test_it_says_what_it_is(reel: Medium) -> None:
    assert (reel.content_type, reel.width, reel.height) == ("video/mp4", 1080, 1920)
    assert reel.alt_text == "a picture comes about"


def test_the_pictures_are_h264_as_instagram_wants_it(reel: Medium) -> None:
    with av.open(BytesIO(reel.data), "r") as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (stream.width, stream.height) == (1080, 1920)
        assert (context.color_primaries, context.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)
        assert (context.colorspace, context.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
        frames = list(container.decode(stream))
    assert {frame.interlaced_frame for frame in frames} == {False}
    times = [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base is not None]
    assert times == [Fraction(number, 30) for number in range(len(frames))]
    assert reel.seconds == pytest.approx(len(frames) / 30)


def test_each_group_of_pictures_stands_alone(reel: Medium) -> None:
    with av.open(BytesIO(reel.data), "r") as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert all(packet.pts == packet.dts for packet in packets)  # nothing refers to what comes later
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert keys[0] == 0
    assert np.diff([*keys, len(packets)]).max() <= 60
    assert all(5 in nal_types(bytes(packets[number])) for number in keys)  # an IDR picture, after which none looks back


def nal_types(packet: bytes) -> Iterator[int]:
    while packet:
        (size,) = struct.unpack(">I", packet[:4])
        yield packet[4] & 31
        packet = packet[4 + size :]


def test_the_sound_is_silent_aac_as_long_as_the_film(reel: Medium) -> None:
    assert reel.seconds is not None
    with av.open(BytesIO(reel.data), "r") as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.profile, stream.rate) == ("aac", "LC", 48_000)
        assert (stream.layout.name, stream.start_time) == ("stereo", 0)
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
    assert np.abs(sound).max() == 0
    assert sound.shape[1] / 48_000 == pytest.approx(reel.seconds, abs=0.05)


def test_the_index_comes_first_and_has_no_edit_lists(reel: Medium) -> None:
    found = list(boxes(reel.data))
    assert found.index("/moov") < found.index("/mdat")
    assert found.count("/moov/trak") == 2
    assert not [path for path in found if path.endswith(("edts", "ctts"))]
    assert "/moof" not in found


def test_it_shows_the_film_at_its_pace(frames: list[NDArray[np.int64]]) -> None:
    shares = np.array([share_of_orange(frame) for frame in frames])
    wanted = np.array([min(1.0, (number / 30 * 25 + 1) / 50) for number in range(len(frames))])
    assert np.abs(shares - wanted).max() < 0.05


def test_it_lies_whole_on_a_dark_blur_of_its_last_picture(frames: list[NDArray[np.int64]]) -> None:
    for frame in (frames[0], frames[-1]):
        for ground in (frame[:97], frame[143:], frame[:, :37], frame[:, 98:]):
            assert np.abs(ground - np.multiply(ORANGE, 0.55)).max() < 8


def test_its_last_picture_stays_for_two_seconds_at_least(reel: Medium, frames: list[NDArray[np.int64]]) -> None:
    assert reel.seconds == 5.0  # of which the tab of reels wants as many
    assert np.abs(np.subtract(frames[-60:], frames[-1])).max() <= 3


def test_the_cover_is_the_last_picture(reel: Medium, frames: list[NDArray[np.int64]]) -> None:
    assert reel.cover is not None
    cover = Image.open(BytesIO(reel.cover))
    assert (cover.format, cover.mode, cover.size) == ("JPEG", "RGB", (1080, 1920))
    assert np.abs(np.asarray(cover).astype(np.int64)[::8, ::8] - frames[-1]).mean() < 2


def test_the_bytes_are_the_same_each_time(reel: Medium) -> None:
    assert render("reel", OnlyAFilm(FILM), LOOK, "a picture comes about") == (reel,)


@pytest.mark.parametrize(
    ("pictures", "rate", "seconds"),
    [
        ((2, 0), 25, 5.0),
        ((120, 30), 25, 4.76 + 2),  # it moves until 4.76 s, and what follows is too short a hold
        ((120, 130), 25, 10.0),
        ((160, 0), 2, 79.5 + 2),
        ((300, 0), 2, 90.0),
    ],
    ids=["two pictures", "short hold", "long hold", "long", "too long"],
)
def test_how_long_it_is(pictures: tuple[int, int], rate: int, seconds: float) -> None:
    moving, unmoved = pictures
    reel = Reel(film([*rising(moving), *still(unmoved)], rate=rate), any_subject, 2.0)
    assert reel.seconds == pytest.approx(seconds, abs=0.06)
    ticks = [ticks for _, ticks in reel.shown()]
    assert sum(ticks) / 30 == pytest.approx(reel.seconds)
    assert min(ticks) >= 1
    assert sum(ticks[moving - 1 :]) >= 60


def test_a_film_that_is_nearly_upright_fills_the_screen() -> None:
    cover = Reel(film(still(3, (600, 1000))), any_subject, 2.0).cover()
    assert np.abs(np.asarray(cover).astype(int) - ORANGE).max() < 8


def test_noise_stays_below_instagrams_25_megabits_a_second() -> None:
    random = np.random.default_rng(2)
    noise = [Image.fromarray(random.integers(0, 256, (1920, 1080, 3), dtype=np.uint8)) for _ in range(2)]
    assert len(encode(((image, 1) for image in noise * 15), (1080, 1920), 30)) * 8 < 25_000_000


def test_only_a_few_pictures_are_in_memory_at_a_time() -> None:
    alive, most = set[int](), 0

    class Counted(Image.Image):
        def __del__(self) -> None:
            alive.discard(id(self))

    def images() -> Iterator[tuple[Image.Image, int]]:
        nonlocal most
        for _ in range(100):
            image = Image.new("RGB", (64, 64))
            image.__class__ = Counted
            alive.add(id(image))
            most = max(most, len(alive))
            yield image, 1

    assert encode(images(), (64, 64), 100)
    assert 1 <= most <= 2


def sound_only() -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def cut_short(spare: int) -> bytes:
    """A film with its index first, without what comes so many bytes after the begin of its 30th picture."""
    whole = encode(((image, 1) for image in rising(60, (320, 240))), (320, 240), 60)
    with av.open(BytesIO(whole), "r") as container:
        begins = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    return whole[: begins[30] + spare]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"", "cannot be read"),
        (lambda: b"no film" * 100, "cannot be read"),
        (lambda: FILM[: len(FILM) // 2], "cannot be read"),
        (lambda: cut_short(7), "cannot be read"),
        (lambda: cut_short(0), "breaks off after 30 of 60"),
        (sound_only, "no picture"),
        (lambda: film([Image.new("RGB", (4096, 2400))]), "4096×2400"),
        (lambda: film(rising(2), rate=Fraction(1, 901)), "15 minutes"),
    ],
    ids=[
        "empty",
        "garbage",
        "no index",
        "cut within a picture",
        "cut between pictures",
        "sound only",
        "too large",
        "too long",
    ],
)
def test_a_film_that_is_none_is_refused_with_what_to_do(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(InvalidImage, match=reason) as refusal:
        render("reel", OnlyAFilm(make()), LOOK, "")
    assert "another kind" in refusal.value.advice
