"""Writes captions and alternative texts."""

import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostKind
from stylegram.publisher.captions.graphemes import units
from stylegram.publisher.captions.hashtags import Hashtags
from stylegram.publisher.captions.limits import MAX_LENGTH, fold_hashtag, limit_hashtags, limit_mentions, shorten
from stylegram.publisher.captions.template import CaptionTemplate
from stylegram.publisher.captions.titles import StyleTitles, humanise
from stylegram.publisher.captions.words import WORDS, Language, describe

_TO_MARKER = "\n\n"


class Captions:
    """Writes captions; a template that cannot work is refused at once rather than at the first post.

    Args:
        template: a Jinja2 file, whose text replaces that of the built-in one; by default the built-in one of the
            language, which says what it may use.
        titles: the paintings' titles.
        language: of the built-in template, of the sentence on the hyperparameters and of alternative texts.
        hashtags: what a template gets as `hashtags`; they are where it places them, else nowhere.

    Raises:
        ConfigurationError: the template cannot be read, or fails on a sample, or leaves the caption of one empty; names
            the file and the line.
    """

    def __init__(
        self,
        template: Path | None,
        titles: StyleTitles,
        *,
        language: Language = "en",
        hashtags: Hashtags | None = None,
    ) -> None:
        self._titles = titles
        self._language = language
        self._words = WORDS[language]
        self._hashtags = hashtags or Hashtags()
        self._template = CaptionTemplate(template, language)
        for kind, hyperparameters, line in _samples():
            text = self._render(kind, "photograph.jpg", "painting.jpg", hyperparameters, line)
            # Nobody sees a story's caption.
            if not text and kind is not PostKind.STORY:
                self._template.refuse_empty()

    def write(
        self, kind: PostKind, content_name: str, style_name: str, hyperparameters: Hyperparameters, marker: str
    ) -> str:
        """The caption: at most 2,200 UTF-16 code units, with each hashtag once, as many as `Hashtags` allows, at most
        20 mentions, and the marker as its last line. What is too long is cut before the marker. A story's is not shown
        to anybody, and written all the same.

        Args:
            kind: what the picture is posted as.
            content_name: the photograph's file name; not trusted, as the painting's.
            style_name: the painting's file name.
            hyperparameters: how it was painted.
            marker: words by which the post is found again.

        Raises:
            ConfigurationError: the template failed on this picture.
        """
        own, generic = self._hashtags.of(style_name, self._language)
        line = " ".join(f"#{tag}" for tag in (*own, *generic))
        text = self._render(kind, content_name, style_name, hyperparameters, line)
        # Hashtags second: a mention's sign that goes may leave one, as in #@name.
        text = limit_hashtags(limit_mentions(text), self._hashtags.most, frozenset(map(fold_hashtag, generic)))
        text = shorten(text.strip(), MAX_LENGTH - units(_TO_MARKER + marker))
        return text + _TO_MARKER + marker if text else marker

    def alt_text(self, content_name: str, style_name: str) -> str:
        """What the picture shows, for who cannot see it: a sentence of at most 1,000 characters, on one line."""
        untitled = self._words.untitled
        return self._words.alt_text.format(
            content=humanise(content_name, untitled), style=self._titles.title(style_name, untitled)
        )

    def _render(
        self, kind: PostKind, content_name: str, style_name: str, hyperparameters: Hyperparameters, hashtags: str
    ) -> str:
        untitled = self._words.untitled
        text = self._template.render(
            style=self._titles.title(style_name, untitled),
            content=humanise(content_name, untitled),
            settings=describe(hyperparameters, self._language),
            hyperparameters=hyperparameters,
            kind=kind.value,
            hashtags=hashtags,
        )
        # Neither a database nor Instagram takes a NUL or half a surrogate pair, which a template can write.
        shown = (char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs"))
        return "".join(shown).strip()


def _samples() -> Iterator[tuple[PostKind, Hyperparameters, str]]:
    """Whatever a template may well tell apart, with hashtags and without: kinds with each choice of optimiser and
    start; every other hyperparameter's choices one at a time; one scale and several.
    """
    choices = {name: _choices(field.annotation) for name, field in Hyperparameters.model_fields.items()}
    together = product(PostKind, choices.pop("optimizer"), choices.pop("start"), ("", "#sample"))
    for kind, optimizer, start, hashtags in together:
        yield kind, Hyperparameters(optimizer=optimizer, start=start), hashtags
    for name, values in choices.items():
        for value in values:
            yield PostKind.PHOTO, Hyperparameters.model_validate({name: value}), "#sample"
    for evaluations in ((1,), (1, 1)):
        yield PostKind.PHOTO, Hyperparameters(evaluations=evaluations), "#sample"


def _choices(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401  (whatever a field may be)
    return (False, True) if annotation is bool else tuple(arg for arg in get_args(annotation) if isinstance(arg, str))
