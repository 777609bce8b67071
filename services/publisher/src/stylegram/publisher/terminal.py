"""Lines on a terminal, and for programs that read them."""

import textwrap
import unicodedata

from rich.console import Console
from rich.text import Text

_LABEL_WIDTH = 11


def say(console: Console, line: str, *, indent: int = 0, bold: bool = False) -> None:
    """Print a line.

    Args:
        console: where.
        line: what.
        indent: of what does not fit on the line, in characters.
        bold: whether it is.
    """
    line = printable(line)
    # On a terminal long lines are broken; for a program that reads them, a fact is a line.
    if console.is_terminal and width(line) > console.width:
        line = textwrap.fill(
            line, console.width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
        )
    console.print(line, style="bold" if bold else None, highlight=False, markup=False, soft_wrap=True)


def fact(console: Console, label: str, value: str | None) -> None:
    """Print a labelled value, if there is one."""
    if value:
        say(console, f"  {label:<{_LABEL_WIDTH}} {value}", indent=_LABEL_WIDTH + 3)


def cut(words: str, room: int | None) -> str:
    """The words, or as many of their characters as there is room for."""
    if room is None:
        return words
    text = Text(words)
    text.truncate(max(room, 1), overflow="ellipsis")
    return text.plain


def width(words: str) -> int:
    """How many characters of a terminal the words take."""
    return Text(words).cell_len


def printable(text: str) -> str:
    """The text without what would steer a terminal, or break a table: names come from anywhere, reasons from afar."""
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
