"""The text below a picture: a template, the painting's title and a sentence on how it was made."""

import re
import traceback
from importlib.resources import files
from pathlib import Path
from typing import get_args

from jinja2 import FunctionLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.publisher.titles import StyleTitles, humanise

MAX_LENGTH = 2200
MAX_HASHTAGS = 30
"""Instagram refuses a caption that has more of either."""

_HASHTAG = re.compile(r"[#＃]\w+")
_WORD = re.compile(r"[#＃]?\w+")
_DEFAULT = "caption.txt.j2"

_STARTS = {
    "preview": "a feed-forward preview",
    "content": "the photograph",
    "color_transfer": "the photograph in the painting's colours",
    "noise": "noise",
    "blend": "noise and the photograph",
    "image": "another picture",
}
_OPTIMIZERS = {"lbfgs": "L-BFGS", "adam": "Adam"}


class Captions:
    """Writes captions; a template that cannot work is refused at once rather than at the first post.

    Args:
        template: a Jinja2 file; by default the one that comes with the package, which says what it may use.
        titles: the paintings' titles.

    Raises:
        ConfigurationError: the template cannot be read, or fails on a sample; names the file and the line.
    """

    def __init__(self, template: Path | None, titles: StyleTitles) -> None:
        self._titles = titles
        self._path = str(template or _DEFAULT)
        self._template = self._load(template)
        # A template may well say different things of different optimisers.
        for optimizer in get_args(Hyperparameters.model_fields["optimizer"].annotation):
            self.write("photograph.jpg", "painting.jpg", Hyperparameters(optimizer=optimizer))

    def write(self, content_name: str, style_name: str, hyperparameters: Hyperparameters) -> str:
        """The caption: at most 2,200 characters, and at most 30 hashtags of which none is there twice.

        Raises:
            ConfigurationError: the template failed on this picture.
        """
        try:
            text = self._template.render(
                style=self._titles.title(style_name),
                content=humanise(content_name),
                settings=describe(hyperparameters),
                hyperparameters=hyperparameters,
            )
        except Exception as error:  # a template may do anything, and fail in any way
            raise self._failure(_line_in(error, self._path), error) from error
        return _shorten(_limit_hashtags(text.strip()))

    def _load(self, path: Path | None) -> Template:
        try:
            source = (path or files(__package__) / "templates" / _DEFAULT).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The caption template '{self._path}' cannot be read: {error}.") from None
        environment = SandboxedEnvironment(
            # Names the file in tracebacks, and knows no other file that a template could include.
            loader=FunctionLoader(lambda name: (source, name, None) if name == self._path else None),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        try:
            return environment.get_template(self._path)
        except TemplateSyntaxError as error:
            raise self._failure(error.lineno, error) from error

    def _failure(self, line: int | None, error: Exception) -> ConfigurationError:
        where = f"line {line}" if line else "some line"
        what = str(error).rstrip(".")
        return ConfigurationError(
            f"The caption template '{self._path}' fails at {where}: {what}.",
            advice="It may use style, content, settings and hyperparameters.",
        )


def describe(hyperparameters: Hyperparameters) -> str:
    """What a reader understands of the hyperparameters, as a sentence.

    >>> describe(Hyperparameters(evaluations=(100,), start="noise"))
    'Painted by L-BFGS in 100 evaluations at 512 pixels, starting from noise; content : style = 0.1 : 1.'
    """
    given = hyperparameters
    evaluations = " + ".join(str(count) for _, count in given.scales)
    scales = "at" if len(given.scales) == 1 else f"on {len(given.scales)} scales, coarse to fine, up to"
    return (
        f"Painted by {_OPTIMIZERS[given.optimizer]} in {evaluations} evaluations"
        f" {scales} {given.size} pixels, starting from {_STARTS[given.start]};"
        f" content : style = {given.content_weight:g} : {given.style_weight:g}."
    )


def _limit_hashtags(text: str) -> str:
    seen: set[str] = set()

    def keep(match: re.Match[str]) -> str:
        tag = match[0][1:].casefold()
        if tag in seen or len(seen) == MAX_HASHTAGS:
            return ""
        seen.add(tag)
        return match[0]

    shown = _HASHTAG.sub(keep, text)
    # What was left out leaves no double spaces behind.
    return text if shown == text else re.sub(r"^ +|(?<=\S) +(?= |$)", "", shown, flags=re.MULTILINE)


def _shorten(text: str) -> str:
    if len(text) <= MAX_LENGTH:
        return text
    end = MAX_LENGTH - 1
    # Half a hashtag would be another one; half a word is merely ugly.
    cut = next((word.start() for word in _WORD.finditer(text) if word.start() < end < word.end()), end)
    return text[:cut].rstrip() + "…"


def _line_in(error: Exception, file: str) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None
