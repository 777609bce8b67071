"""Thumbnails are made once, and kept; nothing but time is lost with them."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client
from ingest_samples import encoded, noise, png
from stylegram.common.errors import NotFound, StylegramError, Unavailable
from stylegram.common.ports import Storage, StoredObject
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.thumbnails import Thumbnails


class Watched:
    """A storage that counts what is read, and refuses to write what it is told not to.

    Args:
        storage: does the work.
        refusal: raised by every write.
    """

    def __init__(self, storage: Storage, refusal: StylegramError | None = None) -> None:
        self._storage = storage
        self._refusal = refusal
        self._counting = threading.Lock()
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def read(self, name: str) -> bytes:
        with self._counting:
            self.reads.append(name)
        return self._storage.read(name)

    def write(self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None) -> Any:
        if self._refusal:
            raise self._refusal
        return self._storage.write(name, data, content_type=content_type, metadata=metadata)


@pytest.fixture
def picture(synced: Ingest) -> StoredObject:
    (asset,) = synced.assets(Role.CONTENT, limit=2).items
    stored = synced.storage.stat(asset.object_name)
    assert stored
    return stored


@pytest.fixture
def path(synced: Ingest) -> str:
    (asset,) = synced.assets(Role.CONTENT, limit=2).items
    return f"/v1/assets/content/{asset.sha256}"


def test_a_thumbnail_is_made_once_for_all_processes(synced: Ingest, picture: StoredObject, path: str) -> None:
    kept = f"thumbnails/320/{picture.sha256}.jpg"
    first = open_client(synced).get(f"{path}?width=320")
    assert (first.status_code, first.content) == (200, synced.storage.read(kept))
    watched = Watched(synced.storage)
    again = open_client(replace(synced, storage=watched)).get(f"{path}?width=320")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert "immutable" in again.headers["cache-control"]
    assert watched.reads == [kept], "the picture itself was looked at again"


def test_each_width_is_kept_for_itself(client: TestClient, synced: Ingest, picture: StoredObject, path: str) -> None:
    assert [client.get(f"{path}?width={width}").status_code for width in (320, 640, 640)] == [200, 200, 200]
    names = [stored.name for stored in synced.storage.list("thumbnails/")]
    assert names == [f"thumbnails/{width}/{picture.sha256}.jpg" for width in (320, 640)]


def test_who_has_it_already_has_nothing_made(client: TestClient, synced: Ingest, path: str) -> None:
    etag = client.get(f"{path}?width=320").headers["etag"]
    for stored in list(synced.storage.list("thumbnails/")):
        synced.storage.delete(stored.name)
    assert client.get(f"{path}?width=320", headers={"If-None-Match": etag}).status_code == 304
    assert list(synced.storage.list("thumbnails/")) == []


@pytest.mark.parametrize("refusal", [Unavailable("The disk is full."), StylegramError("It may only be read.")])
def test_where_none_can_be_kept_it_is_answered_all_the_same(synced: Ingest, path: str, refusal: StylegramError) -> None:
    client = open_client(replace(synced, storage=Watched(synced.storage, refusal)))
    first, again = (client.get(f"{path}?width=320") for _ in range(2))
    assert (first.status_code, first.content) == (200, again.content)
    assert list(synced.storage.list("thumbnails/")) == []


def test_a_damaged_one_is_made_anew(
    client: TestClient, synced: Ingest, picture: StoredObject, path: str, tmp_path: Path
) -> None:
    first = client.get(f"{path}?width=320").content
    (file,) = (tmp_path / "storage" / "thumbnails").rglob("*.jpg")
    file.write_bytes(b"no picture")
    assert client.get(f"{path}?width=320").content == first
    assert synced.storage.read(f"thumbnails/320/{picture.sha256}.jpg") == first


def test_who_asks_at_the_same_time_has_it_made_once(synced: Ingest, picture: StoredObject) -> None:
    watched = Watched(synced.storage)
    thumbnails = Thumbnails(watched)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: thumbnails.make(picture, 320), range(8)))
    assert len(set(made)) == 1
    assert watched.reads.count(picture.name) == 1


def test_a_process_that_was_faster_is_no_trouble(synced: Ingest, picture: StoredObject) -> None:
    class Late(Watched):
        """Sees nothing of what another process has just written."""

        def read(self, name: str) -> bytes:
            if name.startswith("thumbnails/"):
                raise NotFound("Not there yet.")
            return super().read(name)

    first = Thumbnails(synced.storage).make(picture, 320)
    assert Thumbnails(Late(synced.storage)).make(picture, 320) == first


def test_the_same_picture_has_one_thumbnail_wherever_it_lies(ingest: Ingest) -> None:
    data = png(1)
    pictures = [ingest.storage.write(name, data, content_type="image/png") for name in ("a.png", "b.png")]
    thumbnails = Thumbnails(ingest.storage)
    assert thumbnails.make(pictures[0], 320) == thumbnails.find(pictures[1], 320)
    other = ingest.storage.write("c.png", encoded(noise(9), "PNG"), content_type="image/png")
    assert thumbnails.find(other, 320) is None
