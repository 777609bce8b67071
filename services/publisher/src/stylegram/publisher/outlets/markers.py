"""Whether a caption is the one that was written: by its marker, which is what is left of it whatever is done to it."""

import unicodedata


def is_in(caption: str, marker: str) -> bool:
    """Whether the caption has the marker, be it with other blanks, or with plain letters in place of signs as №."""
    return _plain(marker) in _plain(caption)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
