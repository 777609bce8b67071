import asyncio
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY, open_client
from ingest_samples import FAST, add_asset, encoded, noise, png, quarters
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.paint.drafts import again
from stylegram.ingest.pages.paint.hyperparameter_form import KNOBS, grouped_controls, texts_of, values_of
from stylegram.ingest.schemas import Job, JobFilter, Submission

Pair = tuple[AssetReference, AssetReference]
BROWSER = {"Accept": "text/html"}


def page(client: TestClient, path: str = "/") -> str:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def checked(html: str) -> dict[str, str]:
    """The form's radio buttons and boxes that are checked, and what they say."""
    shown = re.sub(r"<template>.*?</template>", "", html, flags=re.DOTALL)
    return dict(re.findall(r'type="(?:radio|checkbox)" name="(\w+)" value="([^"]*)"[^>]*\schecked', shown))


def put(ingest: Ingest, tmp_path: Path, *, photographs: int = 1, paintings: int = 1) -> tuple[list[str], list[str]]:
    """So many pictures in the sources, synced; their digests, as the strips have them."""
    for folder, count, first in (("photos", photographs, 0), ("paintings", paintings, 1000)):
        for number in range(count):
            picture = noise(first + number).resize((24, 16))
            (tmp_path / folder / f"{number:03}.png").write_bytes(encoded(picture, "PNG"))
    ingest.sync_all()
    contents, styles = ([asset.sha256 for asset in ingest.assets(role, limit=1000).items] for role in Role)
    return contents, styles


def paint(client: TestClient, said: dict[str, Any], files: Any = (), **headers: str) -> Any:
    """The form, as browsers send it: with its file controls, be they empty."""
    empty = [("content", ("", b"")), ("style", ("", b""))]
    return client.post("/paint", data=said, files=[*files, *empty], headers=BROWSER | headers)


def jobs(ingest: Ingest) -> list[Job]:
    return list(ingest.jobs(JobFilter(), limit=100).items)


def names(pair: Pair) -> dict[str, str]:
    return {"content": pair[0].sha256, "style": pair[1].sha256}


def test_an_empty_house_says_what_to_do(client: TestClient) -> None:
    shown = text(page(client))
    assert "Drop a photograph and a painting of your own, and see the two together here." in shown
    assert "The easel is free." in shown


def test_a_pair_is_picked_already(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    contents, styles = put(ingest, tmp_path, photographs=3, paintings=3)
    shown = checked(page(client))
    assert (shown["content"], shown["style"]) == (contents[0], styles[0])
    shown = checked(page(client, f"/?content={contents[2]}&style={styles[1]}"))
    assert (shown["content"], shown["style"]) == (contents[2], styles[1])


def test_a_picture_that_was_uploaded_can_be_picked(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    put(ingest, tmp_path)
    uploaded = ingest.upload(Role.CONTENT, "mine.png", png(5)).sha256
    assert checked(page(client, f"/?content={uploaded}"))["content"] == uploaded


@pytest.mark.parametrize(
    "query",
    [
        "content=x",
        f"content={'0' * 64}",
        "style=%00",
        "again=",
        f"again={NOBODY}",
        "again=%2e%2e%2f",
        "photographs=x",
    ],
)
def test_an_address_that_was_changed_shows_the_page_as_usual(query: str, client: TestClient, synced: Ingest) -> None:
    assert checked(page(client, f"/?{query}")) == checked(page(client))


def test_a_picture_that_is_nowhere_cannot_be_painted_again(client: TestClient) -> None:
    assert "That picture cannot be painted again: " in text(page(client, f"/?again={NOBODY}"))


def test_the_form_paints_as_it_is(client: TestClient, synced: Ingest) -> None:
    response = paint(client, checked(page(client)))
    (job,) = jobs(synced)
    assert (response.status_code, response.headers["location"]) == (303, f"/pictures/{job.id}")
    assert (job.content.name, job.style.name) == ("me.png", "scream.png")
    assert (job.hyperparameters, job.publish) == (Hyperparameters(), False)


def test_an_exact_control_goes_before_its_knob(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    said = {"size": ["512", "300"], "style_weight": ["5", ""], "publish": "true"}
    assert paint(client, names(pair) | said).status_code == 303
    (job,) = jobs(ingest)
    assert job.hyperparameters == Hyperparameters(size=300, style_weight=5)
    assert job.publish


def test_a_schedule_goes_before_the_knobs(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    said = {"size": "512", "brush_scale": "8", "schedule": "64:10, 128:20"}
    assert paint(client, names(pair) | said).status_code == 303
    assert jobs(ingest)[0].hyperparameters.scales == ((64, 10), (128, 20))


def test_files_go_before_what_is_picked(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    files = [("content", ("cat.png", encoded(quarters(), "PNG"))), ("style", ("<b>.png", png(7)))]
    assert paint(client, names(pair), files).status_code == 303
    (job,) = jobs(ingest)
    assert (job.content.name, job.style.name) == ("cat.png", "<b>.png")


def test_every_painting_has_its_share(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    second, third = (add_asset(ingest, Role.STYLE, number) for number in (3, 4))
    said = {
        "further_styles": [second.sha256, third.sha256],
        "share": "2",
        f"share-{second.sha256}": "0.5",
        f"share-{third.sha256}": "",
        "share-file": ["4"],
    }
    files = [("further_styles", ("one.png", png(8))), ("further_styles", ("two.png", png(9)))]
    assert paint(client, names(pair) | said, files).status_code == 303
    (job,) = jobs(ingest)
    assert [style.name for style in job.further_styles] == [second.name, third.name, "one.png", "two.png"]
    assert job.hyperparameters.style_weights == (2, 0.5, 1, 4, 1)


def test_equal_shares_are_none(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    further = add_asset(ingest, Role.STYLE, 3)
    assert paint(client, names(pair) | {"further_styles": further.sha256, "share": "1"}).status_code == 303
    assert jobs(ingest)[0].hyperparameters.style_weights == ()


def test_a_start_image_comes_along_where_the_start_is_one(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    files = [("start_image", ("start.png", png(5)))]
    assert paint(client, names(pair) | {"start": "noise"}, files).status_code == 303
    assert paint(client, names(pair) | {"start": "image"}, files).status_code == 303
    with_start, without = jobs(ingest)
    assert with_start.start_image is not None
    assert (with_start.start_image.name, without.start_image) == ("start.png", None)


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"content": ""}, "body/content", "Pick a photograph, or drop one here."),
        ({"style": ""}, "body/style", "Pick a painting, or drop one here."),
        ({"content": "x"}, "body/content", "no SHA-256 of an asset"),
        ({"content": "0" * 64}, "body/content", "There is no content image"),
        ({"size": "8"}, "body/hyperparameters/size", "greater than or equal to 32"),
        ({"style_weight": "inf"}, "body/hyperparameters/style_weight", "finite"),
        ({"evaluations": "10, x"}, "body/hyperparameters/evaluations/1", "valid integer"),
        ({"style_layers": "relu9_9"}, "body/hyperparameters/style_layers", "unknown layer"),
        ({"content_layers": "", "style_layers": ""}, "body/hyperparameters", "nothing to optimise"),
        ({"start": "image"}, "", "start=image needs a picture to start from"),
        ({"further_styles": "0" * 64}, "body/further_styles/0", "There is no style image"),
        ({"masks": f"{'0' * 64},"}, "body/masks/0", "There is no image"),
    ],
)
def test_what_is_refused_is_said_at_its_place(
    change: dict[str, str], where: str, words: str, client: TestClient, ingest: Ingest, pair: Pair
) -> None:
    said = names(pair) | change
    html = paint(client, said)
    assert html.status_code == 422
    assert "Nothing is painted yet" in text(html.text)
    assert words in text(html.text)
    problem = paint(client, said, Accept="application/json")
    assert problem.status_code == 422
    if where:
        ((place, detail),) = [(error["where"], error["detail"]) for error in problem.json()["errors"]]
        assert place == where
        assert words in detail
        places = re.findall(r'data-refused="([^"]*)" +>([^<]*)<', html.text)
        assert [(where.startswith(place.split()[0]), words in unescape(said)) for place, said in places] == [
            (True, True)
        ]
    else:
        assert words in problem.json()["detail"]
    assert jobs(ingest) == []


def test_a_form_that_is_refused_keeps_what_was_said(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    old, further = add_asset(ingest, Role.CONTENT, 5), add_asset(ingest, Role.STYLE, 6)
    said = {
        "content": old.sha256,
        "style": pair[1].sha256,
        "further_styles": further.sha256,
        f"share-{further.sha256}": "0.25",
        "style_weight": "0.2",
        "seed": "-1",
        "optimizer": "adam",
        "publish": "true",
    }
    html = paint(client, said, [("content", ("mine.png", b"no picture"))]).text
    assert "Files of your own have to be picked again." in text(html)
    shown = checked(html)
    assert {name: shown[name] for name in ("content", "style", "style_weight")} == {
        name: said[name] for name in ("content", "style", "style_weight")
    }
    assert re.search(rf'name="share-{further.sha256}"[^>]* value="0.25"', html)
    assert re.search(r'name="seed" value="-1"', html)
    assert '<option value="adam" selected>' in html
    assert shown["publish"] == "true"


def test_a_file_that_is_no_picture_is_named(client: TestClient, pair: Pair) -> None:
    html = paint(client, names(pair), [("content", ("<i>.jpg", b"no picture"))])
    assert html.status_code == 422
    assert "The file '<i>.jpg' is refused" in text(html.text)
    assert "<i>" not in html.text


def test_the_same_page_paints_once_what_is_the_same(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    said = names(pair) | {"key": re.findall(r'name="key" value="([^"]+)"', page(client))[0]}
    first, second = (paint(client, said).headers["location"] for _ in range(2))
    other = paint(client, said | {"style_weight": "5"}).headers["location"]
    assert first == second != other
    assert len(jobs(ingest)) == 2
    assert paint(client, names(pair) | {"key": "daily-2026-01-01"}).status_code == 303


@pytest.mark.parametrize("body", [{"json": {}}, {"data": {"size": "256"}}, {"content": b""}])
def test_only_forms_are_taken(body: dict[str, Any], client: TestClient) -> None:
    assert client.post("/paint", **body).status_code == 415


def test_again_shows_a_job_as_it_was(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    further, mask = add_asset(ingest, Role.STYLE, 3), add_asset(ingest, Role.CONTENT, 4)
    hyperparameters = Hyperparameters(
        size=300, style_weight=0.2, style_weights=(3, 0.5), optimizer="adam", start="image", recolor=True
    )
    job = ingest.enqueue(
        Submission(
            content=pair[0],
            style=pair[1],
            further_styles=(further,),
            masks=(mask, None),
            start_image=mask,
            hyperparameters=hyperparameters,
            publish=False,
            priority="interactive",
            time_limit_seconds=None,
        )
    )
    html = page(client, f"/?again={job.id}")
    assert "Again, with changes: everything is as it was for Content 1 × Style 2 ." in text(html)
    said = {name: [value] for name, value in checked(html).items()}
    for name, value in re.findall(
        r'<input[^>]*type="(?:number|text|hidden)" name="([\w-]+)"[^>]* value="([^"]*)"', html
    ):
        said.setdefault(name, []).append(value)
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        said[name] = re.findall(r'value="([^"]*)" selected', options)
    assert paint(client, said).status_code == 303
    repeated, _ = jobs(ingest)
    same = set(Submission.model_fields)
    assert repeated.model_dump(include=same) == job.model_dump(include=same)


class Record:
    """The API, as far as it knows one run that somebody else recorded."""

    def __init__(self, **hyperparameters: Any) -> None:
        self.hyperparameters = hyperparameters

    async def get(self, path: str) -> Any:
        assert path == "/v1/runs/an%2Fold%20one"
        return {"job_id": "an/old one", "content_name": "me.png", "hyperparameters": self.hyperparameters}

    get_as = Api.get_as


def test_again_shows_a_run_of_the_record(ingest: Ingest) -> None:
    record: Any = Record(size=300, evaluations=[30, 10])
    draft = asyncio.run(again("an/old one", ingest, record))
    assert draft.texts == texts_of(Hyperparameters(size=300, evaluations=(30, 10)))
    assert draft.repeats == "Me × unknown"
    foreign: Any = Record(size="large")
    draft = asyncio.run(again("an/old one", ingest, foreign))
    assert draft.note == "That picture cannot be painted again: its hyperparameters are not of this version."


def test_every_hyperparameter_has_a_control() -> None:
    controls = [control for controls in grouped_controls().values() for control in controls]
    whole = [knob.name for knob in KNOBS if knob.whole]
    assert sorted([*(control.name for control in controls), *whole, "style_weights"]) == sorted(
        Hyperparameters.model_fields
    )
    assert all(control.hint and control.label for control in controls)


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_knobs_offer_what_is_possible_and_what_is_usual(knob: Any) -> None:
    assert texts_of(Hyperparameters())[knob.name] in knob.options.values()
    for option in knob.options.values():
        Hyperparameters.model_validate(values_of({knob.name: option}))


@pytest.mark.parametrize(
    "hyperparameters",
    [
        Hyperparameters(),
        Hyperparameters(evaluations=(40, 20), brush_scale=8, learning_rate=0.03, epsilon=1e-12, seed=2**63 - 1),
        Hyperparameters(size=128, schedule=((64, 10), (128, 20)), style_weights=(1, 0.25), greyscale=True),
        Hyperparameters(content_layers=(), deterministic=False),
    ],
)
def test_texts_say_all_there_is(hyperparameters: Hyperparameters) -> None:
    assert Hyperparameters.model_validate(values_of(texts_of(hyperparameters))) == hyperparameters


def test_hostile_names_are_only_text(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    hostile = ["<img src=x onerror=alert(1)>.png", '" onload="alert(1).png', "{{ 7*7 }}.png", "\u202egnp.png"]
    for seed, name in enumerate(hostile):
        (tmp_path / "photos" / name).write_bytes(encoded(noise(seed), "PNG"))
    (tmp_path / "paintings" / "'><script>alert(1)<.png").write_bytes(encoded(noise(9), "PNG"))
    ingest.sync_all()
    (style,) = ingest.assets(Role.STYLE, limit=1).items
    for content in ingest.assets(Role.CONTENT, limit=10).items:
        ingest.submit(content, style, FAST)
    html = page(client)
    assert "<img src=x" not in html
    assert "<script>alert" not in html
    assert ' onload="' not in html
    assert all(" src=" in script for script in re.findall(r"<script[^>]*>", html))
    for name in hostile:
        assert name.removesuffix(".png") in unescape(html)


def test_nothing_is_inline_or_from_elsewhere(ingest: Ingest, synced: Ingest) -> None:
    content, style = (synced.assets(role, limit=1).items[0] for role in Role)
    synced.submit(content, style, FAST)
    html = page(open_client(ingest, prefix="/somewhere"), "/somewhere/")
    assert not re.search(r"<style|style=\"|\son\w+=|<script(?! type=\"module\" src)", html)
    places = [
        place for place in re.findall(r'(?:src|href|action|data-\w+)="(/?[^"]*/[^"]*)"', html) if "body/" not in place
    ]
    assert len(places) > 10
    assert all(place.startswith("/somewhere/") for place in places)
    client = open_client(ingest)
    for place in re.findall(r'"/somewhere(/static/[^"]+)"', html):
        assert client.get(place).status_code == 200


def test_the_strips_have_the_newest_and_lead_to_more(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    photographs, _ = put(ingest, tmp_path, photographs=62)
    html = page(client)
    shown = re.compile(r'type="radio" name="content" value="(\w{64})"')
    assert shown.findall(html) == photographs[:60]
    (more,) = re.findall(r'href="(/\?photographs=[^"]+)" data-more', html)
    assert shown.findall(page(client, unescape(more))) == [photographs[0], *photographs[60:]]
