"""Lists of runs: those that are wanted, in the order of one column, a page at a time.

What is not known of the column comes last in either direction. A list goes on after the row before, so that runs that
are added meanwhile neither repeat others nor hide them. A page may be short, or empty, while `next` says that there may
be more: then as many rows were looked at as one answer may look at (`walking`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, and_, or_, select
from sqlalchemy.orm import Session

from stylegram.common import cursors
from stylegram.common.database import transaction
from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.logger.queries.fields import FIELDS
from stylegram.logger.queries.filters import Filters, fits
from stylegram.logger.queries.views import views_of
from stylegram.logger.queries.walking import MOST_ROWS, Budget, Order, Walk, few, narrow
from stylegram.logger.tables import runs

SortName = Literal["started_at", "score", "relative_content_error", "relative_style_error", "rating", "post_likes"]
SORTS: Mapping[str, bool] = {
    "started_at": True,
    "score": False,
    "relative_content_error": False,
    "relative_style_error": False,
    "rating": True,
    "post_likes": True,
}
"""The columns that lists can be sorted by, which have an index; and whether what is large comes first by default."""

# The value of the row before, its job, and what the list is sorted by.
_CURSOR = ((str,), (bool,), (type(None), int, float, datetime), (str,))
_Position = tuple[Any, str]


@dataclass(frozen=True)
class Sorting:
    """What a list is sorted by.

    Args:
        name: one of `SORTS`.
        descending: whether what is large comes first; None for what is usual.
        known: only runs of which it is known.
    """

    name: SortName = "started_at"
    descending: bool | None = None
    known: bool = False

    @property
    def column(self) -> ColumnElement[Any]:
        """Of `runs`."""
        return runs.c[self.name]

    @property
    def is_descending(self) -> bool:
        """Whether what is large comes first."""
        return SORTS[self.name] if self.descending is None else self.descending


_NEWEST_FIRST = Sorting()


def list_runs(
    engine: Engine,
    filters: Filters = (),
    sorting: Sorting = _NEWEST_FIRST,
    *,
    limit: int = 50,
    cursor: str | None = None,
    most_rows: int = MOST_ROWS,
) -> Page[RunView]:
    """A page of the runs that fit all of the filters.

    Args:
        engine: where the runs are.
        filters: which.
        sorting: in what order.
        limit: items at most.
        cursor: `next` of the page before.
        most_rows: how many rows may be looked at.

    Raises:
        InvalidInput: the cursor is none of this order's.
        Unavailable: the database did not answer.
    """
    before = None if cursor is None else _position(cursor, sorting)
    budget = Budget(most_rows)
    with transaction(engine) as session:
        walked = _walked(session, engine.dialect.name, filters, sorting, before, limit, budget)
        found, following = _fill(walked, limit, budget)
        items = views_of(session, (job_id for _, job_id in found))
    return Page(items=items, next=following and _cursor(sorting, following))


def _position(cursor: str, sorting: Sorting) -> _Position:
    position = cursors.read(cursor)
    with cursors.refusing(cursor):
        name, descending, value, job_id = cursors.checked(position, *_CURSOR)
        timely = value is None or isinstance(value, datetime) is (sorting.name == "started_at")
        if (name, descending) != (sorting.name, sorting.is_descending) or not timely:
            raise ValueError("another list's")
        if isinstance(value, int | float):
            FIELDS[name].value(str(value))
    return value, job_id


def _cursor(sorting: Sorting, position: _Position) -> str:
    return cursors.written([sorting.name, sorting.is_descending, *position])


def _fill(
    walked: Iterator[tuple[_Position, bool]], limit: int, budget: Budget
) -> tuple[list[_Position], _Position | None]:
    """So many of the wanted ones, and where to go on; None at the end."""
    found: list[_Position] = []
    last: _Position | None = None
    for position, wanted in walked:
        if wanted and len(found) == limit:
            return found, last
        if wanted:
            found.append(position)
        last = position
    return found, None if budget.left > 0 else last


def _walked(
    session: Session,
    dialect: str,
    filters: Filters,
    sorting: Sorting,
    before: _Position | None,
    limit: int,
    budget: Budget,
) -> Iterator[tuple[_Position, bool]]:
    """Positions in the list, and whether the run there is wanted."""
    wanted = fits(filters, dialect)
    # The order's own index answers those.
    of_order = [each.condition(dialect) for each in filters if each.name == sorting.name]
    others = [each for each in filters if each.name != sorting.name]
    if (narrowed := narrow(session, others, dialect, budget.left)) is not None:
        yield from _of_few(session, sorting, narrowed, wanted, before, limit)
        return
    if before is None or before[0] is not None:
        known = Order((sorting.column, runs.c.job_id), sorting.is_descending)
        for (value, job_id), fit in Walk(session, known, wanted, of_order).rows(before, budget):
            yield (value, job_id), fit
        before = None
    if not sorting.known:
        unknown = Order((runs.c.job_id,), sorting.is_descending)
        of_none = [sorting.column.is_(None), *of_order]
        for (job_id,), fit in Walk(session, unknown, wanted, of_none).rows(before and before[1:], budget):
            yield (None, job_id), fit


def _of_few(
    session: Session,
    sorting: Sorting,
    narrowed: ColumnElement[bool],
    wanted: ColumnElement[bool],
    before: _Position | None,
    limit: int,
) -> Iterator[tuple[_Position, bool]]:
    """The same where `narrow` has found so few that all of them are sorted."""
    rows = few((sorting.column, runs.c.job_id), narrowed, wanted)
    value, job_id = rows.c
    order, nulls = Order((value, job_id), sorting.is_descending), Order((job_id,), sorting.is_descending)
    found = select(value, job_id).order_by(value.is_(None), *order.by()).limit(limit + 1)
    if sorting.known:
        found = found.where(value.is_not(None))
    if before is not None:
        later = and_(value.is_(None), nulls.after(before[1:]))
        found = found.where(later if before[0] is None else or_(order.after(before), value.is_(None)))
    for row in session.execute(found):
        yield (row[0], row[1]), True
