from io import BytesIO

import pytest
from PIL import Image

from ingest_samples import SIZE, encoded, noise
from stylegram.common import images
from stylegram.common.errors import InvalidImage
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


def test_a_file_too_large_is_refused_by_its_size_alone() -> None:
    images.check_file_size(images.MAX_BYTES)
    with pytest.raises(InvalidImage, match="201 MB; the limit is 200 MB"):
        images.check_file_size(images.MAX_BYTES + 1_000_000)
