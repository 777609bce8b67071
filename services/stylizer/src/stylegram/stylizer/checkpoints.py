"""A job's checkpoints in storage, of which only the newest counts."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from stylegram.common import artifacts
from stylegram.common.errors import AlreadyExists, NotFound, StylegramError
from stylegram.common.ports import Storage

_log = structlog.get_logger(__name__)


class Checkpoints:
    """Those of one job.

    Args:
        storage: where they lie.
        job_id: whose they are.
    """

    def __init__(self, storage: Storage, job_id: str) -> None:
        self._storage = storage
        self._job_id = job_id

    def newest(self) -> bytes | None:
        """The newest checkpoint's bytes; None if there is none that can be read.

        Raises:
            StylegramError: retryable; the storage did not answer.
        """
        for _ in range(2):
            if not (names := self._names()):
                break
            try:
                return self._storage.read(names[-1])
            except NotFound:  # another worker has just saved a newer one, or is done with the job
                continue
            except StylegramError as error:
                if error.retryable:
                    raise
                _log.warning("checkpoint_ignored", name=names[-1], reason=str(error))
                self.clear()
                break
        return None

    def save(self, evaluation: int, data: bytes) -> None:
        """Keep a checkpoint, and no older one; nor this one where the job is done.

        Raises:
            StylegramError: it could not be stored.
        """
        name = artifacts.checkpoint(self._job_id, evaluation)
        # Another worker at the same job may have been here. Its precision or tiling may differ, and so its picture by a
        # little: one can go on from it as well.
        with suppress(AlreadyExists):
            self._storage.write(name, data, content_type="application/octet-stream", metadata={"job_id": self._job_id})
        with _as_far_as_possible():
            # Who wrote the record deleted the checkpoints that there were then, and nobody looks for them again.
            done = self._storage.stat(artifacts.record(self._job_id)) is not None
            self._delete_before(None if done else name)

    def clear(self) -> None:
        """Delete all of them, as far as the storage lets us: what stays costs room, and nothing else."""
        with _as_far_as_possible():
            self._delete_before(None)

    def _delete_before(self, name: str | None) -> None:
        for each in self._names():
            if name is None or each < name:
                self._storage.delete(each)

    def _names(self) -> list[str]:
        return [stored.name for stored in self._storage.list(artifacts.checkpoints(self._job_id))]


@contextmanager
def _as_far_as_possible() -> Iterator[None]:
    try:
        yield
    except StylegramError as error:
        _log.warning("checkpoint_not_deleted", reason=str(error))
