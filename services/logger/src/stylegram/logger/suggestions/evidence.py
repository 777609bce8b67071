"""What the record knows that suggestions can learn from: the only queries on the runs that they make."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Engine, and_, or_, select

from stylegram.common.database import transaction
from stylegram.common.errors import DeadlineExceeded, InvalidHyperparameters, NonFinite, OutOfMemory
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, PictureFeatures, Role
from stylegram.logger.rows import to_hyperparameters
from stylegram.logger.suggestions.front import Point
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Tried
from stylegram.logger.suggestions.refusal import Risks
from stylegram.logger.suggestions.space import Space
from stylegram.logger.tables import runs

# What hyperparameters can bring about; a file that is no picture, or weights that are away, say nothing about them.
_THEIR_FAULT = (NonFinite.code, OutOfMemory.code, DeadlineExceeded.code, InvalidHyperparameters.code)
# Of these pictures, of others with one of them, and of any.
_MOST_RUNS = 400
_MOST_FAILURES = 400


@dataclass(frozen=True)
class Known:
    """A run of the record.

    Args:
        job_id: its job.
        hyperparameters: what it was painted with.
        pictures: of which pair.
        errors: relative content and style error; None where it failed.
        score: see `Metrics.score`; None where it failed.
        rating: what somebody thinks of it, 1 … 5; None where nobody said.
        trial: of which study it is, as study/number.
    """

    job_id: str
    hyperparameters: Hyperparameters
    pictures: Pictures
    errors: Point | None
    score: float | None
    rating: int | None
    trial: str | None

    def tried(self, space: Space) -> Tried | None:
        """The run as models see it; None where it lies outside of the space."""
        params = space.params_of(self.hyperparameters)
        return None if params is None else Tried(params, self.errors, self.pictures)


def known_runs(engine: Engine, pictures: Pictures) -> list[Known]:
    """Runs whose errors are known, the most telling first: of these pictures, of others with one of them, of others;
    each the newest first.

    Raises:
        Unavailable: the database did not answer.
    """
    content, style = runs.c.content_sha256 == pictures.content, runs.c.style_sha256 == pictures.style
    measured = and_(runs.c.relative_content_error.is_not(None), runs.c.relative_style_error.is_not(None))
    found: dict[str, Known] = {}
    # One after another, each by an index: no sort of a whole table is among them.
    for which in (and_(content, style, measured), and_(style, measured), and_(content, measured), measured):
        for known in _of(_rows(engine, which)):
            found.setdefault(known.job_id, known)
    return list(found.values())


def risks_of(engine: Engine, space: Space) -> Risks:
    """How likely runs fail in a space, by the newest ones in it.

    Runs of our own engine alone: what other people's failed of, or the system that inspired this one, need not be what
    ours does.

    Raises:
        Unavailable: the database did not answer.
    """
    ended = or_(runs.c.outcome == "succeeded", and_(runs.c.outcome == "failed", runs.c.error_code.in_(_THEIR_FAULT)))
    rows = _rows(engine, and_(runs.c.origin.is_(None), ended), _MOST_FAILURES)
    tried = [
        (params, row["outcome"] == "failed")
        for row in rows
        if (known := _known(row)) and (params := space.params_of(known.hyperparameters)) is not None
    ]
    return Risks(space, [params for params, _ in tried], [failed for _, failed in tried])


def _rows(engine: Engine, which: ColumnElement[bool], limit: int = _MOST_RUNS) -> Sequence[Mapping[str, Any]]:
    columns = [runs.c[name] for name in (*_FACTS, *Hyperparameters.model_fields)]
    query = select(*columns).where(which).order_by(runs.c.started_at.desc(), runs.c.job_id.desc()).limit(limit)
    with transaction(engine) as session:
        return [row._asdict() for row in session.execute(query)]


_FACTS = (
    *("job_id", "outcome", "trial", "content_sha256", "style_sha256", "content_features", "style_features"),
    *("relative_content_error", "relative_style_error", "score", "rating"),
)


def _of(rows: Iterable[Mapping[str, Any]]) -> list[Known]:
    return [known for row in rows if (known := _known(row))]


def _known(row: Mapping[str, Any]) -> Known | None:
    """The run in a row; None of another version, whose hyperparameters had other ranges."""
    content, style = row["relative_content_error"], row["relative_style_error"]
    with suppress(ValidationError):
        return Known(
            job_id=row["job_id"],
            hyperparameters=to_hyperparameters(row),
            pictures=Pictures(
                row["content_sha256"] or "",
                row["style_sha256"] or "",
                _features(row["content_features"]),
                _features(row["style_features"]),
            ),
            errors=None if content is None or style is None else (content, style),
            score=row["score"],
            rating=row["rating"],
            trial=row["trial"],
        )
    return None


def _features(values: Mapping[str, float] | None) -> PictureFeatures | None:
    return None if values is None else PictureFeatures.model_validate(values)


def pictures_of(engine: Engine, content: AssetReference | str, style: AssetReference | str) -> Pictures:
    """A pair, by its pictures or their digests; what is not said of how they look, runs may tell.

    Raises:
        Unavailable: the database did not answer.
    """
    with transaction(engine) as session:

        def seen(role: Role, picture: AssetReference | str) -> tuple[str, PictureFeatures | None]:
            if isinstance(picture, AssetReference) and picture.features:
                return picture.sha256, picture.features
            sha256 = picture if isinstance(picture, str) else picture.sha256
            column = runs.c[f"{role}_features"]
            known = select(column).where(runs.c[f"{role}_sha256"] == sha256, column.is_not(None)).limit(1)
            return sha256, _features(session.scalar(known))

        (one, one_looks), (other, other_looks) = seen(Role.CONTENT, content), seen(Role.STYLE, style)
    return Pictures(one, other, one_looks, other_looks)
