"""The API's description: what FastAPI derives from the endpoints, and what holds for all of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from stylegram.common.http import problems
from stylegram.common.http.system import PROBES

SYSTEM_TAG = {"name": "system", "description": "How this process is: for whatever keeps it running."}

Model = tuple[type[BaseModel], JsonSchemaMode]
"""A model that FastAPI does not find, as in bodies that are declared by hand; and whether it is read or written."""
Addition = Callable[[dict[str, Any]], None]
"""Adds to the schemas of the models, or changes them."""

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of the tokens of STYLEGRAM_API_TOKENS."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Such a token as the password, with any name, so that a browser can ask for it.",
    },
}


def complete(app: FastAPI, *, authenticated: bool, models: Sequence[Model], additions: Iterable[Addition]) -> None:
    """Have the app describe itself wholly.

    Args:
        app: all of its endpoints are there.
        authenticated: whether it asks for tokens.
        models: those that FastAPI does not find.
        additions: what is beyond that.
    """
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = derive()
            _complete(schema, authenticated, models)
            for add in additions:
                add(schema["components"]["schemas"])
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(schema: dict[str, Any], authenticated: bool, models: Sequence[Model]) -> None:
    components = schema.setdefault("components", {})
    described = components.setdefault("schemas", {})
    _, further = models_json_schema(
        [(problems.Problem, "serialization"), *models], ref_template="#/components/schemas/{model}"
    )
    for not_ours in ("HTTPValidationError", "ValidationError"):
        described.pop(not_ours, None)
    described |= further["$defs"]
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
    if "requestBody" in operation:
        # It may be cut off or no text, and too large.
        also += [400, 413]
    described = {str(status): response for status, response in problems.responses(*also).items()}
    described["default"] = {"description": "Any other problem", "content": problems.CONTENT}
    # Over what FastAPI says of values that are refused, which is not how they are answered here.
    operation["responses"] = dict(sorted((operation["responses"] | described).items()))
