"""Stylegram's HTTP API, for the commands: at a URL, or over a laptop's state folder.

>>> with open_api("http://127.0.0.1:8000", None) as api:  # doctest: +SKIP
...     api.cancel(api.find("1b9d6bcd").id)
"""

import json
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, StylegramError, Unavailable
from stylegram.common.http.loopback import is_loopback
from stylegram.common.ports import DeadLetter
from stylegram.common.schemas import Page
from stylegram.common.service import read_settings
from stylegram.common.settings import Settings
from stylegram.ingest.schemas import Job, QueueStatus
from stylegram.ingest.sync import SyncRunning
from stylegram.ingest.syncs import SyncStatus

_ID_LENGTH = 36
_SHORTEST_ID = 6
_ID_CHARACTERS = set(string.hexdigits + "-")
# The most that the API gives at once.
_PAGE = 1000
# Whoever listens to a job hears something at least every quarter of a minute, or the server is gone.
_TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
# Between two looks at a job that nobody tells us about.
_LOOK_SECONDS = 0.5
_RECONNECT_SECONDS = 1.0
_MOST_RECONNECTS = 30

_T = TypeVar("_T")


class ApiSettings(Settings):
    """Which Stylegram is asked, and in whose name."""

    url: str = Field("http://127.0.0.1:8000", description="Where Stylegram answers.")
    token: SecretStr | None = Field(None, description="Bearer token, where Stylegram wants one.")


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
    settings = read_settings(ApiSettings, **({} if url is None else {"url": url}))
    host = urlsplit(settings.url).hostname
    if urlsplit(settings.url).scheme not in ("http", "https") or not host:
        raise ConfigurationError(
            f"'{settings.url}' is no address of a Stylegram.", advice="It looks like http://127.0.0.1:8000."
        )
    headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    # What is asked on this machine, and with which token, is no proxy's business.
    trust_env = not is_loopback(host)
    with httpx2.Client(base_url=settings.url, headers=headers, timeout=_TIMEOUT, trust_env=trust_env) as client:
        yield Api(client, settings.url, streams=True)


class Api:
    """What the API offers to the commands.

    Every method raises `Unavailable` where nobody answers, `NotFound` for what is not there, and otherwise a
    `StylegramError` with the server's own words.

    Args:
        client: speaks to it.
        place: what it is called in errors.
        streams: whether answers come bit by bit, so that one can listen to a job.
    """

    def __init__(self, client: httpx2.Client, place: str, *, streams: bool) -> None:
        self._client = client
        self._place = place
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

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.ask(Job, "GET", _path("jobs", job_id))

    def cancel(self, job_id: str) -> Job:
        """Ask for the job's end; the job as it then stands."""
        return self.ask(Job, "POST", _path("jobs", job_id, "cancel"))

    def retry(self, job_id: str) -> Job:
        """The new job that does what a failed or cancelled one should have done."""
        return self.ask(Job, "POST", _path("jobs", job_id, "retry"))

    def post(self, job_id: str, kinds: Sequence[str]) -> Job:
        """Have the job's picture posted as these kinds; the job as it stood."""
        return self.ask(Job, "POST", _path("jobs", job_id, "posts"), params={"kind": list(kinds)})

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job as it stands, again after each change, and lastly as it ended."""
        return self._listen(job_id) if self._streams else self._look(job_id)

    def start_sync(self, *, full: bool, dry_run: bool) -> SyncStatus:
        """Begin a sync of the sources, or of a dry run only a look; how it stands."""
        params = {"full": str(full).lower(), "dry_run": str(dry_run).lower()}
        return self.ask(SyncStatus, "POST", "/v1/sync/start", params=params)

    def sync_status(self) -> SyncStatus:
        """How the sync that runs there stands, or how the latest ended."""
        return self.ask(SyncStatus, "GET", "/v1/sync")

    def queues(self) -> list[QueueStatus]:
        """How every queue stands."""
        return self.ask(_Queues, "GET", "/v1/queues").items

    def pause(self, queue: str) -> None:
        """Have nobody receive from the queue until it is resumed."""
        self._request("POST", _path("queues", queue, "pause"))

    def resume(self, queue: str) -> None:
        """The end of `pause`."""
        self._request("POST", _path("queues", queue, "resume"))

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """The queue's dead letters, oldest first."""
        return self.ask(_Letters, "GET", _path("queues", queue, "dead")).items

    def drain_dead(self, queue: str, *, requeue: bool) -> list[DeadLetter]:
        """Take the dead letters out, or put them back into their queue; either way, what they were."""
        params = {"requeue": str(requeue).lower()}
        return self.ask(_Letters, "POST", _path("queues", queue, "drain-dead"), params=params).items

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
                with self._stream(_path("jobs", job_id, "events"), headers) as events:
                    for event in events:
                        last_id, failures = event.id or last_id, 0
                        # All of the job, or what has changed since.
                        facts |= _parsed(TypeAdapter(dict[str, Any]), event.data, self._place)
                        job = _parsed(TypeAdapter(Job), json.dumps(facts), self._place)
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

    def ask(self, kind: type[_T], method: str, path: str, **request: Any) -> _T:  # noqa: ANN401  (the client's own)
        """What the server answers, as that type; for what has no method here."""
        return _parsed(TypeAdapter(kind), self._request(method, path, **request).content, self._place)

    def _request(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401  (the client's own)
        try:
            response = self._client.request(method, path, **request)
        except httpx2.TransportError as error:
            raise self._unavailable(error) from error
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _unavailable(self, error: httpx2.TransportError) -> Unavailable:
        return Unavailable(
            f"No Stylegram answers at {self._place}: {str(error) or type(error).__name__}.",
            advice="Start it with `stylegram serve`, name another with --url, or a laptop's state folder with --state.",
        )

    def _refusal(self, response: httpx2.Response) -> StylegramError:
        try:
            problem = response.json()
            detail = str(problem["detail"])
        except (ValueError, TypeError, KeyError):
            return StylegramError(
                f"What answers at {self._place} is no Stylegram: it says {response.status_code} and no more.",
                advice="Look at --url.",
            )
        match response.status_code:
            case HTTPStatus.UNAUTHORIZED:
                return StylegramError(
                    detail,
                    advice="Put a token into STYLEGRAM_TOKEN, or the name of its file into STYLEGRAM_TOKEN_FILE.",
                )
            case HTTPStatus.NOT_FOUND:
                return NotFound(detail)
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                return InvalidInput(detail)
            case HTTPStatus.CONFLICT if str(problem.get("type")).endswith(SyncRunning.code):
                return SyncRunning(detail)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(detail)
        return StylegramError(detail)


def _path(*segments: str) -> str:
    return "/".join(["/v1", *(quote(segment, safe="") for segment in segments)])


def _parsed(adapter: TypeAdapter[_T], answer: bytes | str, place: str) -> _T:
    try:
        return adapter.validate_json(answer)
    except ValidationError as error:
        issue = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, issue["loc"])) or "the whole"
        raise StylegramError(
            f"What {place} answers is not what this version understands: {where}: {issue['msg']}.",
            advice="Look at --url; server and command should be of one version.",
        ) from None
