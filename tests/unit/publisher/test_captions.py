import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.publisher.captions import Captions, describe
from stylegram.publisher.titles import StyleTitles

HASHTAG = re.compile(r"#\w+")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def captions(folder: Path, source: str, titles: dict[str, str] | None = None) -> Captions:
    path = folder / "caption.j2"
    path.write_text(source, encoding="utf-8")
    return Captions(path, StyleTitles(titles or {}))


def write(captions: Captions, style_name: str = "the_scream.jpg") -> str:
    return captions.write("me.jpg", style_name, Hyperparameters())


def test_the_default_template() -> None:
    titles = StyleTitles({"scream.jpg": "The Scream, Edvard Munch, 1893 (expressionism)."})
    text = Captions(None, titles).write("me.jpg", "Scream.JPG", Hyperparameters())
    first, settings_, hashtags = text.split("\n\n")
    assert first == "In the style of The Scream, Edvard Munch, 1893 (expressionism)."
    assert settings_ == describe(Hyperparameters())
    assert set(hashtags.split()) == set(HASHTAG.findall(text))


@pytest.mark.parametrize(
    ("hyperparameters", "sentence"),
    [
        (
            Hyperparameters(),
            "Painted by L-BFGS in 40 + 40 + 20 evaluations on 3 scales, coarse to fine, up to 512 pixels, starting from"
            " the photograph in the painting's colours; content : style = 0.1 : 1.",
        ),
        (
            Hyperparameters(
                evaluations=(500,), optimizer="adam", start="color_transfer", content_weight=1e-05, size=64
            ),
            "Painted by Adam in 500 evaluations at 64 pixels, starting from the photograph in the painting's colours;"
            " content : style = 1e-05 : 1.",
        ),
        (
            Hyperparameters(schedule=((128, 60), (256, 40), (300, 5)), start="blend"),
            "Painted by L-BFGS in 60 + 40 + 5 evaluations on 3 scales, coarse to fine, up to 300 pixels, starting from"
            " noise and the photograph; content : style = 0.1 : 1.",
        ),
        (
            Hyperparameters(brush_scale=1, start="image"),
            "Painted by L-BFGS in 20 evaluations at 512 pixels, starting from another picture;"
            " content : style = 0.1 : 1.",
        ),
    ],
)
def test_the_hyperparameters_as_a_sentence(hyperparameters: Hyperparameters, sentence: str) -> None:
    assert describe(hyperparameters) == sentence


@pytest.mark.parametrize("field", ["start", "optimizer"])
def test_every_choice_has_its_words(field: str) -> None:
    choices = get_args(Hyperparameters.model_fields[field].annotation)
    sentences = {describe(Hyperparameters(**{field: choice})) for choice in choices}
    assert len(sentences) == len(choices)


def test_a_template_may_use_every_hyperparameter(tmp_path: Path) -> None:
    text = write(captions(tmp_path, "{{ hyperparameters.seed }} {{ content }} {{ hyperparameters.style_layers[0] }}"))
    assert text == "0 Me relu1_1"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("{{ nothing }}", 1),
        ("fine\n{% if %}", 2),
        ("fine\n\n{{ style", 3),
        ("fine\n\n\n{{ 1 / 0 }}", 4),
        ("{{ style.nothing }}", 1),
        ("fine\n{{ style.__class__.__mro__ }}", 2),
        ("{% include 'other.j2' %}", 1),
        ("{{ ''.join(range(10 ** 9)) }}", 1),
        ("{% if hyperparameters.optimizer == 'adam' %}\n{{ nothing }}{% endif %}", 2),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_once(tmp_path: Path, source: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=f"line {line}") as refused:
        captions(tmp_path, source)
    assert str(tmp_path / "caption.j2") in str(refused.value)


@pytest.mark.parametrize("content", [None, b"\xff\xff"])
def test_a_template_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "caption.j2"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"caption\.j2"):
        Captions(path, StyleTitles({}))


def test_a_name_is_never_a_template_nor_a_hashtag_nor_a_line(tmp_path: Path) -> None:
    hostile = "{{ 7 * 7 }}{% raw %}\n\n#follow @me {{ hyperparameters }}.jpg"
    text = write(captions(tmp_path, "{{ style }}", {"x.jpg": "unused"}), hostile)
    assert text == "{{ 7 * 7 }}{% raw %} follow me {{ hyperparameters }}"
    text = write(captions(tmp_path, "{{ style }}", {"x.jpg": "{{ 7 * 7 }}#{% raw %}"}), "x.jpg")
    assert text == "{{ 7 * 7 }} {% raw %}"


def test_a_hashtag_comes_once_and_thirty_are_the_most(tmp_path: Path) -> None:
    tags = " ".join(f"#tag{number} #TAG{number}" for number in range(40))
    lines = write(captions(tmp_path, f"Look. #tag0\n{tags}\nEnd.")).split("\n")
    assert lines == ["Look. #tag0", " ".join(f"#tag{number}" for number in range(1, 30)), "End."]


def test_a_template_may_list_its_hashtags(tmp_path: Path) -> None:
    source = "{% for tag in ['art', 'Art', 'love'] %}#{{ tag }} {% endfor %}"
    assert write(captions(tmp_path, source)) == "#art #love"


@pytest.mark.parametrize("start", range(2190, 2203))
def test_a_long_caption_ends_before_a_hashtag_rather_than_in_it(tmp_path: Path, start: int) -> None:
    text = write(captions(tmp_path, "x " * (start // 2) + "." * (start % 2) + "#gatys"))
    assert len(text) <= 2200
    assert HASHTAG.findall(text) == (["#gatys"] if start + 6 <= 2200 else [])
    assert text.endswith(("#gatys", "…"))


@SLOW
@given(
    words=st.lists(
        st.one_of(st.text(max_size=30), st.from_regex(r"#[a-z]{1,3}", fullmatch=True), st.just("painting " * 30)),
        max_size=120,
    ),
    style_name=st.text(max_size=300),
)
def test_no_caption_breaks_the_rules(tmp_path: Path, words: list[str], style_name: str) -> None:
    # Braces would be the template's own language, which is its author's business.
    body = " ".join(words).translate(str.maketrans("", "", "{}")).encode(errors="ignore").decode()
    text = write(captions(tmp_path, body + "\n{{ style }}\n" + body), style_name)
    assert len(text) <= 2200
    tags = [tag.casefold() for tag in HASHTAG.findall(text)]
    assert len(tags) == len(set(tags)) <= 30
    assert {tag.casefold() for tag in HASHTAG.findall(text)} <= {tag.casefold() for tag in HASHTAG.findall(body)}


@SLOW
@given(style_name=st.text(max_size=300))
def test_a_style_name_adds_nothing_but_one_line(style_name: str) -> None:
    default = Captions(None, StyleTitles({}))
    text = write(default, style_name)
    plain = write(default, "plain.jpg")
    assert text.split("\n")[1:] == plain.split("\n")[1:]
    assert "@" not in text
    assert HASHTAG.findall(text) == HASHTAG.findall(plain)
