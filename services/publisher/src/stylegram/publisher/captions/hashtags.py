"""Which hashtags a caption has: some always, some with a painting."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from stylegram.publisher.captions.by_name import ByName, read_json
from stylegram.publisher.captions.limits import MAX_HASHTAGS, USUAL_HASHTAGS, fold_hashtag
from stylegram.publisher.captions.words import WORDS, Language

_MAX_TAG = 100


class Hashtags:
    """The hashtags of every caption, and those of single paintings.

    A caption has each once, whatever its case, and at most `most` in all. Of more, the generic ones go before those of
    the painting and those that the template has written out; among equals, the last in the text go first.

    >>> Hashtags(["art"], {"scream.jpg": ["#munch", "#Art"]}).of("Scream.png", "en")
    (('munch', 'Art'), ())

    Args:
        always: generic ones; those of the caption's language where None. With or without a sign.
        styles: file name of a painting → its own; see `ByName` for what matches.
        most: hashtags in a caption, 0 to 30; see `limits` for what Instagram takes.

    Raises:
        ValueError: a hashtag is none; says which.
    """

    def __init__(
        self,
        always: Sequence[str] | None = None,
        styles: Mapping[str, Sequence[str]] | None = None,
        most: int = USUAL_HASHTAGS,
    ) -> None:
        self.most = most
        self._always = None if always is None else tuple(map(_tag, always))
        self._styles = ByName({name: tuple(map(_tag, tags)) for name, tags in (styles or {}).items()})

    @classmethod
    def read(cls, path: Path) -> "Hashtags":
        """The hashtags in a JSON file, of which each part may be left out:
        `{"always": ["#art"], "styles": {"scream.jpg": ["#munch"]}, "most": 5}`.

        Raises:
            ConfigurationError: no such file, or something else is in it; says where.
        """
        advice = 'Write {"always": ["#art"], "styles": {"file.jpg": ["#munch"]}}.'
        given = read_json(path, _file, "The hashtags", advice)
        return cls(given.always, given.styles, given.most)

    def of(self, style_name: str, language: Language) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The painting's, and the generic ones; without signs, each once."""
        generic = WORDS[language].hashtags if self._always is None else self._always
        own = {fold_hashtag(tag): tag for tag in reversed(self._styles.get(style_name) or ())}
        rest = {fold_hashtag(tag): tag for tag in reversed(generic) if fold_hashtag(tag) not in own}
        return tuple(reversed(own.values())), tuple(reversed(rest.values()))


def _tag(text: str) -> str:
    """The hashtag without its sign.

    Raises:
        ValueError: Instagram would not make a hashtag of it, or of a part of it only.
    """
    tag = unicodedata.normalize("NFC", text.strip()).removeprefix("#")
    # Marks are parts of letters, as in Hindi.
    if not tag or not all(char == "_" or unicodedata.category(char)[0] in "LM" or char.isdecimal() for char in tag):
        raise ValueError(f"'{text[:_MAX_TAG]}' is no hashtag, which has letters, digits and underscores only")
    if tag.isdecimal():
        raise ValueError(f"'{text[:_MAX_TAG]}' is no hashtag, which has not only digits")
    if len(tag) > _MAX_TAG:
        raise ValueError(f"'{text[:_MAX_TAG]}…' is no hashtag, which has at most {_MAX_TAG} characters")
    return tag


_Tags = list[Annotated[str, AfterValidator(_tag)]]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    always: _Tags | None = None
    styles: dict[str, _Tags] = {}
    most: int = Field(USUAL_HASHTAGS, ge=0, le=MAX_HASHTAGS, strict=True)


_file = TypeAdapter(_File)
