"""Where a page ended, as an opaque text: the next one goes on there, whatever was added meanwhile."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stylegram.common.errors import InvalidInput
from stylegram.ingest.schemas import Job

# The most that the column of an asset's id holds.
_LARGEST_ID = 2**31 - 1


def cursor_after_job(job: Job) -> str:
    """The cursor of what follows the job, newest first."""
    return _cursor([job.created_at.isoformat(), job.id])


def job_position(cursor: str) -> tuple[datetime, str]:
    """When the job before the page was submitted, and its id.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    with _refusing(cursor):
        created_at, job_id = _position(cursor)
        time = datetime.fromisoformat(created_at)
        if time.tzinfo is None:
            raise ValueError("no time zone")
        return time.astimezone(UTC), str(UUID(job_id))


def cursor_after_asset(asset_id: int) -> str:
    """The cursor of what follows the asset in the table, newest first."""
    return _cursor(asset_id)


def asset_position(cursor: str) -> int:
    """The id of the asset before the page.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    with _refusing(cursor):
        asset_id = _position(cursor)
        if type(asset_id) is not int or not 0 < asset_id <= _LARGEST_ID:
            raise ValueError("no id")
        return asset_id


def _cursor(position: object) -> str:
    return urlsafe_b64encode(json.dumps(position).encode()).decode()


def _position(cursor: str) -> Any:  # noqa: ANN401  (whatever somebody put in)
    return json.loads(urlsafe_b64decode(cursor.encode("ascii")))


@contextmanager
def _refusing(cursor: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InvalidInput(
            f"'{cursor[:80]}' is no cursor.", advice="Take `next` of the page before, or none for the first page."
        ) from None
