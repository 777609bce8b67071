"""A caption that a person wrote instead of the template's."""

import sys
from pathlib import Path

from stylegram.common.errors import InvalidInput
from stylegram.publisher.captions.graphemes import units
from stylegram.publisher.captions.limits import (
    MAX_HASHTAGS,
    MAX_LENGTH,
    MAX_MENTIONS,
    limit_hashtags,
    limit_mentions,
)
from stylegram.publisher.ledger import marker_of


def own_caption(text: str, key: str) -> str:
    """The caption as it goes out: the text as it is, and the marker as its last line.

    Args:
        text: what the person wrote, with or without the marker.
        key: the post's.

    Raises:
        InvalidInput: Instagram would not take it, or drop it.
    """
    marker = marker_of(key)
    words = "\n".join(line.rstrip() for line in text.splitlines()).strip().removesuffix(marker).rstrip()
    if not words:
        raise InvalidInput("There is no caption in it.", advice="To post without words, a single dot will do.")
    whole = f"{words}\n\n{marker}"
    if (length := units(whole)) > MAX_LENGTH:
        raise InvalidInput(
            f"The caption has {length} characters with its last line, and Instagram takes {MAX_LENGTH}.",
            advice=f"Cut {length - MAX_LENGTH} or more; an emoji counts as two.",
        )
    if limit_hashtags(whole, MAX_HASHTAGS, ()) != whole:
        raise InvalidInput(f"The caption has more than {MAX_HASHTAGS} hashtags, or one of them twice.")
    if limit_mentions(whole) != whole:
        raise InvalidInput(f"The caption has more than {MAX_MENTIONS} mentions.")
    return whole


def caption_in(file: str) -> str:
    """What a person wrote into a file, or on standard input where its name is -.

    Raises:
        InvalidInput: it cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"The caption '{file}' cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"The caption '{file}' is not UTF-8 text.") from None
