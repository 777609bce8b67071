"""Stylegram's HTTP API, for programs of ours that ask it: one question, and what the answers mean.

>>> with open_client() as client:  # doctest: +SKIP
...     client.ask(Job, "POST", "/v1/daily")
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import Field, TypeAdapter, ValidationError

from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, QueueFull, StylegramError, Unavailable
from stylegram.common.http.loopback import is_loopback
from stylegram.common.http.settings import OneToken
from stylegram.common.service import read_settings
from stylegram.common.settings import Settings
from stylegram.ingest.schemas import Job
from stylegram.ingest.sync import SyncRunning
from stylegram.ingest.sync_record import SyncStatus

_CONNECT_SECONDS = 5.0
# Whom an address names before its host, with his password.
_USER = re.compile(r"(?<=//)[^/]*@")
# What somebody between us and Stylegram answers while that starts anew.
_AWAY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}

_T = TypeVar("_T")


class ApiSettings(Settings):
    """Which Stylegram is asked, and in whose name."""

    url: str = Field("http://127.0.0.1:8000", description="Where Stylegram answers.")
    token: OneToken | None = Field(None, description="Bearer token, where Stylegram wants one.")


@contextmanager
def open_http(url: str | None, *, patience: float) -> Iterator[tuple[httpx2.Client, str]]:
    """What speaks HTTP with a Stylegram that runs, and the URL of that, less a password in it.

    Args:
        url: where it runs; None for what the environment says.
        patience: seconds for which it may say nothing.

    Raises:
        ConfigurationError: the URL is none.
    """
    settings = read_settings(ApiSettings, **({} if url is None else {"url": url}))
    place = _USER.sub("", settings.url)
    host = _host_of(settings.url)
    if not host:
        raise ConfigurationError(
            f"'{place}' is no address of a Stylegram.", advice="It looks like http://127.0.0.1:8000."
        )
    headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    timeout = httpx2.Timeout(patience, connect=_CONNECT_SECONDS)
    # What is asked on this machine, and with which token, is no proxy's business.
    trust_env = not is_loopback(host)
    with httpx2.Client(base_url=settings.url, headers=headers, timeout=timeout, trust_env=trust_env) as client:
        yield client, place


class ApiClient:
    """What asks the API.

    Every method raises `Unavailable` where nobody answers, `NotFound` for what is not there, and otherwise a
    `StylegramError` with the server's own words.

    Args:
        client: speaks to it.
        place: what it is called in errors.
        advice: what to do where nobody answers.
        where: what to look at where somebody else does.
    """

    def __init__(self, client: httpx2.Client, place: str, *, advice: str, where: str) -> None:
        self._client = client
        self._place = place
        self._advice = advice
        self._where = where

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.ask(Job, "GET", path_of("jobs", job_id))

    def start_sync(self, *, full: bool = False, dry_run: bool = False) -> SyncStatus:
        """Begin a sync of the sources, or of a dry run only a look; how it stands."""
        params = {"full": str(full).lower(), "dry_run": str(dry_run).lower()}
        return self.ask(SyncStatus, "POST", "/v1/sync/start", params=params)

    def sync_status(self) -> SyncStatus:
        """How the sync that runs there stands, or how the latest ended."""
        return self.ask(SyncStatus, "GET", "/v1/sync")

    def ask(self, kind: type[_T], method: str, path: str, **request: Any) -> _T:  # noqa: ANN401  (the client's own)
        """What the server answers, as that type; for what has no method here."""
        return self._parsed(TypeAdapter(kind), self._request(method, path, **request).content)

    def _request(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401  (the client's own)
        try:
            response = self._client.request(method, path, **request)
        except httpx2.TransportError as error:
            raise self._unavailable(error) from error
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _unavailable(self, error: httpx2.TransportError) -> Unavailable:
        words = str(error) or type(error).__name__
        return Unavailable(f"No Stylegram answers at {self._place}: {words}.", advice=self._advice)

    def _refusal(self, response: httpx2.Response) -> StylegramError:
        status = response.status_code
        try:
            problem = response.json()
            detail = str(problem["detail"])
        except (ValueError, TypeError, KeyError):
            if status in _AWAY:
                return Unavailable(f"No Stylegram answers at {self._place}: somebody else says {status}.")
            return StylegramError(
                f"What answers at {self._place} is no Stylegram: it says {status} and no more.",
                advice=f"Look at {self._where}.",
            )
        match status:
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
            case HTTPStatus.TOO_MANY_REQUESTS:
                return QueueFull(detail)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(detail)
        return StylegramError(detail)

    def _parsed(self, adapter: TypeAdapter[_T], answer: bytes | str) -> _T:
        try:
            return adapter.validate_json(answer)
        except ValidationError as error:
            issue = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, issue["loc"])) or "the whole"
            raise StylegramError(
                f"What {self._place} answers is not what this version understands: {where}: {issue['msg']}.",
                advice=f"Look at {self._where}; server and command should be of one version.",
            ) from None


def _host_of(url: str) -> str | None:
    try:
        parts, _ = urlsplit(url), httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None


def path_of(*segments: str) -> str:
    """The path below `/v1` that these names make.

    >>> path_of("jobs", "1b/9d", "cancel")
    '/v1/jobs/1b%2F9d/cancel'
    """
    return "/".join(["/v1", *(quote(segment, safe="") for segment in segments)])
