from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegram.publisher.captions import Captions, Language, StyleTitles

TITLES = StyleTitles({"scream.jpg": "The Scream, Edvard Munch, 1893."})
BUILT_IN = {language: Captions(None, TITLES, language=language) for language in get_args(Language)}


@pytest.mark.parametrize(
    ("language", "text", "nameless"),
    [
        (
            "en",
            "A painting of the photograph “Lighthouse at dusk” in the style of The Scream, Edvard Munch, 1893.",
            "A painting of the photograph “Untitled” in the style of Untitled.",
        ),
        (
            "es",
            "Pintura basada en la fotografía «Lighthouse at dusk», al estilo de The Scream, Edvard Munch, 1893.",
            "Pintura basada en la fotografía «Sin título», al estilo de Sin título.",
        ),
    ],
)
def test_it_says_what_is_to_be_seen_in_each_language(language: Language, text: str, nameless: str) -> None:
    assert BUILT_IN[language].alt_text("lighthouse_at-dusk.jpg", "SCREAM.png") == text
    assert BUILT_IN[language].alt_text("", "_.jpg") == nameless


def test_a_name_is_text_and_nothing_else() -> None:
    text = BUILT_IN["en"].alt_text("{style} {0} {{ kind }}\n#a @b\u202e%s.jpg", "scream.jpg")
    assert text.startswith("A painting of the photograph “{style} {0} {{ kind }} a b %s” in the style of The Scream")


@given(content_name=st.text(), style_name=st.text(), language=st.sampled_from(get_args(Language)))
def test_it_is_short_harmless_and_on_one_line(content_name: str, style_name: str, language: Language) -> None:
    # A title of many lines, as nobody should write it.
    captions = Captions(None, StyleTitles({"long.jpg": f"{style_name}\n" * 40}), language=language)
    for name in (style_name, "long.jpg"):
        text = captions.alt_text(content_name * 40, name)
        assert len(text.encode("utf-16-le")) // 2 <= 1000
        assert len(text.splitlines()) == 1
        assert not set(text) & set("#@＃＠\u202e\u200b")
