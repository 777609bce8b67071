"""Tables in text files, as spreadsheets and others save them: which characters, which separator, which lines."""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import BinaryIO

_BLOCK = 1 << 20
_LONGEST_LINE = 1 << 20
_MOST_LINES_OF_A_ROW = 10_000
# How many characters may be read a second time, after quotation marks that were never closed: a file in which every
# line opens one would else take a time that grows with its square.
_SECOND_LOOKS = 1 << 24
_ENDINGS = ("\n", "\r")
# What a byte that is no text becomes, in the encodings of one byte and in UTF-16.
_NOT_TEXT = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class TextRow:
    """A row of a text file.

    Args:
        line: on which it begins, as an editor counts.
        cells: what stands in it; None where that cannot be told.
        reason: why it cannot.
    """

    line: int
    cells: list[str] | None
    reason: str = ""


class _TooLong(Exception):
    pass


class TextTable:
    """A table in a text file: UTF-8, or UTF-16, or else in the characters of Windows in the west, as in Latin-1.

    Args:
        file: it can be sought in, and is read several times.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoding = _encoding(file)

    def rows(self, separator: str) -> Iterator[TextRow]:
        """The rows that are not empty; what cannot be read is told of, and the next row begins on the next line.

        A quotation mark that is missing or too many so costs the rows that it touches, and not all that follow.
        """
        self._file.seek(0)
        name = self._encoding.removesuffix("-sig").upper()
        wide = name.startswith("UTF-16")
        # Where it is "replace", what is no text cannot be told from a sign that stands for it, which is rare.
        text = TextIOWrapper(self._file, self._encoding, "replace" if wide else "surrogateescape", newline="")
        damage = re.compile("\N{REPLACEMENT CHARACTER}") if wide else _NOT_TEXT
        try:
            for row in _rows(_Lines(text), separator):
                if row.cells and any(not cell.isascii() and damage.search(cell) for cell in row.cells):
                    yield TextRow(row.line, None, f"it has bytes that are no text in {name}")
                else:
                    yield row
        finally:
            # Else the file would be closed with it.
            text.detach()


def _encoding(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Half of the bytes of western text are zero.
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return name
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    broken = whole = False
    while block := file.read(_BLOCK):
        text = decoder.decode(block)
        if not text.isascii():
            broken = broken or bool(_NOT_TEXT.search(text))
            whole = whole or bool(re.search("[^\0-\x7f\ufeff\udc80-\udcff]", text))
    # Where some of it is UTF-8, the rest is so too, and damaged: who took it for Windows' would spoil the good names.
    return "cp1252" if broken and not whole else "utf-8-sig"


class _Lines:
    """The lines of a text, and the way back to those of a row that could not be read.

    Args:
        text: with its line ends as they are.
    """

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._again: deque[tuple[int, str]] = deque()
        self._taken: list[tuple[int, str]] = []
        self._number = 0
        self._second_looks = _SECOND_LOOKS

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        """The next line of the row.

        Raises:
            StopIteration: there is none.
            _TooLong: it has too many characters, or the row too many lines.
        """
        if len(self._taken) == _MOST_LINES_OF_A_ROW:
            raise _TooLong(f"the row has more than {_MOST_LINES_OF_A_ROW} lines")
        if self._again:
            number, line = self._again.popleft()
        else:
            line = self._text.readline(_LONGEST_LINE)
            if not line:
                raise StopIteration
            self._number += 1
            number = self._number
        self._taken.append((number, line))
        if len(line) == _LONGEST_LINE and not line.endswith(_ENDINGS):
            self._skip_the_rest()
            raise _TooLong(f"the line has more than {_LONGEST_LINE} characters")
        return line

    @property
    def first(self) -> int:
        """On which line the row begins."""
        return self._taken[0][0] if self._taken else self._number

    def begin(self) -> None:
        """A row has been read; the next begins."""
        self._taken.clear()

    def go_back(self) -> None:
        """The row could not be read: the next begins on its second line."""
        _, *others = self._taken
        self._second_looks -= sum(len(line) for _, line in others)
        if self._second_looks >= 0:
            self._again.extendleft(reversed(others))

    def _skip_the_rest(self) -> None:
        while (piece := self._text.readline(_LONGEST_LINE)) and not piece.endswith(_ENDINGS):
            pass


def _rows(lines: _Lines, separator: str) -> Iterator[TextRow]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            yield TextRow(lines.first, None, str(error))
            lines.go_back()
            continue
        if any(cells):
            yield TextRow(lines.first, cells)
