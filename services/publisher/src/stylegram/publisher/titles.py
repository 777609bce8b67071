"""What a painting is called: from a list of titles, else from its file's name. None of it is trusted."""

import json
import re
import unicodedata
from pathlib import Path, PurePath

from pydantic import TypeAdapter, ValidationError

from stylegram.common.errors import ConfigurationError

# A title longer than this is no title, and would leave a caption no room.
_MAX_TITLE = 200
# Joiners are part of how some scripts are written; every other invisible character can only deceive.
_JOINERS = {"\u200c", "\u200d"}
_titles: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class StyleTitles:
    """Titles by file name, whatever their case; by the name without its suffix where that is all that matches.

    >>> StyleTitles({"Scream.jpg": "The Scream, Edvard Munch, 1893 (expressionism)."}).title("scream.png")
    'The Scream, Edvard Munch, 1893 (expressionism)'

    Args:
        titles: file name → "Work, artist, year (movement)"; a full stop at the end is dropped, for the caption
            brings its own.
    """

    def __init__(self, titles: dict[str, str]) -> None:
        self._by_stem = {_fold(PurePath(name).stem): title for name, title in titles.items()}
        self._by_name = {_fold(name): title for name, title in titles.items()}

    @classmethod
    def read(cls, path: Path) -> "StyleTitles":
        """The titles in a JSON file: one object of strings.

        Raises:
            ConfigurationError: no such file, or something else is in it; says where.
        """
        advice = 'Write {"file.jpg": "Work, artist, year (movement)"}.'
        try:
            return cls(_titles.validate_python(json.loads(path.read_text(encoding="utf-8-sig"))))
        except OSError as error:
            raise ConfigurationError(f"The style names '{path}' cannot be read: {error.strerror}.") from None
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole file"
            raise ConfigurationError(
                f"The style names '{path}' are not all texts by file name: {where}.", advice=advice
            ) from None
        except ValueError as error:  # not UTF-8, or not JSON
            raise ConfigurationError(f"The style names '{path}' are not JSON: {error}.", advice=advice) from None

    def title(self, file_name: str) -> str:
        """The title, or a readable form of the file's name, as one harmless line."""
        name = _fold(file_name)
        title = self._by_name.get(name) or self._by_stem.get(PurePath(name).stem) or ""
        return harmless(title).removesuffix(".").rstrip() or humanise(file_name)


def humanise(file_name: str) -> str:
    """The file's name as a person would write it.

    >>> humanise("el_viejo-guitarrista.jpg")
    'El viejo guitarrista'
    """
    words = harmless(re.sub(r"[\s_-]+", " ", PurePath(file_name).stem))
    return words[:1].upper() + words[1:] or "Untitled"


def harmless(text: str) -> str:
    """One line without control characters and without what would become a hashtag or a mention.

    >>> harmless("Sunday\\n#follow @me")
    'Sunday follow me'
    """
    # Compatibility forms first: a full-width # or @ works as well as a plain one.
    shown = "".join(" " if _is_hidden(char) or unicodedata.normalize("NFKC", char) in "#@" else char for char in text)
    return " ".join(shown.split())[:_MAX_TITLE].rstrip()


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and char not in _JOINERS


def _fold(file_name: str) -> str:
    # Composed: file systems differ in whether é is one character or two.
    return unicodedata.normalize("NFC", file_name).casefold()
