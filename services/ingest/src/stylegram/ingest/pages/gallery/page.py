"""The gallery: every picture there is, some screens full at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.pages.api import ApiDep
from stylegram.ingest.pages.choices import Choice, choices_of, digest_in
from stylegram.ingest.pages.gallery.tiles import wall_of
from stylegram.ingest.pages.templating import render
from stylegram.ingest.schemas import JobFilter
from stylegram.ingest.tables import JobState

router = APIRouter(include_in_schema=False)

# Of each, what is usual has no word in the address.
_OUTCOMES = (Choice("", "Pictures"), Choice("failed", "Failed"), Choice("all", "Everything"))
_RATINGS = (
    Choice("", "Any"),
    Choice("5", "5 stars"),
    *(Choice(str(stars), f"{stars} stars or more") for stars in (4, 3, 2)),
    Choice("1", "Rated"),
    Choice("none", "Not rated"),
)
_SORTS: Mapping[str, tuple[str, str]] = {
    "": ("Newest", "started_at"),
    "score": ("Best score", "score"),
    "stars": ("Most stars", "rating"),
    "likes": ("Most likes", "post_likes"),
}
# Only our own succeeded runs have a picture here.
_CONDITIONS: Mapping[str, Mapping[str, str]] = {
    "": {"outcome": "succeeded", "origin": ""},
    "failed": {"outcome": "failed"},
    "all": {},
}
_STATES: Mapping[str, tuple[JobState, ...]] = {
    "": (JobState.SUCCEEDED,),
    "failed": (JobState.FAILED,),
    "all": (JobState.SUCCEEDED, JobState.FAILED),
}


@dataclass(frozen=True)
class Wish:
    """What an address asks for; empty is what is usual.

    Args:
        content: the photograph's digest.
        style: the painting's digest.
        rating: at least so many stars, or `none`.
        outcome: `failed` or `all`.
        sort: a name in `_SORTS`.
        cursor: where the page begins; None at the beginning.
    """

    content: str
    style: str
    rating: str
    outcome: str
    sort: str
    cursor: str | None

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """What an address means; what means nothing is as if it were not there."""

        def one_of(name: str, *known: str) -> str:
            return value if (value := query.get(name, "")) in known else ""

        return cls(
            content=digest_in(query, "content"),
            style=digest_in(query, "style"),
            rating=one_of("rating", *(choice.value for choice in _RATINGS)),
            outcome=one_of("outcome", *_CONDITIONS),
            sort=one_of("sort", *_SORTS),
            cursor=query.get("cursor") or None,
        )

    @property
    def is_usual(self) -> bool:
        """Whether nothing in particular is asked for."""
        return not any((self.content, self.style, self.rating, self.outcome))

    @property
    def question(self) -> dict[str, Any]:
        """The same as the record is asked for it."""
        rating = {"": {}, "none": {"rating": ""}}.get(self.rating, {"rating.min": self.rating})
        pictures = {"content": self.content or None, "style": self.style or None}
        return {"sort": _SORTS[self.sort][1], **_CONDITIONS[self.outcome], **rating, **pictures}

    @property
    def jobs(self) -> JobFilter:
        """The same of jobs, which have no stars and are in one order only."""
        return JobFilter(states=_STATES[self.outcome], content=self.content or None, style=self.style or None)

    def query(self, cursor: str | None = None) -> str:
        """The address's query, of another page."""
        names = ("content", "style", "rating", "outcome", "sort")
        said = {name: value for name in names if (value := getattr(self, name))}
        return urlencode(said | ({"cursor": cursor} if cursor else {}))


@router.get("/gallery")
async def show(request: Request, api: ApiDep, ingest: IngestDep) -> Response:
    """The page, or one that goes on from another."""
    wish = Wish.of(request.query_params)
    wall = await wall_of(api, ingest, wish.question, wish.jobs, wish.cursor)
    photographs, paintings = await choices_of(ingest, wish.content, wish.style)
    return render(
        request,
        "gallery/page.html",
        wish=wish,
        wall=wall,
        photographs=photographs,
        paintings=paintings,
        ratings=_RATINGS,
        outcomes=_OUTCOMES,
        sorts=[Choice(value, words) for value, (words, _) in _SORTS.items()],
        beginning=wish.query(),
        following=wall.following and wish.query(wall.following),
    )
