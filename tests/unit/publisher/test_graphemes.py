from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stylegram.publisher.captions.graphemes import cut, units
from stylegram.publisher.captions.limits import shorten

# As Unicode Standard Annex 29 has them; none joins one before or after it.
GRAPHEMES = [
    "a",
    " ",
    "絵",
    "🎨",
    "e\u0301",  # é in two
    "o\u0323\u0302",
    "👍🏽",
    "👩🏾‍🎨",
    "👩‍👩‍👧‍👦",
    "❤️",
    "1️⃣",
    "🇪🇸",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland
    "नी",
    "क्षि",
    "ทำ",
    "\u1112\u1161\u11ab",  # han, in three
    "ｶ\uff9e",
]


@given(st.lists(st.sampled_from(GRAPHEMES), max_size=30), st.integers(0, 60))
@example(["🇪🇸"] * 5, 10)
def test_it_is_cut_between_graphemes(graphemes: list[str], limit: int) -> None:
    beginnings = accumulate(graphemes, initial="")
    fitting = [text for text in beginnings if len(text.encode("utf-16-le")) // 2 <= limit]
    assert cut("".join(graphemes), limit) == fitting[-1]


@given(st.text(), st.integers(0, 40))
def test_any_text_fits(text: str, limit: int) -> None:
    assert units(cut(text, limit)) <= limit
    assert text.startswith(cut(text, limit))


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("one two #three", 13, "one two…"),
        ("one.#two", 7, "one.…"),
        ("one.@two.three", 12, "one.…"),
        ("#" + "x" * 90, 80, "…"),
        ("絵" * 90, 80, "絵" * 79 + "…"),
        ("🎨" * 90, 80, "🎨" * 39 + "…"),
        ("絵 " + "画" * 90, 80, "絵 " + "画" * 77 + "…"),
    ],
)
def test_a_caption_is_cut_between_words_where_there_are_words(text: str, limit: int, shown: str) -> None:
    assert shorten(text, limit) == shown
    assert units(shown) <= limit
