"""Stylegram's HTTP API, for the commands: at a URL, or over a laptop's state folder.

>>> with open_api("http://127.0.0.1:8000", None) as api:  # doctest: +SKIP
...     api.cancel(api.find("1b9d6bcd").id)
"""

import json
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from pydantic import BaseModel, TypeAdapter

from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from stylegram.common.ports import DeadLetter
from stylegram.common.schemas import Page
from stylegram.ingest.client import ApiClient, open_http, path_of
from stylegram.ingest.schemas import Job, QueueStatus

_ID_LENGTH = 36
_SHORTEST_ID = 6
_ID_CHARACTERS = set(string.hexdigits + "-")
# The most that the API gives at once.
_PAGE = 1000
# Whoever listens to a job hears something at least every quarter of a minute, or the server is gone.
_PATIENCE_SECONDS = 30.0
# Between two looks at a job that nobody tells us about.
_LOOK_SECONDS = 0.5
_RECONNECT_SECONDS = 1.0
_MOST_RECONNECTS = 30
_ADVICE = "Start it with `stylegram serve`, name another with --url, or a laptop's state folder with --state."


class _Queues(BaseModel):
    items: list[QueueStatus]


class _Letters(BaseModel):
    items: list[DeadLetter]


@contextmanager
def open_api(url: str | None, state: Path | None) -> Iterator["Api"]:
    """The API of a Stylegram that runs, or over a state folder.

    Args:
        url: where it runs; None for what the environment says.
        state: a laptop's state folder; None to ask at the URL.

    Raises:
        ConfigurationError: both are given, or one of them is wrong.
    """
    if state is not None:
        if url is not None:
            raise ConfigurationError("--url and --state are two places to ask.", advice="Give one of them.")
        from stylegram.local.in_process import state_client

        with state_client(state) as client:
            yield Api(client, str(state), streams=False)
        return
    with open_http(url, patience=_PATIENCE_SECONDS) as (client, place):
        yield Api(client, place, streams=True)


class Api(ApiClient):
    """What the API offers to the commands; see `ApiClient` for what the methods raise.

    Args:
        client: speaks to it.
        place: what it is called in errors.
        streams: whether answers come bit by bit, so that one can listen to a job.
    """

    def __init__(self, client: httpx2.Client, place: str, *, streams: bool) -> None:
        super().__init__(client, place, advice=_ADVICE, where="--url")
        self._streams = streams

    def jobs(self, states: Sequence[str] = (), *, limit: int, cursor: str | None = None) -> Page[Job]:
        """Up to `limit` jobs in one of the states (any, where none is named), newest first, from the cursor on."""
        query: list[tuple[str, str | int]] = [("limit", limit), *(("state", state) for state in states)]
        if cursor is not None:
            query.append(("cursor", cursor))
        return self.ask(Page[Job], "GET", "/v1/jobs", params=query)

    def all_jobs(self, states: Sequence[str] = ()) -> Iterator[Job]:
        """Every job in one of the states, newest first."""
        page = self.jobs(states, limit=_PAGE)
        yield from page.items
        while page.next is not None:
            page = self.jobs(states, limit=_PAGE, cursor=page.next)
            yield from page.items

    def find(self, job_id: str) -> Job:
        """The job with that id, or the only one whose id begins so.

        Raises:
            InvalidInput: too short, or several ids begin so.
        """
        wanted = job_id.strip().lower()
        if len(wanted) == _ID_LENGTH:
            return self.job(wanted)
        if len(wanted) < _SHORTEST_ID or not set(wanted) <= _ID_CHARACTERS:
            raise InvalidInput(
                f"'{job_id}' is no job's id.", advice=f"Give an id, or its first {_SHORTEST_ID} characters or more."
            )
        found = [job for job in self.all_jobs() if job.id.startswith(wanted)]
        if not found:
            raise NotFound(f"There is no job {job_id}….", advice="`stylegram jobs list --all` shows all jobs.")
        if len(found) > 1:
            raise InvalidInput(f"The ids of {len(found)} jobs begin with {job_id}.", advice="Give more of it.")
        return found[0]

    def cancel(self, job_id: str) -> Job:
        """Ask for the job's end; the job as it then stands."""
        return self.ask(Job, "POST", path_of("jobs", job_id, "cancel"))

    def retry(self, job_id: str) -> Job:
        """The new job that does what a failed or cancelled one should have done."""
        return self.ask(Job, "POST", path_of("jobs", job_id, "retry"))

    def post(self, job_id: str, kinds: Sequence[str]) -> Job:
        """Have the job's picture posted as these kinds; the job as it stood."""
        return self.ask(Job, "POST", path_of("jobs", job_id, "posts"), params={"kind": list(kinds)})

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job as it stands, again after each change, and lastly as it ended."""
        return self._listen(job_id) if self._streams else self._look(job_id)

    def queues(self) -> list[QueueStatus]:
        """How every queue stands."""
        return self.ask(_Queues, "GET", "/v1/queues").items

    def pause(self, queue: str) -> None:
        """Have nobody receive from the queue until it is resumed."""
        self._request("POST", path_of("queues", queue, "pause"))

    def resume(self, queue: str) -> None:
        """The end of `pause`."""
        self._request("POST", path_of("queues", queue, "resume"))

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """The queue's dead letters, oldest first."""
        return self.ask(_Letters, "GET", path_of("queues", queue, "dead")).items

    def drain_dead(self, queue: str, *, requeue: bool) -> list[DeadLetter]:
        """Take the dead letters out, or put them back into their queue; either way, what they were."""
        params = {"requeue": str(requeue).lower()}
        return self.ask(_Letters, "POST", path_of("queues", queue, "drain-dead"), params=params).items

    def download(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """A file, piece by piece."""
        with self._answering(path, params=query) as response:
            yield from response.iter_bytes()

    def _look(self, job_id: str) -> Iterator[Job]:
        while not (job := self.job(job_id)).finished:
            yield job
            time.sleep(_LOOK_SECONDS)
        yield job

    def _listen(self, job_id: str) -> Iterator[Job]:
        facts: dict[str, Any] = {}
        last_id, failures = "", 0
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                with self._stream(path_of("jobs", job_id, "events"), headers) as events:
                    for event in events:
                        last_id, failures = event.id or last_id, 0
                        # All of the job, or what has changed since.
                        facts |= self._parsed(TypeAdapter(dict[str, Any]), event.data)
                        job = self._parsed(TypeAdapter(Job), json.dumps(facts))
                        yield job
                        if job.finished:
                            return
            except Unavailable:  # the server starts anew, or somebody in between has closed the connection
                failures += 1
                if failures > _MOST_RECONNECTS:
                    raise
            time.sleep(_RECONNECT_SECONDS)

    @contextmanager
    def _stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx2.EventSource]:
        accept = {"Accept": "text/event-stream"}
        with self._answering(path, headers=headers | accept) as response:
            yield httpx2.EventSource(response)

    @contextmanager
    def _answering(self, path: str, **request: Any) -> Iterator[httpx2.Response]:  # noqa: ANN401  (the client's own)
        try:
            with self._client.stream("GET", path, **request) as response:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                yield response
        except httpx2.TransportError as error:
            raise self._unavailable(error) from error
