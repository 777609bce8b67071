"""Errors as answers: RFC 9457 problem details for programs, the same as a page for people."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from stylegram.common.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    QueueFull,
    StylegramError,
    Unavailable,
    WrongState,
)
from stylegram.common.http.headers import HEADERS

MEDIA_TYPE = "application/problem+json"
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
"""What stands in the API's schema for every problem."""

_log = structlog.get_logger(__name__)
_STATUSES: Mapping[type[StylegramError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    AlreadyExists: HTTPStatus.CONFLICT,
    WrongState: HTTPStatus.CONFLICT,
    # Before what it is a kind of: the first that fits counts.
    QueueFull: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
# Of somebody between us and whoever was asked, who is away as well then.
_GATEWAY_STATUSES = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
# What programs ask for, and browsers only for a page.
_FOR_PROGRAMS = ("/v1/", "/static/")
_MOST_ERRORS = 20
# A digest, and a little more.
_MOST_QUOTED = 80
_RETRY_AFTER_SECONDS: Mapping[int, int] = {
    # A picture takes minutes: until one is done, nothing changes.
    HTTPStatus.TOO_MANY_REQUESTS: 60,
    # A database or a broker that restarts is back about then.
    HTTPStatus.SERVICE_UNAVAILABLE: 5,
}


class InvalidValue(BaseModel):
    """One value of a request that is refused."""

    where: str = Field(description="The value's place, as in `body/hyperparameters/size` or `query/limit`.")
    detail: str = Field(description="What is wrong with it.")


class NamesValues:
    """An error beside whose kind stands which values of the request are to blame."""

    values: Sequence[InvalidValue]


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field("about:blank", description="The kind of problem; about:blank says no more than the status.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What happened, and what to do about it.")
    instance: str = Field(description="Path of the request.")
    errors: list[InvalidValue] | None = Field(None, description="The values that are refused, where there are any.")


ProblemPage = Callable[[Request, Problem, Mapping[str, str]], Response]
"""A problem as a page for people, with these headers."""
Responses = dict[int | str, dict[str, Any]]
"""What an endpoint says it may answer, as FastAPI takes it."""


def responses(*statuses: int) -> Responses:
    """The problems with these statuses, for an endpoint's `responses`."""
    return {status: _response(HTTPStatus(status)) for status in statuses}


def _response(status: HTTPStatus) -> dict[str, Any]:
    described: dict[str, Any] = {"description": status.phrase, "content": CONTENT}
    if status in _RETRY_AFTER_SECONDS:
        seconds = {"schema": {"type": "integer"}, "description": "Seconds after which it may be tried again."}
        described["headers"] = {"Retry-After": seconds}
    return described


def quoted(text: str) -> str:
    """A value as an error repeats it: its beginning, where it is long."""
    return f"'{text}'" if len(text) <= _MOST_QUOTED else f"'{text[:_MOST_QUOTED]}…'"


def install(app: FastAPI, endpoints: Sequence[BaseRoute], page: ProblemPage | None) -> None:
    """Have the app answer every error with a problem.

    Args:
        app: what is to answer so.
        endpoints: all of its endpoints.
        page: for browsers that ask for a page outside of the API; None gives them what programs get.
    """
    app.state.endpoints = endpoints
    app.state.problem_page = page
    for kind in (StylegramError, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)


def is_for_people(request: Request) -> bool:
    """Whether somebody wants to read the answer: a page, and nothing of the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_FOR_PROGRAMS)


def error_of(status: int, body: bytes) -> StylegramError:
    """The error that an answer tells of, as `answer` writes them.

    Args:
        status: the answer's.
        body: likewise.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValueError:
        return StylegramError(f"The answer was {status} and no more.")
    if status in _GATEWAY_STATUSES:
        return Unavailable(problem.detail)
    kind = next((kind for kind, mapped in _STATUSES.items() if mapped == status), StylegramError)
    return kind(problem.detail)


async def answer(request: Request, error: Exception) -> Response:
    """The one answer to an error: JSON, or a page where the request asks for one outside of the API."""
    path = request.url.path
    headers = dict(getattr(error, "headers", None) or {})
    if getattr(error, "status_code", None) == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    problem = _problem(error, path, headers)
    if seconds := _RETRY_AFTER_SECONDS.get(problem.status):
        headers["Retry-After"] = str(seconds)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", method=request.method, path=problem.instance, reason=repr(error))
        # A defect is answered outside of the middleware that adds these; the server logs where it happened.
        headers |= HEADERS
    page: ProblemPage | None = request.app.state.problem_page
    if page is not None and not path.startswith(_FOR_PROGRAMS):
        headers["Vary"] = "Accept"
        if is_for_people(request):
            return page(request, problem, headers)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, media_type=MEDIA_TYPE)


def _problem(error: Exception, path: str, headers: Mapping[str, str]) -> Problem:
    kind, errors = "about:blank", None
    match error:
        case RequestValidationError():
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            issues = error.errors()
            errors = _invalid_values(issues[:_MOST_ERRORS])
            detail = "; ".join(f"{value.where}: {value.detail}" for value in errors)
            if more := len(issues) - len(errors):
                detail += f"; and {more} more"
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            status, detail = HTTPStatus.METHOD_NOT_ALLOWED, f"{path} can only be asked by {headers['Allow']}."
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            status, detail = HTTPStatus.NOT_FOUND, f"There is nothing at {path}; /openapi.json says what there is."
        case HTTPException():
            status, detail = HTTPStatus(error.status_code), error.detail
        case ClientDisconnect():
            # Nobody reads this; but it is no defect either.
            status, detail = HTTPStatus.BAD_REQUEST, "The request broke off; send all of it."
        case StylegramError() if mapped := _status(error):
            status, detail, kind = mapped, str(error), f"urn:stylegram:problem:{error.code}"
            errors = list(error.values) if isinstance(error, NamesValues) else None
        case _:
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "This is a defect in Stylegram; its log tells more."
    return Problem(type=kind, title=status.phrase, status=status, detail=detail, instance=path, errors=errors)


def _methods(request: Request) -> list[str]:
    """What the path can be asked by. Starlette names those of one of its endpoints only."""
    endpoints: Sequence[BaseRoute] = request.app.state.endpoints
    matching = (endpoint for endpoint in endpoints if endpoint.matches(request.scope)[0] is not Match.NONE)
    methods = {method for endpoint in matching for method in getattr(endpoint, "methods", ())} or {"GET"}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _status(error: StylegramError) -> HTTPStatus | None:
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), None)


def _invalid_values(issues: Sequence[Mapping[str, Any]]) -> list[InvalidValue]:
    return [
        InvalidValue(where="/".join(map(str, issue["loc"])), detail=issue["msg"].removeprefix("Value error, "))
        for issue in issues
    ]
