"""What is given away of a record, and whose it is."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.columns import Row

_LONGEST_ORIGIN = 100
REFERENCES = ("further_styles", "masks", "start_image")
"""Columns with references to pictures, which have names within."""
_PRIVATE = (
    *("content_name", "content_object_name", "style_name", "style_object_name"),
    # Messages of errors, which quote paths and names.
    "reason",
    # Studies have names that somebody chose.
    "trial",
    *("post_account", "post_media_id", "post_url", "post_reason"),
)
# A path of this machine rather than the name of a model file.
_PATH = re.compile(r"[/\\]")


def check_origin(label: str) -> str:
    """The label, where others can read it.

    Raises:
        InvalidInput: it is empty, too long, or has what cannot be shown.
    """
    if not label.strip() or label != label.strip() or len(label) > _LONGEST_ORIGIN or not label.isprintable():
        raise InvalidInput(
            f"{label[:_LONGEST_ORIGIN]!r} does not say whose a record is.",
            advice=f"Give a name of at most {_LONGEST_ORIGIN} characters, such as my-studio.",
        )
    return label


def labelled(rows: Iterable[Row], origin: str) -> Iterator[Row]:
    """The rows, ours with the label."""
    for row in rows:
        yield row if row["origin"] is not None else {**row, "origin": origin}


def without_private(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows without what is nobody else's business; pictures are told apart by their digests alone."""
    nothing = dict.fromkeys(_PRIVATE)
    for row in rows:
        weights = None if _PATH.search(row["weights"] or "") else row["weights"]
        references = {name: digests(row[name]) for name in REFERENCES}
        yield {**row, **nothing, **references, "weights": weights}


def digests(references: Any) -> Any:  # noqa: ANN401  (one reference to a picture, several, or none)
    """References to pictures by their digests alone."""
    match references:
        case list():
            return [digests(each) for each in references]
        case dict():
            return {**references, "object_name": "", "name": ""}
    return references
