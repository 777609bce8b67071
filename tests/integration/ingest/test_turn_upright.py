"""Photographs whose files do not say how they were held, from a folder into storage."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw

from ingest_samples import encoded, open_ingest
from stylegram.common.errors import ConfigurationError
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Asset

SIZE = (240, 160)


def landscape() -> Image.Image:
    """Sky, a ridge and grass: nobody doubts what is up."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    down = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(np.array([90, 150, 230]) * (1 - down) + np.array([220, 230, 245]) * down, (height, width, 3))
    picture = Image.fromarray(sky.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    across = np.linspace(0, width, 60)
    ridge = 85 + 2 * np.cumsum(rng.normal(size=60))
    for line, colour in ((ridge, (90, 100, 120)), (ridge * 0.3 + 95, (60, 110, 50))):
        draw.polygon([(0, height), *zip(across, line, strict=True), (width, height)], fill=colour)
    for x, y in zip(rng.uniform(0, width, 1500), rng.uniform(125, height, 1500), strict=True):
        draw.line([(x, y), (x, y - (y - 120) / 8)], fill=(int(rng.uniform(30, 90)), int(rng.uniform(90, 160)), 30))
    return picture


def on_its_side() -> Image.Image:
    return landscape().transpose(Image.Transpose.ROTATE_90)


@pytest.fixture
def turning(tmp_path: Path) -> Iterator[Ingest]:
    service = open_ingest(tmp_path, turn_upright=True)
    yield service
    service.close()


def only(ingest: Ingest, role: Role = Role.CONTENT) -> tuple[Asset, Image.Image]:
    (asset,) = ingest.assets(role, limit=9).items
    return asset, Image.open(BytesIO(ingest.storage.read(asset.object_name)))


def test_a_photograph_that_lies_on_its_side_is_set_upright(turning: Ingest, tmp_path: Path) -> None:
    (tmp_path / "photos" / "a.png").write_bytes(encoded(on_its_side(), "PNG"))
    turning.sync_all()
    asset, stored = only(turning)
    assert (asset.turned, (asset.width, asset.height), stored.size) == (270, SIZE, SIZE)
    assert stored.tobytes() == landscape().tobytes()


def test_one_that_stands_upright_stays(turning: Ingest, tmp_path: Path) -> None:
    (tmp_path / "photos" / "a.png").write_bytes(encoded(landscape(), "PNG"))
    turning.sync_all()
    asset, stored = only(turning)
    assert (asset.turned, stored.tobytes()) == (0, landscape().tobytes())


def test_what_its_file_says_counts(turning: Ingest, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    (tmp_path / "photos" / "a.png").write_bytes(encoded(on_its_side(), "PNG", exif=exif))
    turning.sync_all()
    asset, stored = only(turning)
    assert (asset.turned, stored.tobytes()) == (0, on_its_side().tobytes())


def test_paintings_hang_as_they_hang(turning: Ingest, tmp_path: Path) -> None:
    (tmp_path / "paintings" / "a.png").write_bytes(encoded(on_its_side(), "PNG"))
    turning.sync_all()
    asset, stored = only(turning, Role.STYLE)
    assert (asset.turned, stored.tobytes()) == (0, on_its_side().tobytes())


def test_nobody_judges_unless_asked_to(tmp_path: Path) -> None:
    service = open_ingest(tmp_path)
    (tmp_path / "photos" / "a.png").write_bytes(encoded(on_its_side(), "PNG"))
    service.sync_all()
    asset, stored = only(service)
    assert (asset.turned, stored.tobytes()) == (0, on_its_side().tobytes())
    service.close()


def test_without_the_network_nothing_is_taken_in_and_it_is_said_why(tmp_path: Path) -> None:
    service = open_ingest(tmp_path, turn_upright=True, weights_dir=tmp_path / "nothing")
    (tmp_path / "photos" / "a.png").write_bytes(encoded(on_its_side(), "PNG"))
    with pytest.raises(ConfigurationError, match=r"STYLEGRAM_TURN_UPRIGHT=false"):
        service.sync_all()
    assert service.assets(limit=9).items == []
    assert service.quarantine() == [], "the file is not to blame"
    service.close()
