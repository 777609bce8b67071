"""Media of each kind: their sizes, what they show, and what their files say."""

from io import BytesIO
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin

from stylegram.common.errors import InvalidImage, InvalidInput, NotFound
from stylegram.common.images import encode_png
from stylegram.common.ports import Medium
from stylegram.publisher.renditions import SIZES, Fit, Look, PostFormat, render

FITS = get_args(Fit)
FORMATS = get_args(PostFormat)
RED, BLUE = (255, 0, 0), (0, 0, 255)


class Files:
    """Pictures in memory that tell which of them were read; those that are not there are not found."""

    def __init__(self, result: bytes | None = None, content: bytes | None = None, style: bytes | None = None) -> None:
        self._files = {"result": result, "content": content, "style": style}
        self.read: list[str] = []

    def result(self) -> bytes:
        return self._read("result")

    def content(self) -> bytes:
        return self._read("content")

    def style(self) -> bytes:
        return self._read("style")

    def film(self) -> bytes:
        return self._read("film")

    def _read(self, name: str) -> bytes:
        self.read.append(name)
        data = self._files.get(name)
        if data is None:
            raise NotFound(f"There is no {name}.")
        return data


def look(
    post_format: PostFormat = "square", fit: Fit = "crop", *, quality: int = 95, max_enlargement: float = 1000
) -> Look:
    return Look(post_format, fit, quality, max_enlargement)


def decode(medium: Medium) -> Image.Image:
    image = Image.open(BytesIO(medium.data))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (medium.width, medium.height))
    assert (medium.content_type, medium.seconds, medium.cover) == ("image/jpeg", None, None)
    return image


def levels(medium: Medium) -> NDArray[np.int64]:
    return np.asarray(decode(medium)).astype(np.int64)


def photo(data: bytes, post_look: Look) -> Medium:
    (medium,) = render("photo", Files(data), post_look, "")
    return medium


def bands(width: int, height: int) -> bytes:
    """Red left, blue right, a white line around."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (1, 1, width // 2, height - 1))
    image.paste("blue", (width // 2, 1, width - 1, height - 1))
    return encode_png(image)


def square_at(left: int, *, size: tuple[int, int] = (900, 300), ground: Image.Image | None = None) -> bytes:
    """A white square of 200 pixels on grey, or on another ground."""
    image = ground.copy() if ground else Image.new("RGB", size, "#404040")
    image.paste("white", (left, 50, left + 200, 250))
    return encode_png(image)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8))


def brightest_columns(image: Image.Image) -> tuple[int, int]:
    columns = np.flatnonzero(np.asarray(image.convert("L")).max(axis=0) > 230)
    return int(columns[0]), int(columns[-1])


def test_the_sizes_are_those_of_the_feed() -> None:
    assert SIZES == {"square": (1080, 1080), "portrait": (1080, 1350), "landscape": (1080, 566)}


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(16, 700),
    height=st.integers(16, 700),
    post_format=st.sampled_from(FORMATS),
    fit=st.sampled_from(FITS),
    max_enlargement=st.sampled_from([1.0, 2.0, 1000.0]),
)
def test_any_picture_gets_exactly_the_size(
    width: int, height: int, post_format: PostFormat, fit: Fit, max_enlargement: float
) -> None:
    medium = photo(bands(width, height), look(post_format, fit, max_enlargement=max_enlargement))
    assert decode(medium).size == SIZES[post_format]


@pytest.mark.parametrize("kind", ["photo", "story", "grid-1", "grid-9"])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(16, 1_600), (1_600, 16), (16, 16)])
def test_so_does_a_strip(size: tuple[int, int], fit: Fit, kind: str) -> None:
    (medium,) = render(kind, Files(bands(*size)), look(fit=fit, max_enlargement=2), "")
    decode(medium)


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.new("RGBA", (300, 200), (255, 0, 0, 255)), format="PNG"),
        saved(Image.new("CMYK", (300, 200), (0, 255, 255, 0)), format="JPEG"),
        saved(Image.new("P", (300, 200), 0), format="GIF"),
        saved(Image.fromarray(np.full((200, 300), 30_000, np.uint16)), format="PNG"),
        saved(Image.new("LA", (300, 200), (90, 128)), format="PNG"),
    ],
    ids=["alpha", "CMYK", "palette", "16 bit", "grey with alpha"],
)
def test_a_picture_of_any_mode_becomes_a_photo(data: bytes) -> None:
    assert decode(photo(data, look())).size == (1080, 1080)


def test_crop_of_a_picture_in_which_nothing_stands_out_keeps_the_middle() -> None:
    ramp = np.linspace(100, 101, 3000)[None, :, None].repeat(1000, axis=0).repeat(3, axis=2)
    pixels = levels(photo(encode_png(Image.fromarray(ramp.round().astype(np.uint8))), look()))
    assert (pixels[540, 5, 0], pixels[540, -5, 0]) == (100, 101)
    edge = np.flatnonzero(pixels[540, :, 0] > 100)[0]
    assert abs(edge - 540) <= 10  # JPEG moves an edge of one level within its block


def test_pad_shows_the_whole_picture_on_a_dark_blur_of_itself() -> None:
    pixels = levels(photo(bands(1000, 500), look(fit="pad")))
    top, bottom = 270, 809
    assert pixels[top, 100].min() > 180  # the white line of the picture's edge
    assert pixels[bottom, 100].min() > 180
    background = pixels[100, 200]
    assert 100 < background[0] < 160  # red, darkened
    assert background[1:].max() < 40
    middle = pixels[100, 500:580, 0]
    assert np.abs(np.diff(middle)).max() < 8  # no edge between the red and the blue is left


def test_stretch_keeps_the_corners_however_small_the_picture_is() -> None:
    pixels = levels(photo(bands(1000, 40), look("portrait", "stretch", max_enlargement=1)))
    assert pixels[5, 500].min() > 150
    assert pixels[-5, 500].min() > 150


def test_a_picture_too_small_to_be_cropped_is_padded() -> None:
    assert np.abs(levels(photo(bands(540, 540), look(max_enlargement=2)))[540, 100] - RED).max() < 10
    pixels = levels(photo(bands(500, 500), look(max_enlargement=2)))
    assert pixels[540, 20, 0] < 160  # ground
    assert pixels[540, 40:42].min() > 150  # the picture's white edge, twice as large
    assert np.abs(pixels[540, 100] - RED).max() < 10
    assert pixels[540, 1080 - 42 : 1080 - 40].min() > 150


@pytest.mark.parametrize("kind", ["photo", "story", "grid-5"])
@pytest.mark.parametrize("fit", FITS)
def test_the_file_says_that_it_is_srgb_and_nothing_else(kind: str, fit: Fit) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "somebody"
    source = saved(Image.new("RGB", (400, 300), "teal"), format="JPEG", exif=exif, comment=b"a remark")
    (medium,) = render(kind, Files(source, source), look(fit=fit, quality=92), "")
    image = decode(medium)
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"])))
    assert {marker for marker, _ in image.applist} == {"APP0", "APP2"}
    assert not image.getexif()
    assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4: paint has edges of pure colour


@pytest.mark.parametrize("kind", ["photo", "carousel", "story", "grid-4"])
def test_the_bytes_are_the_same_each_time(kind: str) -> None:
    files = Files(encode_png(noise(600, 400)), square_at(100, size=(600, 400)), bands(300, 400))
    first = render(kind, files, look(), "a picture")
    assert render(kind, files, look(), "a picture") == first


def test_the_subject_is_that_of_the_photograph() -> None:
    painted = encode_png(noise(900, 300))
    left = photo_of(painted, square_at(0))
    right = photo_of(painted, square_at(700))
    for medium, begin in ((left, 0), (right, 600)):
        shown = noise(900, 300).crop((begin, 0, begin + 300, 300)).resize((1080, 1080), Image.Resampling.LANCZOS)
        assert np.abs(levels(medium) - np.asarray(shown)).mean() < 3


def photo_of(result: bytes, content: bytes | None) -> Medium:
    (medium,) = render("photo", Files(result, content), look(), "")
    return medium


@pytest.mark.parametrize(
    "content", [None, b"no picture", square_at(0, size=(800, 300))], ids=["gone", "damaged", "of another shape"]
)
def test_a_photograph_that_cannot_tell_leaves_the_subject_to_the_painted_picture(content: bytes | None) -> None:
    begin, end = brightest_columns(decode(photo_of(square_at(700), content)))
    assert end - begin > 700  # all of the square, 720 wide by now


def test_no_more_is_read_than_is_needed() -> None:
    files = Files(bands(500, 500), bands(500, 500), bands(500, 500))
    render("photo", files, look(), "")
    render("photo", files, look("portrait", "pad"), "")
    assert set(files.read) == {"result"}
    render("photo", files, look("portrait"), "")
    assert set(files.read) == {"result", "content"}


def test_a_carousel_has_the_painted_picture_first_and_the_text_with_it() -> None:
    red, green, blue = (encode_png(Image.new("RGB", (300, 400), colour)) for colour in ("red", "lime", "blue"))
    media = render("carousel", Files(red, green, blue), look("portrait"), "a cat, painted")
    assert [int(levels(medium)[600, 500].argmax()) for medium in media] == [0, 1, 2]
    assert [medium.alt_text for medium in media] == ["a cat, painted", "", ""]
    assert {decode(medium).size for medium in media} == {(1080, 1350)}


@pytest.mark.parametrize(("content_width", "shown"), [(450, 240), (1800, 720)])
def test_photograph_and_painted_picture_lie_on_each_other(content_width: int, shown: int) -> None:
    """And are both padded where the smaller is too small to be cropped."""
    painted = Image.open(BytesIO(square_at(640)))
    photograph = painted.resize((content_width, content_width // 3))
    files = Files(encode_png(painted), encode_png(photograph), bands(400, 400))
    after, before, _ = render("carousel", files, look(max_enlargement=4), "")
    columns = brightest_columns(decode(after))
    assert columns[1] - columns[0] == pytest.approx(shown, abs=6)
    assert np.abs(np.subtract(columns, brightest_columns(decode(before)))).max() <= 6


def test_a_carousel_needs_its_photograph() -> None:
    with pytest.raises(NotFound):
        render("carousel", Files(bands(100, 100), None, bands(100, 100)), look(), "")


def test_a_story_keeps_the_picture_clear_of_the_controls() -> None:
    white = Image.new("RGB", (900, 1400), "white")
    (medium,) = render("story", Files(encode_png(white)), look(), "a wall")
    pixels = levels(medium)
    assert (medium.width, medium.height, medium.alt_text) == (1080, 1920, "a wall")
    rows = np.flatnonzero(pixels[:, 540].min(axis=1) > 230)
    assert rows[0] >= 0.14 * 1920
    assert rows[-1] < 0.86 * 1920
    assert len(rows) == 1382  # and no less than there is room for
    assert pixels[100, 540].max() < 160


@pytest.mark.parametrize(("width", "height", "fills"), [(900, 1600, True), (980, 1600, True), (820, 1600, True),
                                                         (1000, 1600, False), (800, 1600, False)])  # fmt: skip
def test_a_story_that_is_nearly_upright_fills_the_screen(width: int, height: int, fills: bool) -> None:
    white = encode_png(Image.new("RGB", (width, height), "white"))
    (medium,) = render("story", Files(white), look(fit="pad", max_enlargement=2), "")
    corners = levels(medium)[[5, 5, -5, -5], [5, -5, 5, -5]]
    assert bool((corners > 250).all()) is fills


def test_a_story_of_too_few_pixels_keeps_clear_of_the_controls_though_it_is_upright() -> None:
    white = encode_png(Image.new("RGB", (500, 888), "white"))
    (medium,) = render("story", Files(white), look(max_enlargement=2), "")
    rows = np.flatnonzero(levels(medium)[:, 540].min(axis=1) > 230)
    assert (rows[0], rows[-1]) == (269, 1920 - 270)


def test_nor_is_a_story_enlarged_too_much() -> None:
    white = encode_png(Image.new("RGB", (300, 200), "white"))
    (medium,) = render("story", Files(white), look(max_enlargement=2), "")
    begin, end = brightest_columns(decode(medium))
    assert abs(end - begin + 1 - 600) <= 2


def test_tiles_are_numbered_by_rows_from_the_upper_left() -> None:
    shades = np.arange(10, 190, 20, dtype=np.uint8).reshape(3, 3).repeat(320, axis=0).repeat(240, axis=1)
    picture = encode_png(Image.fromarray(shades))
    middles = []
    for number in range(1, 10):
        (medium,) = render(f"grid-{number}", Files(picture), look(fit="stretch", max_enlargement=5), "a ninth")
        assert (medium.width, medium.height, medium.alt_text) == (1080, 1350, "a ninth")
        middles.append(int(levels(medium)[675, 540, 0]))
    assert np.abs(np.subtract(middles, range(10, 190, 20))).max() <= 1


@pytest.mark.parametrize("kind", ["grid", "grid-0", "grid-10", "painting"])
def test_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match=kind):
        render(kind, Files(bands(100, 100)), look(), "")


def test_no_picture_is_refused() -> None:
    with pytest.raises(InvalidImage):
        photo(b"no picture", look())


def test_the_busiest_picture_stays_below_instagrams_eight_megabytes() -> None:
    (medium,) = render("story", Files(encode_png(noise(1080, 1920))), look(), "")
    assert len(medium.data) < 8_000_000
