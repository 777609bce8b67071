"""A job's changes as server-sent events.

The first event is a `snapshot` of the whole job; each `update` after it has the fields that changed, and always `id`
and `sequence`; the last is the `end`, the whole job again, whose state nothing changes any more. Each event's id is
the job's sequence number, by which a browser that lost the connection says what it has seen.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from stylegram.ingest.http.watch import JobWatch, Reader
from stylegram.ingest.schemas import Job

# Proxies close what is silent for half a minute or a minute; and it takes a write to learn that a reader is gone.
_PING_SECONDS = 15.0


class JobEvents(EventSourceResponse):
    """The stream of one job's events, until its end.

    Args:
        job: as it stands.
        watch: tells of its changes.
        seen: the sequence number that the browser has seen, if any.
    """

    def __init__(self, job: Job, watch: JobWatch, seen: str | None) -> None:
        super().__init__(_no_events(), headers={"X-Accel-Buffering": "no"})
        self._job = job
        self._watch = watch
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer.

        Raises:
            Unavailable: see `JobWatch.reader`; nothing was sent.
        """
        # Only here, so that whatever becomes of the connection ends the reader too.
        with self._watch.reader(self._job) as reader:
            self.body_iterator = _events(self._job, reader, self._seen)
            await super().__call__(scope, receive, send)


async def _no_events() -> AsyncIterator[bytes]:
    return
    yield


async def _events(shown: Job, reader: Reader, seen: str | None) -> AsyncIterator[bytes]:
    if seen != str(shown.sequence):
        yield _event("snapshot", shown, _whole(shown))
    while not shown.finished:
        newest = await reader.next(_PING_SECONDS)
        if reader.ended:
            return
        if newest is None:
            yield KEEPALIVE_COMMENT
            continue
        if not newest.finished:
            yield _event("update", newest, _changes(shown, newest))
        shown = newest
    yield _event("end", shown, _whole(shown))


def _event(kind: str, job: Job, data: dict[str, Any]) -> bytes:
    return format_sse_event(event=kind, id=str(job.sequence), data_str=json.dumps(data))


def _changes(old: Job, new: Job) -> dict[str, Any]:
    before = _whole(old)
    return {
        name: value for name, value in _whole(new).items() if name in {"id", "sequence"} or value != before.get(name)
    }


def _whole(job: Job) -> dict[str, Any]:
    # As text and back: a loss that is no number becomes null, as everywhere.
    values: dict[str, Any] = json.loads(job.model_dump_json())
    return values
