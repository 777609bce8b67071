import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostKind
from stylegram.publisher.captions import Captions, Hashtags, Language, StyleTitles
from stylegram.publisher.captions.limits import limit_hashtags, limit_mentions


def hashtags(folder: Path, content: object) -> Hashtags:
    path = folder / "hashtags.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return Hashtags.read(path)


@pytest.mark.parametrize("name", ["scream.jpg", "SCREAM.JPG", "scream.png"])
def test_a_painting_has_its_own_before_the_generic_ones(tmp_path: Path, name: str) -> None:
    given = hashtags(tmp_path, {"always": ["#art", "Gatys"], "styles": {"Scream.jpg": ["#munch", "ART"]}})
    assert given.of(name, "en") == (("munch", "ART"), ("Gatys",))
    assert given.of("other.jpg", "en") == ((), ("art", "Gatys"))


def test_a_hashtag_comes_once_whatever_its_case_and_its_sign(tmp_path: Path) -> None:
    given = hashtags(tmp_path, {"always": ["#Art", "art", " #ART ", "Straße", "STRASSE"], "styles": {}})
    assert given.of("a.jpg", "en") == ((), ("Art", "Straße"))


@pytest.mark.parametrize("content", [{}, {"always": None}, {"styles": {"a.jpg": ["a"]}}])
def test_the_generic_ones_are_the_languages_where_none_are_given(tmp_path: Path, content: dict[str, object]) -> None:
    given = hashtags(tmp_path, content)
    generic = [given.of("b.jpg", language)[1] for language in get_args(Language)]
    assert len(set(generic)) == 2
    # More than newer accounts take would cost the caption.
    assert all(len(tags) == 5 for tags in generic)


def test_an_empty_list_is_none_at_all(tmp_path: Path) -> None:
    assert hashtags(tmp_path, {"always": []}).of("a.jpg", "es") == ((), ())
    text = Captions(None, StyleTitles({}), hashtags=Hashtags([])).write(
        PostKind.PHOTO, "a.jpg", "b.jpg", Hyperparameters(), "№ 1"
    )
    assert "#" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("tag", ["#art", "arte_digital", "2024art", "_1", "Öl", "कला", "絵画", "e\u0301te"])
def test_what_instagram_takes_is_taken(tag: str) -> None:
    (taken,) = Hashtags([tag]).of("a.jpg", "en")[1]
    assert limit_hashtags(f"#{taken} #{taken}", 30, ()) == f"#{taken}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "are no JSON object"),
        ({"always": "#art"}, "always: "),
        ({"always": ["#art", "two words"]}, r"always\.1: 'two words' is no hashtag"),
        ({"always": ["#art", 7]}, r"always\.1: "),
        ({"always": ["#2024"]}, r"always\.0: '#2024' is no hashtag.*digits"),
        ({"always": ["#"]}, r"always\.0: '#' is no hashtag"),
        ({"always": ["##art"]}, r"always\.0: "),
        ({"always": ["art-deco"]}, r"always\.0: "),
        ({"always": ["a" * 101]}, r"always\.0: .*at most 100"),
        ({"always": ["{{style}}"]}, r"always\.0: "),
        ({"always": ["a\nb"]}, r"always\.0: "),
        ({"styles": {"scream.jpg": ["ok", "a b"]}}, r"styles\.scream\.jpg\.1: 'a b'"),
        ({"styles": ["scream.jpg"]}, "styles: "),
        ({"style": {}}, "style: "),
        ({"most": 31}, "most: "),
        ({"most": True}, "most: "),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, content: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        hashtags(tmp_path, content)
    assert str(tmp_path / "hashtags.json") in str(refused.value)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hashtags.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"hashtags\.json' are not JSON"):
        Hashtags.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        Hashtags.read(tmp_path / "nowhere.json")


def test_of_too_many_the_generic_ones_go_first(tmp_path: Path) -> None:
    template = tmp_path / "caption.j2"
    template.write_text("Look at #mine. {{ hashtags }} #late")
    own = [f"own{number}" for number in range(3)]
    generic = [f"generic{number}" for number in range(40)]

    def tags(most: int) -> list[str]:
        captions = Captions(template, StyleTitles({}), hashtags=Hashtags(generic, {"a.jpg": own}, most))
        text = captions.write(PostKind.PHOTO, "me.jpg", "a.jpg", Hyperparameters(), "№ 1")
        assert text.startswith("Look at #mine" if most else "Look at .")
        return [word.strip(".") for word in text.split() if word.startswith("#")]

    expected = ["#mine", "#own0", "#own1", "#own2", *(f"#generic{number}" for number in range(25)), "#late"]
    assert tags(30) == expected
    assert tags(6) == ["#mine", "#own0", "#own1", "#own2", "#generic0", "#late"]
    assert tags(3) == ["#mine", "#own0", "#own1"]
    assert tags(0) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Look. #a\n#A #b ＃a #b\nEnd.", "Look. #a\n#b\nEnd."),
        ("#a#b#a#c", "#a#b#c"),
        ("Take #1, then #1 again; C# and # alone", "Take #1, then #1 again; C# and # alone"),
        ("#art🎨 #art🎨 #art", "#art🎨 #art"),
        ("#कला #कला #कल", "#कला #कल"),
        ("two  spaces #a stay  where they are", "two  spaces #a stay  where they are"),
    ],
)
def test_a_hashtag_of_the_template_comes_once_too(text: str, shown: str) -> None:
    assert limit_hashtags(text, 30, ()) == shown


def test_thirty_hashtags_of_the_template_are_the_most() -> None:
    text = "\n".join(["Look. #tag0", " ".join(f"#tag{number} #TAG{number}" for number in range(40)), "End."])
    lines = limit_hashtags(text, 30, ()).split("\n")
    assert lines == ["Look. #tag0", " ".join(f"#tag{number}" for number in range(1, 30)), "End."]


def test_twenty_mentions_are_the_most_and_later_ones_are_names() -> None:
    names = [f"name.{number}" for number in range(22)]
    shown = limit_mentions(" ".join(f"@{name}" for name in names) + " ＠wide 5 @ 3")
    assert shown.split() == [*(f"@{name}" for name in names[:20]), *names[20:], "wide", "5", "@", "3"]


@given(st.lists(st.text(alphabet="abAB_1é", min_size=1, max_size=3), max_size=50), st.integers(0, 30))
def test_limits_change_nothing_twice(words: list[str], most: int) -> None:
    text = limit_hashtags(" ".join(f"#{word}" for word in words), most, ("a", "b"))
    assert limit_hashtags(text, most, ("a", "b")) == text
