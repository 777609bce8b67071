from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylegram.common.picture_features import features_of
from stylegram.common.records import PictureFeatures

SIDE = 192
MOST = {"brightness": 1, "contrast": 0.5, "colorfulness": 2, "detail": 1, "direction": 1, "hue_variety": 1}
Y, X = np.mgrid[:SIDE, :SIDE]


def grey(values: NDArray[np.int64]) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def soft(width: int, height: int, seed: int = 0) -> Image.Image:
    """Blobs of many colours."""
    return noise(9, 6, seed).resize((width, height), Image.Resampling.BICUBIC)


def hues(*hues: int) -> Image.Image:
    """Stripes of one hue each, 0 … 255, all vivid."""
    stripes = Image.fromarray(np.array([hues], np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    full = Image.new("L", stripes.size, 255)
    return Image.merge("HSV", [stripes, full, full]).convert("RGB")


def rainbow() -> Image.Image:
    return hues(*range(0, 256, 4))


def stripes(degrees: float, period: float = 12) -> Image.Image:
    angle = np.radians(degrees)
    return grey(np.asarray(127 + 100 * np.sin(2 * np.pi / period * (X * np.cos(angle) + Y * np.sin(angle)))))


@pytest.mark.parametrize("level", [0, 77, 255])
def test_flat_grey_is_as_bright_as_it_is_and_nothing_else(level: int) -> None:
    features = features_of(Image.new("RGB", (90, 60), (level,) * 3)).model_dump()
    assert features.pop("brightness") == pytest.approx(level / 255, abs=1e-6)
    assert features == dict.fromkeys(features, 0.0)


def test_a_checkerboard_is_all_detail_and_has_no_direction() -> None:
    assert features_of(grey((X + Y) % 2 * 255)) == PictureFeatures(
        brightness=0.5, contrast=0.5, colorfulness=0, detail=1, direction=0, hue_variety=0
    )


def test_coarser_squares_have_less_detail() -> None:
    fine, middle, coarse = (features_of(grey((X // side + Y // side) % 2 * 255)).detail for side in (2, 6, 24))
    assert 1 > fine > 2 * middle > 4 * coarse > 0


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 120, 135])
def test_stripes_run_in_one_direction_whichever_it_is(degrees: int) -> None:
    assert features_of(stripes(degrees)).direction > 0.98


def test_stripes_across_each_other_run_in_none() -> None:
    plaid = Image.blend(stripes(20), stripes(110), 0.5)
    assert features_of(plaid).direction < 0.03
    assert features_of(Image.blend(stripes(20), stripes(110), 0.25)).direction > 0.5


def test_a_faint_ramp_has_its_direction() -> None:
    assert features_of(grey(80 + X // 2)).direction > 0.95


def test_noise_is_detail_without_direction_in_all_hues() -> None:
    features = features_of(noise(SIDE, SIDE))
    # A mean of four has a quarter of the variance.
    assert features.detail == pytest.approx(0.75, abs=0.02)
    assert features.direction < 0.03
    assert features.hue_variety > 0.97


def test_colorfulness_is_hasler_and_susstrunks() -> None:
    # Red: red - green = 1 and (red + green) / 2 - blue = 1/2 everywhere, without deviation.
    assert features_of(Image.new("RGB", (20, 20), "red")).colorfulness == pytest.approx(0.3 * (1 + 0.25) ** 0.5)
    # Red and green, half each: 1 and -1; 1/2 and 1/2.
    assert features_of(hues(0, 85)).colorfulness == pytest.approx(1 + 0.3 * 0.5, abs=1e-3)
    assert features_of(rainbow()).colorfulness > 0.4


def test_hues_are_many_where_they_go_round_the_circle() -> None:
    one, shades, two, three, all_ = (
        features_of(image).hue_variety for image in (hues(20), hues(20, 22), hues(0, 128), hues(0, 85, 170), rainbow())
    )
    assert one == pytest.approx(0, abs=1e-6)
    assert shades < 0.1
    assert shades < two < three < all_
    assert all_ > 0.97


def test_grey_that_compression_tints_is_still_grey() -> None:
    tinted = np.full((SIDE, SIDE, 3), 128) + np.random.default_rng(0).integers(-1, 2, (SIDE, SIDE, 3))
    faint = Image.fromarray(tinted.astype(np.uint8))
    assert features_of(faint).hue_variety < 0.4 < features_of(noise(SIDE, SIDE)).hue_variety


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (1, 700), (5000, 2), (7, 3), (257, 256)])
@pytest.mark.parametrize("make", [noise, soft])
def test_pictures_of_any_shape_have_finite_features_in_their_ranges(
    make: Callable[[int, int], Image.Image], size: tuple[int, int]
) -> None:
    for name, value in features_of(make(*size)).model_dump().items():
        assert 0 <= value <= MOST[name], name


@pytest.mark.parametrize("image", [rainbow(), hues(0, 85), grey((X + Y) % 2 * 255), stripes(0, 2)])
def test_extreme_pictures_stay_in_the_ranges(image: Image.Image) -> None:
    for name, value in features_of(image).model_dump().items():
        assert 0 <= value <= MOST[name], name


@pytest.mark.parametrize("scale", [0.8, 0.95, 1.1, 3])
def test_a_picture_and_its_larger_version_look_alike(scale: float) -> None:
    for grain in (noise(9, 6), noise(80, 60)):
        image = grain.resize((480, 360), Image.Resampling.BICUBIC)
        other = image.resize((int(480 * scale), int(360 * scale)), Image.Resampling.BICUBIC)
        assert features_of(other).model_dump() == pytest.approx(features_of(image).model_dump(), abs=0.02)


def test_a_picture_that_is_turned_or_mirrored_looks_the_same() -> None:
    image = soft(120, 90)
    for turn in (Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180):
        assert features_of(image.transpose(turn)).model_dump() == pytest.approx(features_of(image).model_dump())


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK"])
def test_pictures_of_any_mode_are_measured(mode: str) -> None:
    image = soft(300, 200).convert(mode)
    assert features_of(image) == features_of(image.convert("RGB"))


def test_the_picture_is_left_as_it_is() -> None:
    image = soft(300, 200)
    before = image.tobytes()
    assert features_of(image) == features_of(image)
    assert (image.size, image.tobytes()) == ((300, 200), before)
