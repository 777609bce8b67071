import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest_samples import FAST, add_asset, candidates, centres, encoded, messages, noise, png, quarters
from stylegram.common.errors import InvalidImage, NotFound
from stylegram.common.images import decode_image
from stylegram.common.messages import StyleJob
from stylegram.common.picture_features import features_of
from stylegram.common.records import AssetReference, Role
from stylegram.common.topology import STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Asset


def test_an_upload_is_a_clean_picture_that_jobs_may_name(ingest: Ingest) -> None:
    asset = ingest.upload(Role.CONTENT, "me.bmp", encoded(quarters(), "BMP"))
    assert (asset.role, asset.name, asset.format, asset.width, asset.height) == ("content", "me.bmp", "BMP", 96, 64)
    stored = decode_image(ingest.storage.read(asset.object_name))
    assert stored.format == "PNG"
    assert centres(stored.pixels) == centres(quarters())
    assert ingest.asset(Role.CONTENT, asset.sha256) == asset
    style = ingest.upload(Role.STYLE, "it.png", png(2))
    job = ingest.submit(asset, style, FAST)
    assert job.content.sha256 == asset.sha256
    assert candidates(ingest) == [], "nobody put it where pictures are chosen from"


def test_the_same_bytes_are_the_same_asset(ingest: Ingest, photos: Path) -> None:
    asset = ingest.upload(Role.CONTENT, "a.png", png(1))
    assert ingest.upload(Role.CONTENT, "b.png", png(1)) == asset
    assert ingest.upload(Role.STYLE, "a.png", png(1)).object_name != asset.object_name
    (photos / "synced.png").write_bytes(png(3))
    ingest.sync_all()
    (synced,) = candidates(ingest)
    assert ingest.upload(Role.CONTENT, "c.png", png(3)).name == synced.name == "synced.png"


def test_an_upload_that_a_source_has_later_can_be_chosen(ingest: Ingest, photos: Path) -> None:
    asset = ingest.upload(Role.CONTENT, "a.png", png(1))
    (photos / "b.png").write_bytes(png(1))
    ingest.sync_all()
    assert [candidate.sha256 for candidate in candidates(ingest)] == [asset.sha256]


def test_the_same_bytes_at_once_are_one_asset(ingest: Ingest) -> None:
    start = threading.Barrier(6)

    def upload(number: int) -> Asset:
        start.wait()
        return ingest.upload(Role.STYLE, f"{number}.png", png(1))

    with ThreadPoolExecutor(6) as pool:
        assert len({asset.model_dump_json() for asset in pool.map(upload, range(6))}) == 1


@pytest.mark.parametrize("data", [b"", b"no picture", png(1)[:500]])
def test_garbage_is_refused_and_leaves_nothing(data: bytes, ingest: Ingest) -> None:
    with pytest.raises(InvalidImage):
        ingest.upload(Role.STYLE, "a.png", data)
    assert list(ingest.storage.list("assets/")) == []
    assert ingest.quarantine() == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\me.jpg", "me.jpg"),
        ("a\0b\n\udcff.png", "ab.png"),
        ("", "unnamed"),
        ("..", ".."),
        ("x" * 1000, "x" * 255),
    ],
)
def test_names_are_for_people(name: str, kept: str, ingest: Ingest) -> None:
    assert ingest.upload(Role.STYLE, name, png(1)).name == kept


def test_an_asset_is_found_whatever_it_is_for(ingest: Ingest) -> None:
    asset = ingest.upload(Role.STYLE, "a.png", png(1))
    assert ingest.find_asset(asset.sha256) == asset
    with pytest.raises(NotFound, match="no image ffffffffffff"):
        ingest.find_asset("f" * 64)
    with pytest.raises(NotFound, match=f"no content image {asset.sha256[:12]}"):
        ingest.asset(Role.CONTENT, asset.sha256)


def told(ingest: Ingest, content: AssetReference, style: AssetReference) -> StyleJob:
    """What the stylizer is told of a job of the two, which has what they look like in the run's record."""
    ingest.submit(content, style, FAST, further_styles=[style])
    ingest.relay().relay_once()
    (message,) = messages(ingest, STYLIZER_JOBS)
    assert isinstance(message, StyleJob)
    return message


@pytest.mark.every_database
def test_what_pictures_look_like_is_known_of_synced_and_uploaded_ones_and_told_with_jobs(
    ingest: Ingest, photos: Path
) -> None:
    (photos / "me.png").write_bytes(encoded(quarters(), "PNG"))
    ingest.sync_all()
    (synced,) = candidates(ingest)
    uploaded = ingest.upload(Role.STYLE, "it.png", encoded(noise(2), "PNG"))
    assert (synced.features, uploaded.features) == (features_of(quarters()), features_of(noise(2)))
    message = told(ingest, synced, uploaded)
    assert (message.content.features, message.style.features) == (synced.features, uploaded.features)
    assert message.further_styles[0].features == uploaded.features


@pytest.mark.every_database
def test_pictures_from_before_they_were_measured_do_without(ingest: Ingest) -> None:
    content, style = add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)
    assert ingest.asset(Role.STYLE, style.sha256).features is None
    message = told(ingest, content, style)
    assert (message.content.features, message.style.features, message.further_styles[0].features) == (None, None, None)
