import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client, wait_for_sync
from ingest_samples import add_asset, encoded, noise, png
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.tables import SourceFileRow

PATH = "/library"


@pytest.fixture
def prefixed(ingest: Ingest) -> Iterator[TestClient]:
    yield open_client(ingest, prefix="/style")


def page(client: TestClient, query: str = "") -> str:
    response = client.get(PATH + query)
    assert response.status_code == 200
    return response.text


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def shelf(html: str, role: Role) -> str:
    found = re.search(rf'<section class="shelf" id="{role}".*?</section>', html, re.DOTALL)
    assert found
    return found[0]


def fill(ingest: Ingest, folder: Path, count: int) -> None:
    """So many paintings, of which the last is the newest."""
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(png(number))
    ingest.sync_all()


def test_an_empty_library_says_what_to_do(client: TestClient) -> None:
    shown = text(page(client))
    assert "No photographs yet: put some in here, or into their folder." in shown
    assert "Nobody has looked for new pictures yet." in shown
    assert "Refused files" not in shown


def test_a_picture_says_what_it_is_and_leads_on(client: TestClient, synced: Ingest) -> None:
    (asset,) = synced.assets(Role.STYLE, limit=2).items
    html = shelf(page(client), Role.STYLE)
    assert "Scream 96 × 64 px · folder Paint Results" in text(html)
    assert f'href="/?style={asset.sha256}"' in html
    assert f'href="/gallery?style={asset.sha256}"' in html
    assert "/library/remove" not in html, "its folder would bring it again"


def test_pictures_come_a_page_at_a_time_newest_first(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    fill(ingest, tmp_path / "paintings", 30)
    first = shelf(page(client), Role.STYLE)
    (more,) = re.findall(r'data-more href="/library(\?style_after=[^"#]+)#style"', first)
    second = shelf(page(client, unescape(more)), Role.STYLE)
    names = [re.findall(r"<strong><bdi>(\d+)</bdi>", html) for html in (first, second)]
    assert [*names[0], *names[1]] == [f"{number:03}" for number in reversed(range(30))]
    assert len(names[0]) == 24
    assert "data-more" not in second
    assert "Back to the newest" in second
    assert "Paintings 30" in text(first)


@pytest.mark.parametrize("query", ["?style_after=MA==", "?content_after=%00", "?style_after=", "?unknown=1"])
def test_a_broken_address_shows_the_newest(client: TestClient, synced: Ingest, query: str) -> None:
    assert "Scream" in page(client, query)


def test_what_is_put_in_is_there_and_can_be_taken_out(client: TestClient, ingest: Ingest) -> None:
    files = [("file", (f"{number}.png", png(number), "image/png")) for number in range(2)]
    response = client.post("/library/upload", data={"role": "style"}, files=files)
    assert (response.status_code, response.headers["location"]) == (303, "/library#style")
    html = shelf(page(client), Role.STYLE)
    assert "px · upload" in text(html)
    digests = re.findall(r'name="sha256" value="(\w+)"', html)
    response = client.post("/library/remove", data={"role": "style", "sha256": digests[0]})
    assert (response.status_code, response.headers["location"]) == (303, "/library#style")
    assert [asset.sha256 for asset in ingest.assets(limit=9).items] == [digests[1]]


def test_files_that_are_refused_are_named_beside_those_that_are_not(client: TestClient, ingest: Ingest) -> None:
    files = [("file", (name, data, "image/png")) for name, data in (("<b>.png", b"no"), ("a.png", png(1)), ("c", b""))]
    response = client.post("/library/upload", data={"role": "content"}, files=files, headers={"Accept": "text/html"})
    assert response.status_code == 422
    shown = text(response.text)
    assert "The file '<b>.png' is refused: Not a picture of a known type." in shown
    assert "The file 'c' is refused" in shown
    assert "<b>.png" not in response.text
    assert [asset.name for asset in ingest.assets(limit=9).items] == ["a.png"]


def test_a_form_without_files_is_refused(client: TestClient) -> None:
    files: list[tuple[str, Any]] = [("role", (None, "style")), ("file", ("", b"", "application/octet-stream"))]
    response = client.post("/library/upload", files=files, headers={"Accept": "text/html"})
    assert response.status_code == 422
    assert "Choose at least one file" in text(response.text)


def test_what_a_folder_has_is_not_taken_out(client: TestClient, synced: Ingest) -> None:
    (asset,) = synced.assets(Role.STYLE, limit=2).items
    form = {"role": "style", "sha256": asset.sha256}
    response = client.post("/library/remove", data=form, headers={"Accept": "text/html"})
    assert response.status_code == 409
    assert "Remove the file there" in text(response.text)


def test_the_upload_of_what_a_folder_has_as_well_is_taken_out(client: TestClient, synced: Ingest) -> None:
    (asset,) = synced.assets(Role.STYLE, limit=2).items
    source = asset.sources
    synced.put_into_library(Role.STYLE, "again.png", png(2))
    assert "the folder still has the picture" in text(page(client))
    response = client.post("/library/remove", data={"role": "style", "sha256": asset.sha256})
    assert response.status_code == 303
    assert synced.asset(Role.STYLE, asset.sha256).sources == source


def test_the_sources_and_what_the_last_look_did(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "photos" / "me.png").write_bytes(encoded(noise(), "PNG"))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    response = client.post("/library/sync")
    assert (response.status_code, response.headers["location"]) == (303, "/library#sources")
    wait_for_sync(client)
    shown = text(page(client))
    assert "Last looked just now ." in shown
    assert f"Photographs the folder {tmp_path}/photos 1 new, 1 refused Which files" in shown
    assert "refused broken.jpg Not a picture of a known type." in shown
    assert f"Paintings the folder {tmp_path}/paintings no pictures" in shown


def test_a_source_that_is_away_says_so(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "photos").rmdir()
    client.post("/library/sync")
    assert "There is no folder" in wait_for_sync(client)["problem"]
    shown = text(page(client))
    assert "It ended early: There is no folder" in shown
    assert shown.count("There is no folder") == 2, "at the source too"


def test_refused_files_are_listed_with_reasons(client: TestClient, synced: Ingest) -> None:
    shown = text(page(client))
    assert "Refused files 1" in shown
    assert "broken.jpg Not a picture of a known type." in shown
    assert "Photographs, folder · just now" in shown


def test_long_lists_are_folded(client: TestClient, ingest: Ingest) -> None:
    with transaction(ingest.engine) as session:
        session.add_all(
            SourceFileRow(
                source="gdrive://1aB2",
                role=Role.STYLE,
                key=f"{number}",
                name=f"{number}.jpg",
                fingerprint="",
                reason="The picture is truncated.",
                present=True,
                seen_at=utcnow() - timedelta(days=2),
            )
            for number in range(1200)
        )
    html = page(client)
    assert "Refused files 1,200" in text(html)
    assert "and 1,000 more: all of them" in text(html)
    assert "Paintings, Google Drive · 2 d ago" in text(html)
    assert not re.search(r"<details\s+open", html)


def test_hostile_names_are_only_text(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.png", '" onload="alert(1).png', "{{ 7*7 }}.png", "\u202egnp.png"]
    for seed, name in enumerate(names):
        (tmp_path / "photos" / name).write_bytes(encoded(noise(seed), "PNG"))
        (tmp_path / "photos" / f"broken {name}").write_bytes(b"no picture")
    ingest.sync_all()
    html = page(client)
    assert "<img src=x" not in html
    assert ' onload="' not in html
    assert "49.png" not in html
    for name in names:
        assert name.removesuffix(".png") in unescape(html)


def test_nothing_is_inline_or_from_elsewhere(client: TestClient, synced: Ingest) -> None:
    html = page(client)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src)", html)
    for place in re.findall(r'(?:src|href|action|data-upload|data-page)="([^"]*)"', html):
        assert place[0] in "/#", place
    for place in re.findall(r'(?:src|href)="(/static/[^"]*)"', html):
        assert client.get(place).status_code == 200


def test_every_address_is_below_the_prefix(prefixed: TestClient, ingest: Ingest) -> None:
    ingest.put_into_library(Role.STYLE, "a.png", png(1))
    html = prefixed.get("/style/library").text
    for place in re.findall(r'(?:src|href|action|data-upload|data-page)="(/[^"]*)"', html):
        assert place.startswith("/style/"), place
    response = prefixed.post("/style/library/sync")
    assert response.headers["location"] == "/style/library#sources"


def test_a_picture_of_a_job_alone_is_not_in_the_library(client: TestClient, ingest: Ingest) -> None:
    add_asset(ingest, Role.STYLE, 1)
    assert "No paintings yet" in text(page(client))
