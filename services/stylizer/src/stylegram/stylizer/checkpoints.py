"""A job's checkpoints in storage, of which only the newest counts."""

from contextlib import suppress

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
        names = self._names()
        try:
            return self._storage.read(names[-1]) if names else None
        except NotFound:  # another worker is done with the job
            return None
        except StylegramError as error:
            if error.retryable:
                raise
            _log.warning("checkpoint_ignored", name=names[-1], reason=str(error))
            self.clear()
            return None

    def save(self, evaluation: int, data: bytes) -> None:
        """Keep a checkpoint, and no older one.

        Raises:
            StylegramError: it could not be stored.
        """
        name = artifacts.checkpoint(self._job_id, evaluation)
        with suppress(AlreadyExists):  # another worker at the same job; the same evaluation is the same checkpoint
            self._storage.write(name, data, content_type="application/octet-stream", metadata={"job_id": self._job_id})
        self._delete_before(name)

    def clear(self) -> None:
        """Delete all of them, as far as the storage lets us: what stays costs room, and nothing else."""
        self._delete_before(None)

    def _delete_before(self, name: str | None) -> None:
        try:
            for each in self._names():
                if name is None or each < name:
                    self._storage.delete(each)
        except StylegramError as error:
            _log.warning("checkpoint_not_deleted", reason=str(error))

    def _names(self) -> list[str]:
        return [stored.name for stored in self._storage.list(artifacts.checkpoints(self._job_id))]
