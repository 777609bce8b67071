"""The best runs: by one number, and as a Pareto front of two.

A run is on the front unless another has less of one relative error and not more of the other. Of a million runs few
hundred are: they are found by an index of bands of style error (`rows.style_band`), each in the order of its content
errors. From the least style error on, a band's runs matter only as far as their content error is below all that was
found in the bands before; so the front is exact, and most runs are never looked at.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import ColumnElement, Engine, and_, bindparam, func, select, true
from sqlalchemy.orm import Session

from stylegram.common import cursors
from stylegram.common.database import transaction
from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.logger.queries.fields import FIELDS
from stylegram.logger.queries.filters import Filter, Filters
from stylegram.logger.queries.listing import Sorting, SortName, list_runs
from stylegram.logger.queries.views import views_of
from stylegram.logger.queries.walking import MOST_ROWS, Budget, Order, Walk, few, narrow
from stylegram.logger.rows import style_band
from stylegram.logger.tables import runs

By = Literal["pareto", "score", "rating", "likes"]
"""What makes a run good."""
_SORTS: dict[By, SortName] = {"score": "score", "rating": "rating", "likes": "post_likes"}

_content, _style, _band = runs.c.relative_content_error, runs.c.relative_style_error, runs.c.style_band
_STYLES = {"style", "style_sha256", "style_name"}
_in_band = Order((_content, _style, runs.c.job_id))
_NUMBER, _NUMBER_OR_NONE = (int, float), (type(None), int, float)


def leaderboard(
    engine: Engine,
    by: By = "pareto",
    filters: Filters = (),
    *,
    limit: int = 50,
    cursor: str | None = None,
    most_rows: int = MOST_ROWS,
) -> Page[RunView]:
    """A page of the best runs that fit all of the filters, the best first; of the front the least style error first.

    As with lists, a page may be short, or empty, while `next` says that there may be more.

    Args:
        engine: where the runs are.
        by: what makes a run good.
        filters: which runs.
        limit: items at most.
        cursor: `next` of the page before.
        most_rows: how many rows may be looked at.

    Raises:
        InvalidInput: the cursor is none of this list's.
        Unavailable: the database did not answer.
    """
    if by != "pareto":
        sorting = Sorting(_SORTS[by], known=True)
        return list_runs(engine, filters, sorting, limit=limit, cursor=cursor, most_rows=most_rows)
    with transaction(engine) as session:
        found, following = _front_page(session, engine.dialect.name, filters, limit, cursor, Budget(most_rows))
        items = views_of(session, (point.job_id for point in sorted(found)))
    return Page(items=items, next=following)


@dataclass(frozen=True, order=True)
class Point:
    """A run as the front sees it, by its style error, then its content error."""

    style: float
    content: float
    job_id: str


def front(points: Iterable[Point]) -> list[Point]:
    """Those of the points that no other is better than, by style error; equals are all there.

    >>> [point.job_id for point in front([Point(1, 3, "a"), Point(2, 1, "b"), Point(2, 2, "c"), Point(3, 1, "d")])]
    ['a', 'b']
    """
    best: list[Point] = []
    for point in sorted(points):
        last = best[-1] if best else None
        if last is None or point.content < last.content or (point.style, point.content) == (last.style, last.content):
            best.append(point)
    return best


@dataclass(frozen=True)
class _Place:
    """How far the bands were gone through.

    Args:
        band: the one that is next, or under way.
        before: content error, style error and job of the row before in it; None at its beginning.
        below: the least content error of the bands before; None before there is one.
        least: the least of this one too.
        last: content and style error of the band's last run that is on the front; None before one is.
    """

    band: int = 0
    before: tuple[float, float, str] | None = None
    below: float | None = None
    least: float | None = None
    last: tuple[float, float] | None = None

    def at(self, band: int) -> "_Place":
        """The same, or the beginning of a later band."""
        return self if band == self.band else _Place(band, below=self.least, least=self.least)

    def parameters(self) -> dict[str, float]:
        """What is yet to be found: nothing else can be on the front."""
        below = math.inf if self.below is None else self.below
        return {"band": self.band, "below": below, "most_style": math.inf if self.last is None else self.last[1]}

    def after(self, point: "Point", wanted: bool) -> tuple["_Place", bool]:
        """Beyond a row, in the order of the band, and whether the row is on the front."""
        errors = (point.content, point.style)
        best = wanted and (self.last is None or point.style < self.last[1] or errors == self.last)
        here = replace(self, before=(*errors, point.job_id))
        # The first that is wanted has the least content error.
        least = point.content if self.last is None else self.least
        return replace(here, least=least, last=errors) if best else here, best


def _front_page(
    session: Session, dialect: str, filters: Filters, limit: int, cursor: str | None, budget: Budget
) -> tuple[list[Point], str | None]:
    # A run that has errors is known.
    wanted = and_(true(), *(each.condition(dialect) for each in filters))
    begun = None if cursor is None else _read(cursor)
    of_style = [each.condition(dialect) for each in filters if _is_a_style(each)]
    if not of_style and not isinstance(begun, _Place):
        narrowed = narrow(session, filters, dialect, budget.left)
        if narrowed is not None:
            return _from_few(session, narrowed, wanted, begun, limit)
    if isinstance(begun, Point):  # too many fit by now to look at all of them
        begun = _Place(style_band(begun.style), below=begun.content, least=begun.content)
    return _from_bands(session, of_style, wanted, begun or _Place(), limit, budget)


def _is_a_style(wanted: Filter) -> bool:
    """Whether it is one painting, whose runs have bands of their own in an index."""
    return wanted.name in _STYLES and len(wanted.any_of) == 1 and wanted.any_of[0] is not None


def _from_few(
    session: Session, narrowed: ColumnElement[bool], wanted: ColumnElement[bool], begun: Point | None, limit: int
) -> tuple[list[Point], str | None]:
    rows = few((_style, _content, runs.c.job_id), narrowed, wanted)
    known = session.execute(select(rows).where(*(column.is_not(None) for column in rows.c)))
    points = [point for point in front(Point(*row) for row in known) if begun is None or point > begun]
    return points[:limit], _written(points[limit - 1]) if len(points) > limit else None


def _from_bands(
    session: Session,
    among: Sequence[ColumnElement[bool]],
    wanted: ColumnElement[bool],
    place: _Place,
    limit: int,
    budget: Budget,
) -> tuple[list[Point], str | None]:
    found: list[Point] = []
    # What is not below these is beaten by what was found already.
    base = [*among, _band == bindparam("band"), _content < bindparam("below"), _style <= bindparam("most_style")]
    walk = Walk(session, _in_band, wanted, base)

    def parameters() -> dict[str, float]:
        return place.parameters()

    for band, least in _bands(session, among, place.band):
        place = place.at(band)
        if place.below is not None and least >= place.below:
            continue
        for (content, style, job_id), fit in walk.rows(place.before, budget, parameters):
            point = Point(style, content, job_id)
            beyond, best = place.after(point, fit)
            if best and len(found) == limit:
                return found, _written(place)
            if best:
                found.append(point)
            place = beyond
        if budget.left <= 0:
            return found, _written(place)
    return found, None


def _bands(session: Session, among: Sequence[ColumnElement[bool]], first: int) -> Sequence[tuple[int, float]]:
    """The bands that have runs, from the first on, and the least content error in each: some seeks in an index."""
    bands = select(func.min(_band).label("band")).where(*among, _band >= first).cte("bands", recursive=True)
    following = select(func.min(_band)).where(*among, _band > bands.c.band).scalar_subquery()
    bands = bands.union_all(select(following).where(bands.c.band.is_not(None)))
    least = select(_content).where(*among, _band == bands.c.band, _content.is_not(None)).order_by(_content).limit(1)
    found = session.execute(select(bands.c.band, least.scalar_subquery()))
    return [(band, content) for band, content in found if content is not None]


def _written(place: _Place | Point) -> str:
    if isinstance(place, Point):
        return cursors.written([place.style, place.content, place.job_id])
    before, last = place.before or (None, None, None), place.last or (None, None)
    return cursors.written([place.band, *before, place.below, place.least, *last])


def _read(cursor: str) -> _Place | Point:
    position = cursors.read(cursor)
    with cursors.refusing(cursor):
        if len(position) == 3:
            return Point(*cursors.checked(position, _NUMBER, _NUMBER, (str,)))
        band, content, style, job_id, below, least, *last = cursors.checked(
            position, (int,), _NUMBER_OR_NONE, _NUMBER_OR_NONE, (str, type(None)), *[_NUMBER_OR_NONE] * 4
        )
        FIELDS["style_band"].value(str(band))
        before = None if None in (content, style, job_id) else (content, style, job_id)
        return _Place(band, before, below, least, None if None in last else (last[0], last[1]))
