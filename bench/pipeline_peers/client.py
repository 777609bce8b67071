"""What all contestants of `bench.pipeline` share: the same bodies, and a client that submits when it is asked to.

It runs in the environments of others too, and so needs nothing but Python's own library.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

BROKER_URL, MESSAGES = "STYLEGRAM_BENCH_BROKER_URL", "STYLEGRAM_BENCH_MESSAGES"
"""Variables of the environment: the node, and a folder with the two messages as JSON."""
JOB, COMPLETED = "job.json", "completed.json"
EXCHANGE = "pipeline.done"
"""Takes to two queues what is said of a job that is done: somebody follows jobs, and somebody else records them."""


def broker_url() -> str:
    """Of the node that all share."""
    return os.environ[BROKER_URL]


def job() -> dict[str, Any]:
    """A new job."""
    return _message(JOB, str(uuid4()))


def completed(job_id: str) -> dict[str, Any]:
    """What is said of a job that is done."""
    return _message(COMPLETED, job_id)


def answer(submit: Callable[[], object]) -> None:
    """For each line of standard input submit as many jobs as it says, and print how long that took.

    Args:
        submit: submits one, and returns when the server has confirmed it.
    """
    for line in sys.stdin:
        started = time.monotonic()
        for _ in range(int(line)):
            submit()
        # The clock is one for all processes of a machine.
        print(json.dumps({"started": started, "seconds": time.monotonic() - started}), flush=True)


_messages: dict[str, dict[str, Any]] = {}


def _message(name: str, job_id: str) -> dict[str, Any]:
    if name not in _messages:
        _messages[name] = json.loads(Path(os.environ[MESSAGES], name).read_text())
    return {**_messages[name], "job_id": job_id}
