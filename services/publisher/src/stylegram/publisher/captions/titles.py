"""What a painting is called: from a list of titles, else from its file's name. None of it is trusted."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath

from pydantic import TypeAdapter

from stylegram.publisher.captions.by_name import ByName, read_json
from stylegram.publisher.captions.graphemes import cut

# A title longer than this is no title, and would leave a caption no room.
_MAX_TITLE = 200
# Joiners are part of how some scripts are written; every other invisible character can only deceive.
_JOINERS = "\u200c\u200d"
_file: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class StyleTitles:
    """Titles by file name; see `ByName` for what matches.

    >>> StyleTitles({"Scream.jpg": "The Scream, Edvard Munch, 1893 (expressionism)."}).title("scream.png")
    'The Scream, Edvard Munch, 1893 (expressionism)'

    Args:
        titles: file name → "Work, artist, year (movement)"; a full stop at the end is dropped, for the caption
            brings its own.
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = ByName(titles)

    @classmethod
    def read(cls, path: Path) -> "StyleTitles":
        """The titles in a JSON file: one object of strings.

        Raises:
            ConfigurationError: no such file, or something else is in it; says where.
        """
        advice = 'Write {"file.jpg": "Work, artist, year (movement)"}.'
        titles = read_json(path, _file, "The style names", advice)
        return cls(titles)

    def title(self, file_name: str, untitled: str = "Untitled") -> str:
        """The title, or a readable form of the file's name, as one harmless line.

        Args:
            file_name: the painting's.
            untitled: what it is called where neither says anything.
        """
        title = harmless(self._titles.get(file_name) or "").removesuffix(".").rstrip()
        return title or humanise(file_name, untitled)


def humanise(file_name: str, untitled: str = "Untitled") -> str:
    """The file's name as a person would write it.

    >>> humanise("el_viejo-guitarrista.jpg")
    'El viejo guitarrista'
    """
    words = harmless(re.sub(r"[\s_-]+", " ", PurePath(file_name).stem))
    return words[:1].upper() + words[1:] or untitled


def harmless(text: str) -> str:
    """One line without control characters and without what would become a hashtag or a mention.

    >>> harmless("Sunday\\n#follow @me")
    'Sunday follow me'
    """
    # Compatibility forms first: a full-width # or @ works as well as a plain one.
    shown = "".join(" " if _is_hidden(char) or unicodedata.normalize("NFKC", char) in "#@" else char for char in text)
    return cut(" ".join(shown.split()), _MAX_TITLE).strip(" " + _JOINERS)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and char not in _JOINERS
