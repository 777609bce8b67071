from io import BytesIO

import pytest
from PIL import Image

from ingest_samples import SIZE, encoded, noise, quarters
from stylegram.common import images
from stylegram.common.errors import InvalidImage
from stylegram.common.picture_features import measure_features
from stylegram.ingest import hygiene


@pytest.mark.parametrize("format_", ["PNG", "BMP", "JPEG", "WEBP"])
def test_what_is_stored_is_what_decoding_the_source_gives(format_: str) -> None:
    data = encoded(noise(), format_)
    cleaned = hygiene.clean(data)
    assert (cleaned.format, (cleaned.width, cleaned.height)) == (format_, SIZE)
    with Image.open(BytesIO(cleaned.data)) as image:
        assert image.format == "PNG"
        assert image.tobytes() == images.decode_image(data).pixels.tobytes()


def test_the_same_bytes_give_the_same_bytes() -> None:
    data = encoded(noise(), "JPEG")
    assert hygiene.clean(data) == hygiene.clean(data)


@pytest.mark.parametrize(
    ("degrees", "turn"),
    [(90, Image.Transpose.ROTATE_90), (180, Image.Transpose.ROTATE_180), (270, Image.Transpose.ROTATE_270)],
)
def test_a_picture_is_turned_as_the_judge_says(degrees: int, turn: Image.Transpose) -> None:
    cleaned = hygiene.clean(encoded(noise(), "PNG"), lambda pixels: degrees)
    with Image.open(BytesIO(cleaned.data)) as image:
        assert image.tobytes() == noise().transpose(turn).tobytes()
        assert (cleaned.turned, cleaned.width, cleaned.height) == (degrees, *image.size)


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_what_is_stored_is_measured(format_: str) -> None:
    data = encoded(quarters(), format_)
    for cleaned in (hygiene.clean(data), hygiene.clean(data, lambda pixels: 90)):
        with Image.open(BytesIO(cleaned.data)) as image:
            assert cleaned.features == measure_features(image)
        assert cleaned.features["colorfulness"] > 0.3


def test_what_the_judge_finds_upright_stays_as_it_is() -> None:
    data = encoded(noise(), "PNG")
    assert hygiene.clean(data, lambda pixels: 0) == hygiene.clean(data)


def test_the_judge_is_not_asked_where_the_file_says_how_it_is_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(noise(), "PNG", exif=exif)
    cleaned = hygiene.clean(data, lambda pixels: pytest.fail("it was asked"))
    assert cleaned == hygiene.clean(data)
    assert cleaned.turned == 0


def test_a_file_too_large_is_refused_by_its_size_alone() -> None:
    images.check_file_size(images.MAX_BYTES)
    with pytest.raises(InvalidImage, match="201 MB; the limit is 200 MB"):
        images.check_file_size(images.MAX_BYTES + 1_000_000)
