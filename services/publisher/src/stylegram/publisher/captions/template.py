"""A caption's template: loaded, and tried on all that could take it another way before anything is posted."""

import traceback
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from jinja2 import TemplateSyntaxError, meta, nodes

from stylegram.common.errors import ConfigurationError
from stylegram.publisher.captions.sandbox import CaptionEnvironment
from stylegram.publisher.captions.words import Language

KNOWN = ("style", "content", "settings", "hyperparameters", "kind", "hashtags")
"""What a template may use."""


class CaptionTemplate:
    """A Jinja2 template, which is a file of the operator's. What is filled in is text and never a template itself.

    Args:
        path: the file; the one that comes with the package where None.
        language: of the one that comes with the package.

    Raises:
        ConfigurationError: it cannot be read, is no template, or uses what it is not given, in whichever branch.
    """

    def __init__(self, path: Path | None, language: Language) -> None:
        name = f"caption.{language}.txt.j2"
        self._name = str(path or name)
        try:
            source = (path or files(__package__) / "templates" / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The caption template '{self._name}' cannot be read: {error}.") from None
        self._environment = CaptionEnvironment(self._name, source)
        try:
            self._environment.get_template(self._name)
            tree = self._environment.parse(source, self._name)
        except TemplateSyntaxError as error:
            raise self._failure(error.lineno, error) from error
        except (SyntaxError, RecursionError) as error:  # loops or parentheses nested too deep for Python
            raise self._failure(None, error) from error
        for line, unknown in self._unknown(tree):
            raise self._failure(line, f"there is no '{unknown}'")

    def render(self, **variables: object) -> str:
        """The text.

        Args:
            variables: all that are `KNOWN`.

        Raises:
            ConfigurationError: the template failed on these; names the file and the line.
        """
        try:
            return self._environment.write(**variables)
        except Exception as error:  # a template may do anything, and fail in any way
            raise self._failure(_line_in(error, self._name), error) from error

    def refuse_empty(self) -> NoReturn:
        """Say that nothing comes of it.

        Raises:
            ConfigurationError: always.
        """
        raise self._failure(None, "nothing comes of it")

    def _unknown(self, tree: nodes.Template) -> Iterator[tuple[int, str]]:
        unknown = meta.find_undeclared_variables(tree) - {*KNOWN, *self._environment.globals}
        return ((name.lineno, name.name) for name in tree.find_all(nodes.Name) if name.name in unknown)

    def _failure(self, line: int | None, error: Exception | str) -> ConfigurationError:
        where = f" at line {line}" if line else ""
        what = str(error).rstrip(".") or type(error).__name__
        return ConfigurationError(
            f"The caption template '{self._name}' fails{where}: {what}.",
            advice=f"It may use {', '.join(KNOWN[:-1])} and {KNOWN[-1]}.",
        )


def _line_in(error: Exception, file: str) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None
