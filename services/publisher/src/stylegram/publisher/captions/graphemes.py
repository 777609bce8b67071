"""How long a text is to Instagram, and where it can be cut."""

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA = 9
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
# Beside marks: joiners, the tags in the flags of regions, the later parts of a Hangul syllable, the vowel am of Thai
# and Lao, the voiced marks of half-width katakana.
_CONTINUING = (
    range(0x200C, 0x200E),
    _SKIN_TONES,
    range(0xE0020, 0xE0080),
    range(0x1160, 0x1200),
    range(0xD7B0, 0xD800),
    range(0x0E33, 0x0E34),
    range(0x0EB3, 0x0EB4),
    range(0xFF9E, 0xFFA0),
)


def units(text: str) -> int:
    """The text's length in UTF-16 code units.

    Instagram documents "characters" and does not say which. Of those that it may mean (code units, code points,
    graphemes) units are the most, so that what fits in units fits.
    """
    return len(text) + sum(char > "\uffff" for char in text)


def cut(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` UTF-16 code units that ends with a whole grapheme: half an emoji is
    another one, or none.
    """
    return text[: cut_position(text, limit)]


def cut_position(text: str, limit: int) -> int:
    """How many of the text's code points `cut` leaves."""
    end = length = 0
    for char in text:
        length += units(char)
        if length > limit:
            break
        end += 1
    while 0 < end < len(text) and _is_joined(text, end):
        end -= 1
    return end


def _is_joined(text: str, position: int) -> bool:
    """Whether the code points on both sides are of one grapheme: Unicode Standard Annex 29, rules GB6 to GB13, told by
    general categories where those say enough.
    """
    before, after = text[position - 1], text[position]
    if before == _ZERO_WIDTH_JOINER or unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.category(after)[0] == "M" or any(ord(after) in some for some in _CONTINUING):
        return True
    return ord(after) in _REGIONAL_INDICATORS and _indicators_before(text, position) % 2 == 1


def _indicators_before(text: str, position: int) -> int:
    """How many halves of flags there are in a row: two are a flag."""
    start = position
    while start and ord(text[start - 1]) in _REGIONAL_INDICATORS:
        start -= 1
    return position - start
