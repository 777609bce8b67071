import re
import threading
import unicodedata
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostKind
from stylegram.publisher.captions import Captions, Hashtags, Language, StyleTitles
from stylegram.publisher.captions.words import describe

MARKER = "№ 3f9a1c27d0"
HASHTAG = re.compile(r"#(?=\w*[^\W\d])\w+")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LANGUAGES = get_args(Language)


def captions(
    folder: Path,
    source: str,
    titles: dict[str, str] | None = None,
    language: Language = "en",
    hashtags: Hashtags | None = None,
) -> Captions:
    path = folder / "caption.j2"
    path.write_text(source, encoding="utf-8")
    return Captions(path, StyleTitles(titles or {}), language=language, hashtags=hashtags)


def whole(captions: Captions, style_name: str = "the_scream.jpg", kind: PostKind = PostKind.PHOTO) -> str:
    return captions.write(kind, "me.jpg", style_name, Hyperparameters(), MARKER)


def write(captions: Captions, style_name: str = "the_scream.jpg", kind: PostKind = PostKind.PHOTO) -> str:
    """The caption but for its marker."""
    text, _, marker = whole(captions, style_name, kind).rpartition("\n\n")
    assert marker == MARKER
    return text


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(("language", "opening"), [("en", "In the style of"), ("es", "Al estilo de")])
def test_the_built_in_templates(language: Language, opening: str) -> None:
    titles = StyleTitles({"scream.jpg": "The Scream, Edvard Munch, 1893 (expressionism)."})
    text = Captions(None, titles, language=language).write(
        PostKind.PHOTO, "me.jpg", "Scream.JPG", Hyperparameters(), MARKER
    )
    first, settings_, hashtags, marker = text.split("\n\n")
    assert first == f"{opening} The Scream, Edvard Munch, 1893 (expressionism)."
    assert settings_ == describe(Hyperparameters(), language)
    assert hashtags.split() == [f"#{tag}" for tag in Hashtags().of("scream.jpg", language)[1]]
    assert marker == MARKER


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_built_in_template_says_what_is_to_leaf_through_and_to_watch(language: Language) -> None:
    built_in = Captions(None, StyleTitles({}), language=language)
    texts = [write(built_in, kind=kind) for kind in PostKind]
    assert len(set(texts)) == 3  # a photo's, a grid's and a story's are the same
    assert len({write(built_in, kind=kind) for kind in (PostKind.PHOTO, PostKind.CAROUSEL, PostKind.REEL)}) == 3


@pytest.mark.parametrize(
    ("hyperparameters", "english", "spanish"),
    [
        (
            Hyperparameters(),
            "Painted by L-BFGS in 40 + 40 + 20 evaluations on 3 scales, coarse to fine, up to 512 pixels, starting from"
            " the photograph in the painting's colours; content : style = 0.1 : 1.",
            "Pintado con L-BFGS en 40 + 40 + 20 evaluaciones en 3 escalas, de la más gruesa a la más fina, hasta 512"
            " píxeles, a partir de la fotografía con los colores del cuadro; contenido : estilo = 0,1 : 1.",
        ),
        (
            Hyperparameters(evaluations=(500,), optimizer="adam", start="content", content_weight=1e-05, size=64),
            "Painted by Adam in 500 evaluations at 64 pixels, starting from the photograph;"
            " content : style = 1e-05 : 1.",
            "Pintado con Adam en 500 evaluaciones a 64 píxeles, a partir de la fotografía;"
            " contenido : estilo = 1e-05 : 1.",
        ),
        (
            Hyperparameters(schedule=((128, 60), (256, 40), (300, 5)), start="blend"),
            "Painted by L-BFGS in 60 + 40 + 5 evaluations on 3 scales, coarse to fine, up to 300 pixels, starting from"
            " noise and the photograph; content : style = 0.1 : 1.",
            "Pintado con L-BFGS en 60 + 40 + 5 evaluaciones en 3 escalas, de la más gruesa a la más fina, hasta 300"
            " píxeles, a partir de una mezcla de ruido y fotografía; contenido : estilo = 0,1 : 1.",
        ),
        (
            Hyperparameters(evaluations=(1,), start="image"),
            "Painted by L-BFGS in 1 evaluation at 512 pixels, starting from another picture;"
            " content : style = 0.1 : 1.",
            "Pintado con L-BFGS en 1 evaluación a 512 píxeles, a partir de otra imagen; contenido : estilo = 0,1 : 1.",
        ),
    ],
)
def test_the_hyperparameters_as_a_sentence(hyperparameters: Hyperparameters, english: str, spanish: str) -> None:
    assert describe(hyperparameters, "en") == english
    assert describe(hyperparameters, "es") == spanish


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", ["start", "optimizer"])
def test_every_choice_has_its_words(field: str, language: Language) -> None:
    choices = get_args(Hyperparameters.model_fields[field].annotation)
    sentences = {describe(Hyperparameters(**{field: choice}), language) for choice in choices}
    assert len(sentences) == len(choices)


def test_a_template_may_use_all_that_there_is(tmp_path: Path) -> None:
    source = "{{ kind }} {{ hyperparameters.seed }} {{ content }} {{ hyperparameters.style_layers[0] }} {{ hashtags }}"
    template = captions(tmp_path, source, hashtags=Hashtags(["art"], {"scream.jpg": ["munch"]}))
    assert write(template, "scream.png", PostKind.REEL) == "reel 0 Me relu1_1 #munch #art"
    template = captions(tmp_path, "{{ style }}: {{ settings }}", language="es")
    assert write(template) == f"The scream: {describe(Hyperparameters(), 'es')}"


def test_hashtags_are_where_the_template_places_them_else_nowhere(tmp_path: Path) -> None:
    assert write(captions(tmp_path, "{{ hashtags }}: look", hashtags=Hashtags(["art"]))) == "#art: look"
    assert write(captions(tmp_path, "Look.", hashtags=Hashtags(["art"]))) == "Look."


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
        ("{{ style|sparkle }}", 1),
        ("{{ [1, 2]|random }}", 1),
        ("{{ lipsum() }}", 1),
        ("fine{% if content == 'never' %}\n{{ nothing }}{% endif %}", 2),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_once(tmp_path: Path, source: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=f"at line {line}:") as refused:
        captions(tmp_path, source)
    assert str(tmp_path / "caption.j2") in str(refused.value)


@pytest.mark.parametrize(
    "condition",
    [
        *(f"kind == '{kind}'" for kind in PostKind),
        "hyperparameters.optimizer == 'adam' and hyperparameters.start == 'noise' and kind == 'grid'",
        "hyperparameters.colors == 'luminance'",
        "hyperparameters.style_loss == 'wasserstein'",
        "hyperparameters.backbone == 'vgg16'",
        "hyperparameters.greyscale",
        "hyperparameters.scales|length == 1",
        "hyperparameters.scales[0][1] == 1",
        "hashtags",
        "not hashtags",
    ],
)
def test_a_branch_that_cannot_work_is_found_before_anything_is_posted(tmp_path: Path, condition: str) -> None:
    with pytest.raises(ConfigurationError, match="at line 2: division by zero"):
        captions(tmp_path, f"fine\n{{% if {condition} %}}{{{{ 1 / 0 }}}}{{% endif %}}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}"
        "{% endfor %}",
        "{% macro more(n) %}{% if n %}{{ more(n - 1) }}{{ more(n - 1) }}{% endif %}{% endmacro %}{{ more(60) }}",
        "{% macro ever() %}{{ ever() }}{% endmacro %}{{ ever() }}",
        "{% for a in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
        "{% set all = range(9999) %}{% for a in range(9999) %}{{ all|sum }}{% endfor %}",
        "{% for a in range(9000) %}0123456789abcdef{% endfor %}",
        "{{ 'x' * 10 ** 12 }}",
        "{{ [1] * 10 ** 12 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ 'x'.ljust(1000000) }}",
        "{{ 'x'|center(1000000) }}",
        "{% set n = namespace(x='xx') %}{% for a in range(999) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='xx') %}{% for a in range(999) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x='xx') %}{% for a in range(999) %}{% set n.x = n.x|replace('x', 'xx') %}{% endfor %}",
        "{% set n = namespace(x=9) %}{% for a in range(999) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{% set x %}{% for a in range(9000) %}{{ 'x' * 9999 }}{% endfor %}{% endset %}",
        "(" * 5 + "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ],
)
def test_a_template_that_would_not_end_or_not_fit_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConfigurationError, match=r"caption\.j2' fails"):
        captions(tmp_path, "fine " + source)


def test_a_template_may_loop_and_calculate_within_reason(tmp_path: Path) -> None:
    source = (
        "{% macro pair(a, b) %}{{ a ~ '/' ~ b }}{% endmacro %}"
        "{% for size, count in hyperparameters.scales %}{{ loop.index }}: {{ pair(size, count * 2) }}"
        "{% if not loop.last %}, {% endif %}{% endfor %}"
        "{% set n = namespace(total=0) %}{% for i in range(5) %}{% set n.total = n.total + i ** 2 %}{% endfor %}"
        "; {{ n.total }} {{ '%.2f' % hyperparameters.content_weight }} {{ ['b', 'a']|sort|join('-')|upper }}"
    )
    assert write(captions(tmp_path, source)) == "1: 128/80, 2: 256/80, 3: 512/40; 30 0.10 A-B"


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    template = captions(tmp_path, "{% for a in range(900) %}{{ 1 + 1 }}{% endfor %}")
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(write(template))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["2" * 900] * 20


@pytest.mark.parametrize(
    "source",
    ["", " \n\n", "{# nothing #}", "{% if kind == 'photo' %}A photo.{% endif %}", "{% if hashtags %}A{% endif %}"],
)
def test_a_template_of_which_nothing_comes_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConfigurationError, match="nothing comes of it"):
        captions(tmp_path, source)


def test_a_storys_caption_may_be_empty_as_nobody_sees_it(tmp_path: Path) -> None:
    template = captions(tmp_path, "{% if kind != 'story' %}Look.{% endif %}")
    assert whole(template, kind=PostKind.STORY) == MARKER
    assert write(template, kind=PostKind.REEL) == "Look."


def test_the_marker_is_there_though_nothing_came_of_a_name(tmp_path: Path) -> None:
    template = captions(tmp_path, "{% if style != 'Empty' %}Look.{% endif %}")
    assert whole(template, "empty.jpg") == MARKER


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
    template = captions(tmp_path, "{{ content }}")
    text = template.write(PostKind.PHOTO, "{{ kind }}{% endif %}.jpg", "x.jpg", Hyperparameters(), MARKER)
    assert text == "{{ kind }}{% endif %}\n\n" + MARKER


def test_a_mention_too_many_leaves_no_hashtag_too_many(tmp_path: Path) -> None:
    source = "@a " * 20 + "#a #@a #b"
    assert write(captions(tmp_path, source, hashtags=Hashtags(most=1))) == ("@a " * 20 + "#a")


def test_what_no_database_takes_is_left_out(tmp_path: Path) -> None:
    assert write(captions(tmp_path, "{{ 'a\\0b\\ud800c' }}\x00\x1b\td\n")) == "abcd"


@pytest.mark.parametrize("start", range(2170, 2190))
def test_a_long_caption_ends_before_a_hashtag_rather_than_in_it(tmp_path: Path, start: int) -> None:
    room = 2200 - units("\n\n" + MARKER)
    text = write(captions(tmp_path, "x " * (start // 2) + "." * (start % 2) + "#gatys"))
    assert units(text) <= room
    assert HASHTAG.findall(text) == (["#gatys"] if start + 6 <= room else [])
    assert text.endswith(("#gatys", "…"))


PIECES = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"[#@][a-z]{1,3}", fullmatch=True),
    st.sampled_from(["painting " * 30, "👩‍👩‍👧‍👦" * 20, "絵画" * 60, "#artist", "@someone"]),
)


@SLOW
@given(
    pieces=st.lists(PIECES, max_size=120),
    style_name=st.text(max_size=300),
    kind=st.sampled_from(PostKind),
    tags=st.lists(st.from_regex(r"[a-z]{1,4}", fullmatch=True), max_size=60),
    most=st.integers(0, 30),
)
def test_no_caption_breaks_the_rules(
    tmp_path: Path, pieces: list[str], style_name: str, kind: PostKind, tags: list[str], most: int
) -> None:
    # Braces would be the template's own language, which is its author's business; control characters are left out.
    body = "".join(char for char in " ".join(pieces) if char not in "{}" and unicodedata.category(char)[0] != "C")
    hashtags = Hashtags(tags, {"painting.jpg": tags[:7]}, most)
    source = body + "\nLook: {{ style }}\n{{ hashtags }}\n" + body
    text = whole(captions(tmp_path, source, hashtags=hashtags), style_name, kind)
    assert units(text) <= 2200
    assert text.split("\n")[-2:] == ["", MARKER]
    found = [tag.casefold() for tag in HASHTAG.findall(text)]
    assert len(found) == len(set(found)) <= most
    written = HASHTAG.findall(body) + [f"#{tag}" for tag in tags]
    assert set(found) <= {tag.casefold() for tag in written}
    assert len(re.findall(r"[@＠﹫]\w", text)) <= 20
    assert text == whole(captions(tmp_path, source, hashtags=hashtags), style_name, kind)


@SLOW
@given(style_name=st.text(max_size=300), language=st.sampled_from(LANGUAGES))
def test_a_style_name_adds_nothing_but_one_line(style_name: str, language: Language) -> None:
    built_in = Captions(None, StyleTitles({}), language=language)
    text = write(built_in, style_name)
    plain = write(built_in, "plain.jpg")
    assert text.split("\n")[1:] == plain.split("\n")[1:]
    assert "@" not in text
    assert HASHTAG.findall(text) == HASHTAG.findall(plain)
