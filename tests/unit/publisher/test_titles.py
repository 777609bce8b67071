import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegram.common.errors import ConfigurationError
from stylegram.publisher.captions import StyleTitles
from stylegram.publisher.captions.titles import harmless, humanise

# As people write such files: with and without a full stop, a newline here and there.
STYLE_NAMES = """{"matmoe.jpg":"Matamoe (Death), Landscape with Peacocks de Paul Gauguin, 1892 (Posimpresionismo).",
"portrait_of_haney.jpg":"Pintura de Seamus Heaney por James Brohan",
"vision_del_apocalipsis.jpg": "Visión del apocalipsis del Greco, ~1610. Manierismo.",
"Autorretrato_é.JPG": "Autorretrato", "empty.jpg": " #. ",
"hostile.jpg": "Buy now #ad @me\\r\\n#more\\u202e \\uff03wide"}
"""


@pytest.fixture
def titles(tmp_path: Path) -> StyleTitles:
    path = tmp_path / "style_name.json"
    path.write_text(STYLE_NAMES, encoding="utf-8")
    return StyleTitles.read(path)


@pytest.mark.parametrize(
    ("file_name", "title"),
    [
        ("matmoe.jpg", "Matamoe (Death), Landscape with Peacocks de Paul Gauguin, 1892 (Posimpresionismo)"),
        ("MATMOE.JPG", "Matamoe (Death), Landscape with Peacocks de Paul Gauguin, 1892 (Posimpresionismo)"),
        ("matmoe.png", "Matamoe (Death), Landscape with Peacocks de Paul Gauguin, 1892 (Posimpresionismo)"),
        ("portrait_of_haney.jpg", "Pintura de Seamus Heaney por James Brohan"),
        ("vision_del_apocalipsis.jpg", "Visión del apocalipsis del Greco, ~1610. Manierismo"),
        ("autorretrato_e\u0301.jpg", "Autorretrato"),
        ("el_viejo-guitarrista.jpg", "El viejo guitarrista"),
        ("hostile.jpg", "Buy now ad me more wide"),
        ("empty.jpg", "Empty"),
    ],
)
def test_a_title_is_found_by_the_files_name(titles: StyleTitles, file_name: str, title: str) -> None:
    assert titles.title(file_name) == title


def test_the_whole_name_wins_over_the_stem() -> None:
    titles = StyleTitles({"a.png": "The PNG", "a.jpg": "The JPEG"})
    assert titles.title("A.png") == "The PNG"


@pytest.mark.parametrize(
    ("file_name", "words"),
    [
        ("el_viejo-guitarrista.jpg", "El viejo guitarrista"),
        ("IMG_1234.JPG", "IMG 1234"),
        ("folder/ödland.webp", "Ödland"),
        ("a\n#b\t@c.jpg", "A b c"),
        ("___.jpg", "Untitled"),
        ("", "Untitled"),
    ],
)
def test_a_file_name_becomes_words(file_name: str, words: str) -> None:
    assert humanise(file_name) == words


@pytest.mark.parametrize("file_name", ["", "\u200d.jpg", "\u200b\u202e.jpg", "#@.jpg"])
def test_a_name_that_says_nothing_has_the_languages_word(file_name: str) -> None:
    assert StyleTitles({}).title(file_name) == "Untitled"
    assert StyleTitles({file_name: ""}).title(file_name, "Sin título") == "Sin título"


def test_a_long_title_ends_with_a_whole_emoji() -> None:
    assert harmless("x" * 197 + "👩🏾‍🎨👩🏾‍🎨") == "x" * 197
    assert harmless("x" * 193 + "👩🏾‍🎨👩🏾‍🎨") == "x" * 193 + "👩🏾‍🎨"


@given(st.text())
def test_nothing_harmful_is_left(text: str) -> None:
    shown = harmless(text)
    assert not set(shown) & set("\n\r\t\0#@＃＠﹟﹫\u202e\u2028\x1b")
    assert len(shown) <= 200
    assert shown == shown.strip()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'["a.jpg"]', "no JSON object"),
        (b'{"a.jpg": 1}', "a.jpg"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "names.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as refused:
        StyleTitles.read(path)
    assert str(path) in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        StyleTitles.read(tmp_path / "nowhere.json")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"a.jpg": "A"}).encode())
    assert StyleTitles.read(path).title("a.jpg") == "A"
