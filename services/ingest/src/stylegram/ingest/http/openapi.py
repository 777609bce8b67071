"""The API's description: what FastAPI derives from the endpoints, and what holds for all of them."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from stylegram.common.records import RunRecord
from stylegram.ingest.http import problems
from stylegram.ingest.http.submission import JobSubmission
from stylegram.ingest.http.submission_schema import form_schema
from stylegram.ingest.http.system import PROBES

TAGS = [
    {"name": "jobs", "description": "Pictures to be painted, and what came of them."},
    {"name": "assets", "description": "Photographs and paintings."},
    {"name": "queues", "description": "What runs the jobs: for whoever keeps Stylegram running."},
    {"name": "system", "description": "How this process is: for whatever keeps it running."},
]
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of the tokens of STYLEGRAM_API_TOKENS."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Such a token as the password, with any name, so that a browser can ask for it.",
    },
}
# Used where FastAPI does not look: in bodies that are declared by hand, and in problems.
_FURTHER_MODELS = [(problems.Problem, "serialization"), (RunRecord, "serialization"), (JobSubmission, "validation")]


def complete(app: FastAPI, *, authenticated: bool) -> None:
    """Have the app describe itself wholly.

    Args:
        app: all of its endpoints are there.
        authenticated: whether it asks for tokens.
    """
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(derive(), authenticated)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(schema: dict[str, Any], authenticated: bool) -> None:
    components = schema["components"]
    _, further = models_json_schema(_FURTHER_MODELS, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    for not_ours in ("HTTPValidationError", "ValidationError"):
        del components["schemas"][not_ours]
    components["schemas"] |= further["$defs"]
    components["schemas"]["JobForm"] = form_schema(further["$defs"]["JobSubmission"])
    components["securitySchemes"] = _SECURITY_SCHEMES
    known: list[dict[str, list[str]]] = [{name: []} for name in _SECURITY_SCHEMES]
    # Without tokens it is enough to be on this machine.
    schema["security"] = known if authenticated else [*known, {}]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _complete_operation(path, method, operation)


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    also = []
    if path in PROBES:
        operation["security"] = []
    else:
        # Any query has names that are not known.
        also += [401, 422, 503]
    if method != "get":
        also.append(403)
    described = {str(status): response for status, response in problems.responses(*also).items()}
    described["default"] = {"description": "Any other problem", "content": problems.CONTENT}
    # Over what FastAPI says of values that are refused, which is not how they are answered here.
    operation["responses"] = dict(sorted((operation["responses"] | described).items()))
