"""Who follows jobs, and the one look at the table that serves all of them.

The table is asked, and not this process' own memory of events: so it makes no difference which replica a page talks
to, or whether it was just loaded again. However many follow, one query at a time is asked, and none while nobody does.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import structlog

from stylegram.common.errors import StylegramError, Unavailable
from stylegram.ingest.schemas import Job

_log = structlog.get_logger(__name__)

Look = Callable[[Mapping[str, int]], Sequence[Job]]
"""From the sequence numbers that are known of some jobs to those of the jobs that have others by now."""


class Reader:
    """One who follows a job. It has room for one state, the newest: who reads slowly misses those in between.

    Args:
        job: as it is known to stand.
    """

    def __init__(self, job: Job) -> None:
        self._newest = job
        self._news = asyncio.Event()
        self.ended = False

    async def next(self, patience: float) -> Job | None:
        """The job's newest state, once there is one that was not read yet.

        Args:
            patience: seconds to wait for it.

        Returns:
            None where there is none, in that time or, as `ended` then says, ever.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()
        if self.ended or not self._news.is_set():
            return None
        self._news.clear()
        return self._newest

    def tell(self, job: Job) -> None:
        """Here is a newer state, perhaps."""
        if job.sequence > self._newest.sequence:
            self._newest = job
            self._news.set()

    def end(self) -> None:
        """There will be no more."""
        self.ended = True
        self._news.set()


class JobWatch:
    """Tells readers what changes. All but `close` belongs to the server's event loop.

    Args:
        look: asks the table; called in a thread.
        interval: seconds between two looks.
        capacity: readers at most.
    """

    def __init__(self, look: Look, *, interval: float = 0.4, capacity: int = 500) -> None:
        self._look = look
        self._interval = interval
        self._capacity = capacity
        self._readers: dict[Reader, str] = {}
        self._known: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def reader(self, job: Job) -> Iterator[Reader]:
        """One who follows the job from the state that is given, until the context ends.

        Raises:
            Unavailable: too many follow jobs already, or the server is about to end.
        """
        if self._closed:
            raise Unavailable("The server is about to end.", advice="Ask again in a moment.")
        if len(self._readers) >= self._capacity:
            raise Unavailable(
                f"{self._capacity} others follow jobs already.", advice="Ask for the job itself now and then instead."
            )
        reader = Reader(job)
        self._readers[reader] = job.id
        # Another reader may have heard more of this job already, and this one must hear it too.
        self._known[job.id] = min(job.sequence, self._known.get(job.id, job.sequence))
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())
        try:
            yield reader
        finally:
            del self._readers[reader]
            if job.id not in self._readers.values():
                del self._known[job.id]

    def close(self) -> None:
        """Let all readers end, within one interval; from any thread."""
        self._closed = True

    async def _keep_looking(self) -> None:
        try:
            await asyncio.sleep(self._interval)
            while self._readers and not self._closed:
                await self._look_once()
                await asyncio.sleep(self._interval)
        except Exception:
            _log.exception("job_watch_failed")
        finally:
            self._looking = None
            # None are left, or they come again and find a watch that works.
            for reader in self._readers:
                reader.end()

    async def _look_once(self) -> None:
        try:
            changed = await asyncio.to_thread(self._look, dict(self._known))
        except StylegramError as error:
            _log.warning("job_watch_waits", reason=str(error))
            return
        for job in changed:
            if job.id in self._known:
                self._known[job.id] = job.sequence
            for reader, job_id in self._readers.items():
                if job_id == job.id:
                    reader.tell(job)
