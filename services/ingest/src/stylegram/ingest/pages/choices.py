"""The photographs and paintings that somebody may choose from, to see the pictures made of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.records import Role
from stylegram.common.schemas import Page
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.pages.words import title_of
from stylegram.ingest.schemas import Asset

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


def assets_from(ingest: Ingest, role: Role, limit: int, cursor: str | None) -> Page[Asset]:
    """A page of the pictures of that role, newest first; the first one where the cursor is none, as in an address that
    somebody shortened.
    """
    try:
        return ingest.assets(role, limit=limit, cursor=cursor)
    except InvalidInput:
        return ingest.assets(role, limit=limit)


async def choices_of(ingest: Ingest, content: str, style: str) -> tuple[Sequence[Choice], Sequence[Choice]]:
    """The newest photographs and paintings, by title, and those that are chosen wherever they are.

    Args:
        ingest: whose assets they are.
        content: the chosen photograph's digest, or empty.
        style: the chosen painting's, likewise.
    """

    def read() -> tuple[Sequence[Choice], Sequence[Choice]]:
        return _choices_of(ingest, Role.CONTENT, content), _choices_of(ingest, Role.STYLE, style)

    return await run_in_threadpool(read)


def _choices_of(ingest: Ingest, role: Role, chosen: str) -> Sequence[Choice]:
    found = {asset.sha256: asset.name for asset in ingest.assets(role, limit=_MOST).items}
    if chosen and chosen not in found:
        try:
            found[chosen] = ingest.asset(role, chosen).name
        except NotFound:  # as of a record that was moved here without its pictures
            found[chosen] = f"{chosen[:12]}…"
    named = [Choice(sha256, title_of(name)) for sha256, name in found.items()]
    return sorted(named, key=lambda choice: choice.words.casefold())
