"""What is asked of the page that compares, and how its address says so."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from stylegram.common.views.preferences import COMPARISON_ID, MOST_SKIPPED, Pair
from stylegram.ingest.pages.choices import digest_in

# Of a run that has a picture here.
_ID = re.compile("[0-9A-Za-z_-]{1,200}")


@dataclass(frozen=True)
class Wish:
    """What an address asks for.

    Args:
        content: the photograph's digest; empty for any.
        style: the painting's, likewise.
        skipped: keys of pairs that somebody does not want to see now.
        pair: the ids of two runs to be shown, whatever else could be; empty for whatever tells most.
        said: the id of the comparison that was made last; empty where nothing was.
        of: the ids of the two runs that it was about.
    """

    content: str = ""
    style: str = ""
    skipped: Sequence[str] = ()
    pair: tuple[str, ...] = ()
    said: str = ""
    of: tuple[str, ...] = ()

    @classmethod
    def of_query(cls, query: QueryParams) -> Self:
        """What an address means; what means nothing is as if it were not there."""
        said, of = query.get("said", ""), _two(query.get("of", ""))
        is_told = bool(of and re.fullmatch(COMPARISON_ID, said))
        return cls(
            content=digest_in(query, "content"),
            style=digest_in(query, "style"),
            skipped=tuple(",".join(ids) for key in query.getlist("not") if (ids := _two(key)))[-MOST_SKIPPED:],
            pair=_two(query.get("pair", "")),
            said=said if is_told else "",
            of=of if is_told else (),
        )

    def address(self) -> str:
        """The page that this asks for, without prefix."""
        told = {"content": self.content, "style": self.style, "said": self.said}
        lists = {"pair": ",".join(self.pair), "of": ",".join(self.of)}
        pairs = [(name, value) for name, value in (told | lists).items() if value]
        query = urlencode([*pairs, *(("not", key) for key in self.skipped)])
        return f"/better?{query}" if query else "/better"


def key_of(pair: Pair) -> str:
    """What two pictures are called together, whichever of them is shown first."""
    return ",".join(sorted((pair.first.job_id, pair.second.job_id)))


def _two(text: str) -> tuple[str, ...]:
    """The two different ids in it; none where there are not two."""
    ids = tuple(text.split(","))
    return ids if len(ids) == 2 and ids[0] != ids[1] and all(map(_ID.fullmatch, ids)) else ()
