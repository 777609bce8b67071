"""The photographs and paintings that somebody may choose from, to see the pictures made of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from stylegram.common.errors import NotFound
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.pages.words import title_of

# A list that is longer is no help; who comes from a picture finds the one that was asked for beside the newest.
_MOST = 300
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Choice:
    """What a list offers.

    Args:
        value: what the address says.
        words: what people read.
    """

    value: str
    words: str


def digest_in(query: QueryParams, name: str) -> str:
    """The digest of the picture that the address asks for; empty where it names none.

    >>> digest_in(QueryParams("style=the_scream.jpg"), "style")
    ''
    """
    value = query.get(name, "")
    return value if _DIGEST.fullmatch(value) else ""


def pictures_of(ingest: Ingest, role: Role, chosen: str) -> Sequence[Choice]:
    """The newest pictures of that role, by title, and the chosen one wherever it is.

    Args:
        ingest: whose assets they are.
        role: what they are for.
        chosen: a digest, or empty.
    """
    found = {asset.sha256: asset.name for asset in ingest.assets(role, limit=_MOST).items}
    if chosen and chosen not in found:
        try:
            found[chosen] = ingest.asset(role, chosen).name
        except NotFound:  # as of a record that was moved here without its pictures
            found[chosen] = f"{chosen[:12]}…"
    named = [Choice(sha256, title_of(name)) for sha256, name in found.items()]
    return sorted(named, key=lambda choice: choice.words.casefold())
