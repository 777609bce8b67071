"""How a job has ended, in storage: the one record that counts, whoever writes or reads it."""

from stylegram.common import artifacts
from stylegram.common.errors import AlreadyExists, NotFound
from stylegram.common.ports import Storage
from stylegram.common.records import RunRecord


def read_end(storage: Storage, job_id: str) -> RunRecord | None:
    """The record of the job's end; None if it has not ended.

    Raises:
        StylegramError: as the storage raises.
        ValidationError: what lies there is no record.
    """
    try:
        return RunRecord.model_validate_json(storage.read(artifacts.record(job_id)))
    except NotFound:
        return None


def enter_end(storage: Storage, record: RunRecord) -> RunRecord | None:
    """Enter a job's end, unless it has one already, which counts and is then returned.

    Raises:
        StylegramError: as the storage raises.
        ValidationError: there is one, which is no record.
    """
    try:
        storage.write(
            artifacts.record(record.job_id),
            record.model_dump_json(indent=1).encode(),
            content_type="application/json",
            metadata={"job_id": record.job_id},
        )
    except AlreadyExists:
        return read_end(storage, record.job_id)
    return None
