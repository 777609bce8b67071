"""Going through the runs in the order of an index, a bounded number of rows at a time.

A condition on a column without an index may be met by one run in a million. To look for it is a walk in the order that
is asked for, which ends after `MOST_ROWS` rows whatever it found, and can go on from there: so that no question takes
the database down, and none is answered wrongly.

Where an indexed condition leaves fewer rows than that, those are looked at instead, all at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Subquery,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from stylegram.logger.queries.filters import Filters
from stylegram.logger.tables import runs

MOST_ROWS = 5_000
"""Rows that one answer may look at."""
# A wanted run is rarely far: it begins with few rows, and takes more at a time from there on.
_FIRST_CHUNK, _GROWTH = 200, 4


class Budget:
    """What is left of the rows that one answer may look at.

    Args:
        rows: how many.
    """

    def __init__(self, rows: int) -> None:
        self.left = rows


@dataclass(frozen=True)
class Order:
    """The columns of an index in one direction, which together are different for each row; rows that have no value in
    the first are none of it.

    Args:
        columns: of the index, in its order.
        descending: whether it is gone through backwards.
    """

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False

    def after(self, position: Sequence[Any]) -> ColumnElement[bool]:
        """What comes after the row with these values."""
        here = tuple_(*self.columns)
        # Typed by the columns, as a time's is not told by its text.
        there = tuple_(*position, types=[column.type for column in self.columns])
        return here < there if self.descending else here > there

    def by(self) -> list[ColumnElement[Any]]:
        """For `order_by`."""
        return [column.desc() if self.descending else column for column in self.columns]


class Walk:
    """Goes through rows.

    Args:
        session: asks.
        order: of the rows.
        wanted: any condition.
        base: conditions that the order's index answers; they may have parameters.
    """

    def __init__(
        self, session: Session, order: Order, wanted: ColumnElement[bool], base: Sequence[ColumnElement[bool]] = ()
    ) -> None:
        self._session = session
        self._order = order
        self._wanted = wanted
        self._base = base
        # To put a question together takes longer than to answer it: each is, once.
        self._first: Select[Any] | None = None
        self._next: Select[Any] | None = None

    def rows(
        self,
        position: Sequence[Any] | None,
        budget: Budget,
        parameters: Callable[[], Mapping[str, Any]] = dict,
    ) -> Iterator[tuple[tuple[Any, ...], bool]]:
        """The values of each wanted row after the position, and of one now and then that is not, to go on from: until
        the rows or the budget end.

        Args:
            position: the values of the row before; None for the beginning.
            budget: is charged for each row that is looked at.
            parameters: those of `base`; asked for again after some rows.
        """
        chunk, width = _FIRST_CHUNK, len(self._order.columns)
        while budget.left > 0:
            chunk = min(chunk, budget.left)
            there = {f"at_{index}": value for index, value in enumerate(position or ())}
            question = self._question(begun=position is not None)
            rows = self._session.execute(question, {"chunk": chunk, **there, **parameters()}).all()
            if not rows:
                return
            looked_at = rows[-1].place
            budget.left -= looked_at
            for row in rows:
                yield tuple(row[:width]), bool(row.wanted)
            if looked_at < chunk:
                return
            position, chunk = rows[-1][:width], chunk * _GROWTH

    def _question(self, *, begun: bool) -> Select[Any]:
        if begun:
            if self._next is None:
                columns = enumerate(self._order.columns)
                position = [bindparam(f"at_{index}", type_=column.type) for index, column in columns]
                self._next = self._put_together(self._order.after(position))
            return self._next
        if self._first is None:
            # After a position there are none without a value, and PostgreSQL would take that for a second reason for
            # there being few.
            self._first = self._put_together(self._order.columns[0].is_not(None))
        return self._first

    def _put_together(self, beyond: ColumnElement[bool]) -> Select[Any]:
        looked_at = (
            select(*self._order.columns, self._wanted.label("wanted"))
            .where(*self._base, beyond)
            .order_by(*self._order.by())
            .limit(bindparam("chunk", type_=Integer))
            .subquery()
        )
        *columns, wanted = looked_at.c
        place = func.row_number().over(order_by=Order(tuple(columns), self._order.descending).by())
        numbered = select(*looked_at.c, place.label("place"), func.count().over().label("looked_at")).subquery()
        # The last one says how many there were, and where to go on.
        matter = or_(numbered.c[wanted.name], numbered.c.place == numbered.c["looked_at"])
        return select(numbered).where(matter).order_by(numbered.c.place)


def narrow(session: Session, filters: Filters, dialect: str, most_rows: int) -> ColumnElement[bool] | None:
    """One of the filters, which an index answers and which leaves no more than so many rows; None if none does."""
    for each in filters:
        if each.is_indexed:
            condition = each.condition(dialect)
            some = select(literal_column("1")).select_from(runs).where(condition).limit(most_rows + 1).subquery()
            if (session.scalar(select(func.count()).select_from(some)) or 0) <= most_rows:
                return condition
    return None


def few(columns: Sequence[ColumnElement[Any]], narrowed: ColumnElement[bool], wanted: ColumnElement[bool]) -> Subquery:
    """These columns of the wanted ones among the rows that `narrow` found to be few; to be sorted by whoever asks.

    Its limit has databases look for these rows first, and sort then, whatever they think of how many there are.
    """
    return select(*columns).where(narrowed, wanted).limit(2 * MOST_ROWS).subquery()
