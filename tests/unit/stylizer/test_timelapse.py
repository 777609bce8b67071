"""Which frames are kept, and what the films that are made of them show."""

from io import BytesIO

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter, UnidentifiedImageError
from PIL.GifImagePlugin import GifImageFile

from stylegram.common.errors import InvalidInput
from stylegram.stylizer.timelapse import Frame, Timelapse

RED, GREEN, BLUE = (220, 20, 40), (20, 200, 60), (30, 40, 210)


class Canvas:
    """A picture that counts how often it is looked at."""

    def __init__(self, image: Image.Image | None = None) -> None:
        self.image = image or Image.new("RGB", (4, 4))
        self.looks = 0

    def render(self) -> Image.Image:
        self.looks += 1
        return self.image


def filled(evaluations: int, *, most_frames: int = 150, every: int = 1) -> tuple[Timelapse, Canvas]:
    timelapse, canvas = Timelapse((8, 8), most_frames=most_frames), Canvas()
    for evaluation in range(1, evaluations + 1, every):
        timelapse.add(evaluation, canvas.render)
    return timelapse, canvas


def evaluations_of(timelapse: Timelapse) -> list[int]:
    return [frame.evaluation for frame in timelapse.frames]


def colours(*which: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Timelapse:
    timelapse = Timelapse(size)
    for evaluation, colour in enumerate(which, 1):
        timelapse.add(evaluation, Canvas(Image.new("RGB", (16, 12), colour)).render)
    return timelapse


def decoded(film: bytes) -> list[NDArray[np.uint8]]:
    # swscale's default rounds down, which darkens everything by a level
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
    with av.open(BytesIO(film), "r") as container:
        frames = [frame.to_ndarray(format="rgb24", interpolation=exact) for frame in container.decode(video=0)]
    return [frame.astype(np.uint8) for frame in frames]


def is_near(picture: NDArray[np.uint8] | Image.Image, colour: tuple[int, int, int], tolerance: float) -> bool:
    return bool(np.abs(np.asarray(picture).mean(axis=(0, 1)) - colour).max() <= tolerance)


@given(st.integers(1, 400), st.integers(2, 20), st.integers(1, 7))
def test_few_frames_are_kept_evenly_spaced_from_the_first(evaluations: int, most_frames: int, every: int) -> None:
    timelapse, _ = filled(evaluations, most_frames=most_frames, every=every)
    kept, offered = evaluations_of(timelapse), len(range(1, evaluations + 1, every))
    assert kept[0] == 1
    assert len(set(np.diff(kept))) <= 1
    assert min(offered, most_frames // 2) <= len(kept) <= most_frames
    # what has not been kept since is less than a frame's turn
    assert len(kept) == 1 or evaluations - kept[-1] < kept[1] - kept[0] + every


@given(st.integers(1, 200), st.integers(2, 12))
def test_the_last_is_always_kept(evaluations: int, most_frames: int) -> None:
    timelapse, _ = filled(evaluations, most_frames=most_frames)
    timelapse.add(evaluations + 1, Canvas(Image.new("RGB", (4, 4), RED)).render, last=True)
    kept = evaluations_of(timelapse)
    assert kept[-1] == evaluations + 1
    assert kept[0] == 1
    assert len(kept) <= most_frames
    assert is_near(Image.open(BytesIO(timelapse.frames[-1].jpeg)), RED, 3)


def test_a_picture_that_is_not_kept_is_not_rendered() -> None:
    timelapse, canvas = filled(1000, most_frames=10)
    # Ten at each spacing, of which five were there before.
    assert canvas.looks <= 10 + 5 * 7
    before = canvas.looks
    timelapse.add(1001, canvas.render)
    assert canvas.looks == before


def test_what_comes_again_takes_the_place_of_what_there_was() -> None:
    timelapse, canvas = filled(40, most_frames=50)
    canvas.image = Image.new("RGB", (4, 4), GREEN)
    timelapse.add(21, canvas.render)
    assert evaluations_of(timelapse) == list(range(1, 22))
    assert is_near(Image.open(BytesIO(timelapse.frames[-1].jpeg)), GREEN, 3)


@given(st.integers(1, 100), st.integers(1, 100), st.integers(2, 12))
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(before: int, after: int, most_frames: int) -> None:
    whole, _ = filled(before + after, most_frames=most_frames)
    first, canvas = filled(before, most_frames=most_frames)
    second = Timelapse((8, 8), most_frames=most_frames, frames=first.frames)
    for evaluation in range(before + 1, before + after + 1):
        second.add(evaluation, canvas.render)
    assert second.frames == whole.frames


@pytest.mark.parametrize(
    ("size", "longer_side", "expected"),
    [
        ((4000, 3000), 720, (720, 540)),
        ((3000, 4000), 720, (540, 720)),
        ((1000, 667), 720, (720, 480)),
        ((301, 201), 720, (300, 200)),
        ((4000, 40), 720, (720, 6)),
        ((3, 300), 100, (2, 100)),
        ((1, 1), 720, (2, 2)),
    ],
)
def test_the_film_has_the_pictures_proportions_in_even_sides(
    size: tuple[int, int], longer_side: int, expected: tuple[int, int]
) -> None:
    timelapse = Timelapse(size, longer_side=longer_side)
    timelapse.add(1, Canvas(Image.new("RGB", (5, 7), RED)).render)
    assert Image.open(BytesIO(timelapse.frames[0].jpeg)).size == expected
    height, width, _ = decoded(timelapse.mp4())[0].shape
    assert (width, height) == expected
    assert max(Image.open(BytesIO(timelapse.gif())).size) == min(360, max(expected))


def test_an_mp4_shows_the_frames_in_their_colours_and_holds_the_last() -> None:
    shown = decoded(colours(RED, GREEN, BLUE).mp4())
    assert len(shown) == 2 + 2 + 45
    for picture, colour in zip(shown, [RED, RED, GREEN, GREEN] + [BLUE] * 45, strict=True):
        assert is_near(picture, colour, 5)


def test_an_mp4_is_what_every_player_knows() -> None:
    film = colours(RED, GREEN, BLUE).mp4()
    assert film.index(b"moov") < film.index(b"mdat"), "a browser shows it while it loads"
    with av.open(BytesIO(film), "r") as container:
        assert not container.streams.audio
        (stream,) = container.streams.video
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate is not None
        assert float(stream.average_rate) == 30
        assert (codec.colorspace, codec.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
        assert (codec.color_primaries, codec.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)


@pytest.mark.parametrize("frames", [1, 120, 121, 150])
def test_a_film_is_ten_seconds_long_at_most(frames: int) -> None:
    timelapse, _ = filled(frames)
    with av.open(BytesIO(timelapse.mp4()), "r") as container:
        assert container.duration is not None
        assert 1.5 <= container.duration / av.time_base <= 10
    gif = Image.open(BytesIO(timelapse.gif()))
    # Pillow writes a picture that has not changed as more time for the one before.
    assert gif.info["duration"] <= 10_000


def test_equal_frames_are_equal_films() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), np.uint8)
    frames = [Timelapse((64, 48)), Timelapse((64, 48))]
    for timelapse in frames:
        for evaluation, picture in enumerate(noise, 1):
            timelapse.add(evaluation, Canvas(Image.fromarray(picture)).render)
    first, second = frames
    assert first.mp4() == second.mp4()
    assert first.gif() == second.gif()


def test_the_coder_repeats_itself() -> None:
    # Sharper and sharper, as a picture comes about: of such films one in thirty was another.
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)).resize((96, 80))
    timelapse = Timelapse((96, 80))
    for evaluation in range(120):
        timelapse.add(evaluation, Canvas(picture.filter(ImageFilter.GaussianBlur((120 - evaluation) / 20))).render)
    assert len({timelapse.mp4() for _ in range(15)}) == 1


def test_a_gif_shows_the_frames_in_their_colours_holds_the_last_and_begins_again() -> None:
    gif = Image.open(BytesIO(colours(RED, GREEN, BLUE).gif()))
    assert gif.info["loop"] == 0
    durations = []
    for index, colour in enumerate((RED, GREEN, BLUE)):
        gif.seek(index)
        assert is_near(gif.convert("RGB"), colour, 6)
        durations.append(gif.info["duration"])
    assert durations == [70, 70, 1500]


def test_a_gif_of_many_frames_has_fewer_and_ends_with_the_last() -> None:
    timelapse, noise = Timelapse((64, 48)), np.random.default_rng(0)
    for evaluation in range(1, 122):
        picture = Image.fromarray(noise.integers(0, 256, (12, 16, 3), np.uint8))
        timelapse.add(evaluation, Canvas(picture).render)
    timelapse.add(122, Canvas(Image.new("RGB", (16, 12), RED)).render, last=True)
    gif = GifImageFile(BytesIO(timelapse.gif()))
    assert gif.n_frames == 61, "every second one, and the last"
    gif.seek(60)
    assert is_near(gif.convert("RGB"), RED, 6)


def test_a_film_without_frames_is_refused() -> None:
    empty = Timelapse((64, 48))
    for make in (empty.mp4, empty.gif):
        with pytest.raises(InvalidInput, match="no frames"):
            make()


def test_a_frame_out_of_a_checkpoint_is_taken_for_a_jpeg_and_nothing_else() -> None:
    buffer = BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "PNG")
    timelapse = Timelapse((64, 48), frames=[Frame(1, buffer.getvalue())])
    with pytest.raises(UnidentifiedImageError):
        timelapse.mp4()


def test_a_frame_says_when_it_was() -> None:
    timelapse, _ = filled(1)
    (frame,) = timelapse.frames
    assert isinstance(frame, Frame)
    assert frame.evaluation == 1
    assert frame.jpeg.startswith(b"\xff\xd8")
