"""What of a picture is kept when something has to go."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from stylegram.publisher.renditions.framing import Framing, enlargement, frame
from stylegram.publisher.renditions.look import SIZES, Fit, Size
from stylegram.publisher.renditions.saliency import LONGER_SIDE, saliency

SQUARE = SIZES["square"]
LANDSCAPE = SIZES["landscape"]
Box = tuple[int, int, int, int]


def flat(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (70, 90, 80))


def textured(width: int, height: int) -> Image.Image:
    """Grass, more or less: noise of several sizes around one colour."""
    random = np.random.default_rng(3)
    ground = np.full((height, width, 3), (80.0, 110.0, 60.0))
    for size in (2, 8, 32):
        coarse = random.integers(0, 256, (height // size + 1, width // size + 1), dtype=np.uint8)
        ground += (np.asarray(Image.fromarray(coarse).resize((width, height)))[..., None] - 127.5) / 6
    return Image.fromarray(ground.clip(0, 255).astype(np.uint8))


def sky(width: int, height: int) -> Image.Image:
    """Lighter from top to bottom."""
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


GROUNDS = [flat, textured, sky]


def disc(ground: Image.Image, left: int, top: int, colour: str, side: int = 160) -> tuple[Image.Image, Box]:
    box = left, top, left + side, top + side
    ImageDraw.Draw(ground).ellipse(box, fill=colour)
    return ground, box


def cropped(image: Image.Image, canvas: Size) -> tuple[float, float, float, float]:
    """The window's edges in the picture's pixels."""
    left, top, right, bottom = frame(canvas, image.size, lambda: image, "crop", 1000).part
    return left * image.width, top * image.height, right * image.width, bottom * image.height


def contains(window: tuple[float, float, float, float], box: Box) -> bool:
    return window[0] <= box[0] and window[1] <= box[1] and window[2] >= box[2] and window[3] >= box[3]


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("colour", ["#f0d040", "#b02020"])
@pytest.mark.parametrize("left", [20, 130, 400, 600, 720])
def test_a_thing_beside_the_middle_is_kept(ground: Callable[[int, int], Image.Image], colour: str, left: int) -> None:
    image, box = disc(ground(900, 400), left, 120, colour)
    assert contains(cropped(image, SQUARE), box)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("top", [10, 100, 330, 600, 730])
def test_so_is_one_above_or_below_it(ground: Callable[[int, int], Image.Image], top: int) -> None:
    image, box = disc(ground(500, 900), 180, top, "#f0d040")
    assert contains(cropped(image, LANDSCAPE), box)


def test_a_dark_thing_is_kept_too() -> None:
    image, box = disc(textured(900, 400).point(lambda level: 255 - (255 - level) // 2), 700, 120, "#101010")
    assert contains(cropped(image, SQUARE), box)


def test_a_large_thing_without_detail_is_kept_in_the_midst_of_much() -> None:
    ground = textured(900, 400).point(lambda level: level * 2.2 - 108)
    image, box = disc(ground, 540, 35, "#6a8a78", side=330)
    assert contains(cropped(image, SQUARE), box)


def test_something_small_beside_it_does_not_push_a_thing_out_of_the_windows_middle() -> None:
    image, box = disc(flat(1200, 400), 500, 120, "#f0d040")
    image, _ = disc(image, 840, 200, "#f0d040", side=40)
    left, _, right, _ = cropped(image, SQUARE)
    assert abs((left + right) / 2 - (box[0] + box[2]) / 2) < 40


@pytest.mark.parametrize("size", [(900, 400), (400, 900), (1600, 16), (16, 1600)])
def test_where_nothing_stands_out_the_middle_is_kept(size: Size) -> None:
    assert saliency(flat(*size)).max() == 0
    left, top, right, bottom = cropped(flat(*size), SQUARE)
    assert abs(left + right - size[0]) <= 1
    assert abs(top + bottom - size[1]) <= 1


def test_people_keep_their_heads() -> None:
    """Of two things of which only one can be kept, it is the upper, though it is farther from the middle."""
    image, head = disc(flat(400, 900), 120, 60, "#f0d040")
    image, _ = disc(image, 120, 640, "#f0d040")
    assert contains(cropped(image, SQUARE), head)


@given(st.integers(16, 400), st.integers(16, 400))
def test_a_window_has_the_canvass_shape_and_lies_within_the_picture(width: int, height: int) -> None:
    image, _ = disc(flat(width, height), width // 2, height // 3, "#f0d040", side=10)
    for canvas in SIZES.values():
        left, top, right, bottom = cropped(image, canvas)
        assert min(left, top) >= 0
        assert right <= width + 1e-9
        assert bottom <= height + 1e-9
        # What is less than a pixel is not cut away.
        assert (right - left) / (bottom - top) == pytest.approx(canvas[0] / canvas[1], rel=1.01 / min(width, height))


@given(
    st.integers(16, 3000),
    st.integers(16, 3000),
    st.sampled_from(["crop", "pad"]),
    st.sampled_from([*SIZES.values(), (1080, 1920)]),
    st.floats(1, 8),
)
def test_nothing_is_enlarged_more_than_it_may_be(
    width: int, height: int, fit: Fit, canvas: Size, max_enlargement: float
) -> None:
    framing = frame(canvas, (width, height), lambda: flat(16, 16), fit, max_enlargement)
    assert enlarged(framing, (width, height)) <= max_enlargement + 0.5 / min(width, height) + 1e-6
    assert framing.fills is (fit == "crop" and enlargement(canvas, (width, height)) <= max_enlargement) or (
        framing.place == (0, 0, *canvas)
    )


def enlarged(framing: Framing, picture: Size) -> float:
    left, top, right, bottom = framing.part
    place = framing.place
    return max(
        (place[2] - place[0]) / ((right - left) * picture[0]), (place[3] - place[1]) / ((bottom - top) * picture[1])
    )


def test_a_padded_picture_is_whole_and_in_the_middle() -> None:
    framing = frame((1080, 566), (300, 200), lambda: flat(16, 16), "pad", 2)
    assert framing == Framing((1080, 566), (0, 0, 1, 1), (240, 83, 840, 483))


@pytest.mark.parametrize("size", [(1, 1), (3000, 2000), (2, 500), (640, 7)])
def test_a_map_is_small_and_finite(size: Size) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    values = saliency(noise)
    assert max(values.shape) == min(max(size), LONGER_SIDE)
    assert np.isfinite(values).all()
    assert values.min() >= 0
