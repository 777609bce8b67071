"""Parameters and rules that endpoints of several features, and services, have in common."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BeforeValidator

from stylegram.common.schemas import Instant

# Of names that are known, in an error.
_MOST_NAMED = 20


def _written_out(text: str) -> str:
    """Where a time is meant, a number would otherwise be taken for seconds."""
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]", text, re.ASCII):
        raise ValueError("give a time with its zone, as in 2026-11-20T08:00:00Z")
    return text


async def only_known_queries(request: Request) -> None:
    """Refuse a query's names that the endpoint does not know, as a misspelt one would do nothing."""
    route: APIRoute = request.scope["route"]
    # Those of models and of what endpoints depend on are among them; all are together there.
    fields = get_flat_params(route.dependant)
    known = [field.alias for field in fields if not isinstance(field.field_info, params.Path | params.Header)]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        details = {name: f"Not known here; {_known(name, known)}." for name in unknown}
        raise RequestValidationError(
            [{"loc": ("query", name), "msg": detail, "type": "extra"} for name, detail in details.items()]
        )


def _known(name: str, known: Sequence[str]) -> str:
    """Which names are known; of very many those that are like it, for nobody reads them all."""
    if len(known) <= _MOST_NAMED:
        return f"known: {', '.join(known) or 'none'}"
    like = ", ".join(get_close_matches(name, known, n=5))
    everything = f"/openapi.json lists all {len(known)}"
    return f"like it are {like}; {everything}" if like else everything


When = Annotated[Instant, BeforeValidator(_written_out)]
"""A time in a query."""
