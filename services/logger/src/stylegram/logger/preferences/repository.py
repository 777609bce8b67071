"""All queries on what people prefer."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, delete, func, insert, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, WrongState
from stylegram.common.views.preferences import Comparison
from stylegram.logger.preferences.signals import Picture
from stylegram.logger.tables import comparisons, runs

_PICTURE = {
    "job_id": runs.c.job_id,
    "content_name": runs.c.content_name,
    "content_sha256": runs.c.content_sha256,
    "style_name": runs.c.style_name,
    "style_sha256": runs.c.style_sha256,
    "origin": runs.c.origin,
    "started_at": runs.c.started_at,
    "rating": runs.c.rating,
    "account": runs.c.post_account,
    "likes": runs.c.post_likes,
    "reach": runs.c.post_reach,
}


class PreferenceRepository:
    """Comparisons and ratings in the database.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, comparison_id: str, better: str, worse: str) -> Comparison:
        """Remember that one picture was preferred to another; the same thing under the same id again changes nothing.

        Args:
            comparison_id: up to 36 characters, chosen by who says it.
            better: the job whose picture was preferred.
            worse: the job of the other.

        Raises:
            InvalidInput: a picture is compared with itself, or something else was said under that id.
            NotFound: there is no such run.
            WrongState: a run has no picture.
        """
        if better == worse:
            raise InvalidInput(f"Run {better} is compared with itself.", advice="Name two runs.")
        said = Comparison(id=comparison_id, better=better, worse=worse, said_at=utcnow())
        with transaction(self._engine) as session:
            for job_id in (better, worse):
                _check_has_picture(session, job_id)
            try:
                with session.begin_nested():
                    session.execute(insert(comparisons).values(**said.model_dump()))
            except IntegrityError:
                row = session.execute(select(comparisons).where(comparisons.c.id == comparison_id)).one()
                before = Comparison.model_validate(row._asdict())
                if (before.better, before.worse, before.origin) != (better, worse, None):
                    raise InvalidInput(
                        f"The id {comparison_id} is that of another comparison: {before.better} was better than"
                        f" {before.worse}.",
                        advice="Choose a new id for each comparison.",
                    ) from None
                return before
        return said

    def forget(self, comparison_id: str) -> None:
        """Take back what was said here.

        Raises:
            NotFound: there is no such comparison, or it was imported.
        """
        ours = (comparisons.c.id == comparison_id) & comparisons.c.origin.is_(None)
        with transaction(self._engine) as session:
            gone = session.scalar(delete(comparisons).where(ours).returning(comparisons.c.id))
        if gone is None:
            raise NotFound(f"There is no comparison {comparison_id} that was made here.")

    def rate(self, job_id: str, rating: int | None) -> None:
        """Remember what somebody thinks of a run's picture.

        Args:
            job_id: of the run.
            rating: 1 … 5 stars; None takes the rating back.

        Raises:
            NotFound: there is no such run.
            WrongState: the run has no picture.
        """
        with transaction(self._engine) as session:
            _check_has_picture(session, job_id)
            session.execute(update(runs).where(runs.c.job_id == job_id).values(rating=rating))

    def tallies(self) -> list[tuple[str, str, int]]:
        """Which picture was preferred to which, and how often."""
        times = func.count().label("times")
        by_pair = select(comparisons.c.better, comparisons.c.worse, times).group_by(
            comparisons.c.better, comparisons.c.worse
        )
        with transaction(self._engine) as session:
            return [(row.better, row.worse, row.times) for row in session.execute(by_pair)]

    def pictures(self) -> list[Picture]:
        """The pictures of which people said anything: which of two is better, stars, or how they take a post."""
        # Each part has an index of its own; of any of them at once, all runs would be looked through.
        said_of = union(
            select(comparisons.c.better),
            select(comparisons.c.worse),
            select(runs.c.job_id).where(runs.c.rating.is_not(None)),
            select(runs.c.job_id).where(runs.c.post_likes.is_not(None), runs.c.post_reach > 0),
        )
        return self._pictures(_pictures_where(runs.c.job_id.in_(said_of)))

    def newest(self, limit: int, *, content: str | None = None, style: str | None = None) -> list[Picture]:
        """Our own runs' pictures, newest first, at most `limit`; of one photograph or painting where it is named."""
        wanted: list[ColumnElement[bool]] = [runs.c.origin.is_(None)]
        wanted += [runs.c.content_sha256 == content] if content else []
        wanted += [runs.c.style_sha256 == style] if style else []
        newest_first = runs.c.started_at.desc(), runs.c.job_id.desc()
        return self._pictures(_pictures_where(*wanted).order_by(*newest_first).limit(limit))

    def _pictures(self, query: Select[Any]) -> list[Picture]:
        with transaction(self._engine) as session:
            return [Picture(**row._asdict()) for row in session.execute(query)]


def _pictures_where(*conditions: ColumnElement[bool]) -> Select[Any]:
    columns: Iterable[ColumnElement[Any]] = (column.label(name) for name, column in _PICTURE.items())
    return select(*columns).where(runs.c.outcome == "succeeded", *conditions)


def _check_has_picture(session: Session, job_id: str) -> None:
    row = session.execute(select(runs.c.outcome, runs.c.reason).where(runs.c.job_id == job_id)).one_or_none()
    if row is None or row.outcome is None:
        raise NotFound(f"There is no run {job_id}.", advice="`stylegram runs list` shows those there are.")
    if row.outcome != "succeeded":
        raise WrongState(f"Run {job_id} has no picture: it failed. {row.reason or ''}".rstrip())
