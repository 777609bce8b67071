from io import BytesIO

import pytest
from PIL import Image

from ingest_samples import SIZE, encoded, noise
from stylegram.common import images
from stylegram.common.errors import InvalidImage
from stylegram.ingest import hygiene


@pytest.mark.parametrize(("format_", "suffix"), [("PNG", ".png"), ("BMP", ".png"), ("JPEG", ".jpg"), ("WEBP", ".jpg")])
def test_lossless_stays_lossless(format_: str, suffix: str) -> None:
    cleaned = hygiene.clean(encoded(noise(), format_))
    assert (cleaned.suffix, cleaned.format, (cleaned.width, cleaned.height)) == (suffix, format_, SIZE)
    with Image.open(BytesIO(cleaned.data)) as image:
        assert image.get_format_mimetype() == cleaned.content_type
        assert suffix == ".jpg" or image.tobytes() == noise().tobytes()


def test_the_same_bytes_give_the_same_bytes() -> None:
    data = encoded(noise(), "JPEG")
    assert hygiene.clean(data) == hygiene.clean(data)


def test_a_file_too_large_is_refused_by_its_size_alone() -> None:
    hygiene.check_size(images.MAX_BYTES)
    with pytest.raises(InvalidImage, match="201 MB; the limit is 200 MB"):
        hygiene.check_size(images.MAX_BYTES + 1_000_000)
