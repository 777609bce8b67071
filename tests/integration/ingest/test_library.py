"""Pictures that are put into the library by hand, beside those of the sources."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest_samples import candidates, png
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidImage, NotFound, WrongState
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Asset
from stylegram.ingest.tables import UPLOADS, SourceFileRow

pytestmark = pytest.mark.every_database


def names(ingest: Ingest) -> list[str]:
    return [asset.name for asset in ingest.assets(limit=99).items]


def test_what_is_put_in_is_listed_chosen_and_stays(ingest: Ingest, photos: Path) -> None:
    asset = ingest.put_into_library(Role.CONTENT, "folder/me.png", png(1))
    assert (asset.name, asset.sources) == ("me.png", (UPLOADS,))
    (photos / "other.png").write_bytes(png(2))
    for full in (False, True):
        ingest.sync_all(full=full)
        assert names(ingest) == ["other.png", "me.png"]
    assert candidates(ingest)[0].sha256 == asset.sha256
    assert ingest.asset_counts() == {Role.CONTENT: 2, Role.STYLE: 0}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("x" * 3000 + ".png", "x" * 255), (" a.png\n", "a.png"), (" ", "unnamed"), ("..\\b.png", "b.png")],
)
def test_a_name_is_no_longer_than_files_have_and_says_something(ingest: Ingest, given: str, kept: str) -> None:
    ingest.put_into_library(Role.CONTENT, given, png(1))
    with transaction(ingest.engine) as session:
        assert names(ingest) == list(session.scalars(select(SourceFileRow.name))) == [kept]


def test_what_is_taken_out_is_not_chosen_and_can_be_put_in_again(ingest: Ingest) -> None:
    asset = ingest.put_into_library(Role.STYLE, "a.png", png(1))
    ingest.take_out_of_library(Role.STYLE, asset.sha256)
    assert candidates(ingest, Role.STYLE) == ingest.assets(limit=9).items == []
    assert ingest.storage.stat(asset.object_name), "jobs refer to it"
    assert ingest.asset(Role.STYLE, asset.sha256).sources == ()
    with pytest.raises(NotFound, match="in the library"):
        ingest.take_out_of_library(Role.STYLE, asset.sha256)
    ingest.put_into_library(Role.STYLE, "a.png", png(1))
    assert names(ingest) == ["a.png"]


def test_an_upload_of_a_job_is_put_in_as_well(ingest: Ingest) -> None:
    asset = ingest.upload(Role.CONTENT, "a.png", png(1))
    assert names(ingest) == []
    assert ingest.put_into_library(Role.CONTENT, "b.png", png(1)).sha256 == asset.sha256
    assert names(ingest) == ["a.png"]


def test_what_a_source_has_is_removed_there(ingest: Ingest, photos: Path) -> None:
    (photos / "me.png").write_bytes(png(1))
    ingest.sync_all()
    digest = hashlib.sha256(png(1)).hexdigest()
    for _ in range(2):
        with pytest.raises(WrongState, match=r"me\.png.*file://.*Remove the file there"):
            ingest.take_out_of_library(Role.CONTENT, digest)
        ingest.put_into_library(Role.CONTENT, "mine.png", png(1))
        ingest.take_out_of_library(Role.CONTENT, digest)
        assert names(ingest) == ["me.png"], "its source has it"
    asset = ingest.put_into_library(Role.CONTENT, "mine.png", png(1))
    assert sorted(asset.sources) == sorted([ingest.sources[Role.CONTENT].url, UPLOADS])
    (photos / "me.png").unlink()
    ingest.sync_all()
    assert names(ingest) == ["me.png"], "somebody put it in"
    ingest.take_out_of_library(Role.CONTENT, digest)
    assert names(ingest) == []


@pytest.mark.parametrize("role", Role)
def test_what_is_not_there_is_not_found(ingest: Ingest, role: Role) -> None:
    with pytest.raises(NotFound):
        ingest.take_out_of_library(role, "0" * 64)


def test_what_is_no_picture_leaves_nothing(ingest: Ingest) -> None:
    with pytest.raises(InvalidImage):
        ingest.put_into_library(Role.STYLE, "a.png", b"no picture")
    assert names(ingest) == []
    assert list(ingest.storage.list()) == []


def test_the_same_picture_put_in_at_once_is_one(ingest: Ingest) -> None:
    start = threading.Barrier(4)

    def put_in(number: int) -> Asset:
        start.wait()
        return ingest.put_into_library(Role.STYLE, f"{number}.png", png(1))

    with ThreadPoolExecutor(4) as pool:
        assert len({asset.sha256 for asset in pool.map(put_in, range(4))}) == 1
    assert len(names(ingest)) == 1
