"""What people write to have a study: what is searched, and on which pictures."""

import pytest

from stylegram.common.errors import InvalidHyperparameters, InvalidInput, NotFound
from stylegram.common.records import AssetReference
from stylegram.local.study_wishes import base_of, pairs_of, space_of
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Choice, Range


def pictures(*names: str) -> list[AssetReference]:
    return [AssetReference(sha256=f"{number:x}" * 64, object_name=name, name=name) for number, name in enumerate(names)]


def test_ranges_and_choices_are_read() -> None:
    space = space_of(
        [
            "content-weight=0.01..1:log",
            "beta_1=0.5..0.9",
            "start=content,noise",
            "brush_scale=1,2",
            "recolor=true,false",
        ]
    )
    assert space.root == {
        "content_weight": Range(low=0.01, high=1, log=True),
        "beta_1": Range(low=0.5, high=0.9),
        "start": Choice(values=("content", "noise")),
        "brush_scale": Choice(values=(1, 2)),
        "recolor": Choice(values=(True, False)),
    }
    layers = space_of(["content_layers=relu4_2|relu4_2,relu5_2"]).root["content_layers"]
    assert layers == Choice(values=("relu4_2", "relu4_2,relu5_2"))
    assert space_of([]) == DEFAULT_SPACE


@pytest.mark.parametrize("text", ["start", "=1..2", "start=", "beta_1=9..1", "beta_1=a..b", "tv_weight=1..2:cubic"])
def test_what_is_no_search_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="content_weight"):
        space_of([text])


def test_what_is_set_is_not_searched() -> None:
    base, chosen = base_of(["start=noise"], 256)
    assert (base.start, base.size) == ("noise", 256)
    assert "start" not in space_of([], chosen).root
    with pytest.raises(InvalidInput):
        space_of(["start=noise,content"], chosen)
    with pytest.raises(InvalidHyperparameters):
        base_of(["size=64"], 256)


@pytest.mark.parametrize(("contents", "styles"), [(2, 2), (2, 4), (3, 2), (1, 5)])
def test_pairs_are_all_different_and_take_every_picture_about_as_often(contents: int, styles: int) -> None:
    some = pictures(*(f"c{number}.jpg" for number in range(contents)))
    others = pictures(*(f"s{number}.jpg" for number in range(styles)))
    names = [(pair.content.name, pair.style.name) for pair in pairs_of(some, others, contents * styles)]
    assert len(set(names)) == contents * styles
    assert names[: len(pairs_of(some, others, 2))] == [
        (pair.content.name, pair.style.name) for pair in pairs_of(some, others, 2)
    ]
    if min(contents, styles) > 1:
        assert names[0][0] != names[1][0]
        assert names[0][1] != names[1][1]
    with pytest.raises(NotFound, match="only"):
        pairs_of(some, others, contents * styles + 1)


def test_pictures_are_named_by_their_files_or_digests() -> None:
    some, others = pictures("me.jpg", "you.jpg"), pictures("x.jpg", "the_scream.jpg")
    (pair,) = pairs_of(some, others, None, content=["me"], style=["1" * 8])
    assert (pair.content.name, pair.style.name) == ("me.jpg", "the_scream.jpg")
    with pytest.raises(NotFound):
        pairs_of(some, others, None, content=["nobody"])
    with pytest.raises(InvalidInput, match="SHA-256"):
        pairs_of([*some, some[0].model_copy(update={"sha256": "f" * 64})], others, None, content=["me.jpg"])
