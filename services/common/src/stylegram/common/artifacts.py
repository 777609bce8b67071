"""Where a job's artifacts lie in storage. Deterministic, so that a redelivered job finds its own result."""


def result(job_id: str) -> str:
    """The finished picture."""
    return f"runs/{job_id}/result.png"


def record(job_id: str) -> str:
    """The run's record, of success or of failure; written last, so that its presence says that the job is done."""
    return f"runs/{job_id}/record.json"


def snapshot(job_id: str, evaluation: int) -> str:
    """The picture as it was after `evaluation` evaluations."""
    return f"runs/{job_id}/snapshots/{evaluation:04d}.jpg"


def timelapse(job_id: str) -> str:
    """The film of how the picture came about."""
    return f"runs/{job_id}/timelapse.mp4"


def checkpoints(job_id: str) -> str:
    """What the names of all of a job's checkpoints begin with."""
    return f"runs/{job_id}/checkpoints/"


def checkpoint(job_id: str, evaluation: int) -> str:
    """Everything that the work needs to go on after `evaluation` evaluations. Its names sort in their order."""
    return f"{checkpoints(job_id)}{evaluation:06d}.safetensors"


def cancellation(job_id: str) -> str:
    """The note that nobody wants the job any more, for whoever holds its message or comes to do so."""
    return f"runs/{job_id}/cancelled"
