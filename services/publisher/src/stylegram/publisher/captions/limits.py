"""What Instagram takes of a caption: 2,200 characters, 30 hashtags, 20 mentions (Graph API, IG User, media). A caption
beyond may be dropped whole while the picture goes out, and with it the marker by which the post is found again.

In December 2025 Instagram announced five hashtags for all accounts, introduced step by step
(socialmediatoday.com/news/instagrams-implementing-new-limits-on-hashtag-use/808309), so that five is what it gets
where nobody asks for more.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from stylegram.publisher.captions.graphemes import cut_position, units

MAX_LENGTH = 2200
MAX_HASHTAGS = 30
USUAL_HASHTAGS = 5
MAX_MENTIONS = 20

# Compatibility forms work as well as the plain signs.
_HASHES = re.compile("[#＃﹟]+")
_MENTION = re.compile(r"[@＠﹫]+(?=\w)")
_AT_NAME = re.compile(r"[@＠﹫]+\w[\w.]*")
# No word of a script with spaces is longer.
_MAX_WORD = 60


@dataclass(frozen=True)
class _Hashtag:
    start: int
    end: int
    folded: str


def fold_hashtag(tag: str) -> str:
    """The same for hashtags that are the same to Instagram, whatever their case."""
    return unicodedata.normalize("NFKC", tag).casefold()


def limit_hashtags(text: str, most: int, generic: Collection[str]) -> str:
    """The text with each hashtag once, where it came first, and with at most `most` of them.

    Args:
        text: a caption.
        most: hashtags in it.
        generic: folded ones that go before others where there are too many; among equals, the last go first.
    """
    found = list(_hashtags(text))
    first = {tag.folded: tag for tag in reversed(found)}
    by_worth = sorted(first.values(), key=lambda tag: (tag.folded in generic, tag.start))
    kept = {tag.start for tag in by_worth[:most]}
    if len(kept) == len(found):
        return text
    shown, end = "", 0
    for tag in found:
        if tag.start not in kept:
            shown, end = shown + text[end : tag.start], tag.end
    # What was left out leaves no double spaces behind.
    return re.sub(r"^ +|(?<=\S) +(?= |$)", "", shown + text[end:], flags=re.MULTILINE)


def limit_mentions(text: str) -> str:
    """The text with at most 20 mentions; later ones lose their sign, and are mere names."""
    count = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return match[0] if count <= MAX_MENTIONS else ""

    return _MENTION.sub(keep, text)


def shorten(text: str, limit: int) -> str:
    """The text, or a beginning of it with an ellipsis: at most `limit` UTF-16 code units. It is cut between words, and
    between graphemes where there are none; never within a hashtag or a mention, as half of one is another one.
    """
    if units(text) <= limit:
        return text
    end = cut_position(text, limit - 1)
    word = re.search(r"\S*\Z", text[:end])
    if word and word.start() and end - word.start() <= _MAX_WORD and not text[end].isspace():
        end = word.start()
    spans = [(tag.start, tag.end) for tag in _hashtags(text)] + [match.span() for match in _AT_NAME.finditer(text)]
    end = min((start for start, stop in spans if start < end < stop), default=end)
    return text[:end].rstrip() + "…"


def _hashtags(text: str) -> Iterator[_Hashtag]:
    """What may be a hashtag: on the safe side, in the middle of a word and with emoji too. Numbers alone are none."""
    for signs in _HASHES.finditer(text):
        end = signs.end()
        while end < len(text) and _may_be_in_hashtag(text[end]):
            end += 1
        name = text[signs.end() : end]
        if name and not name.isdecimal():
            yield _Hashtag(signs.start(), end, fold_hashtag(name))


def _may_be_in_hashtag(char: str) -> bool:
    # Letters, marks, digits, emoji with what modifies and joins them.
    return char in "_\u200c\u200d" or unicodedata.category(char) in _IN_HASHTAG


_IN_HASHTAG = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "So", "Sk"}
