"""Filters on any field as parameters of a query."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request

from stylegram.logger.queries.fields import FIELDS, ORDERED, Kind, RunField
from stylegram.logger.queries.filters import LEAST, MOST, Filter, filter_names, parse_filters

_Answer = TypeVar("_Answer")

_NAMES = tuple(filter_names())
_SCHEMAS: dict[Kind, dict[str, Any]] = {
    "number": {"type": "number"},
    # Of any column.
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "truth": {"type": "boolean"},
    "time": {"type": "string", "format": "date"},
}
_ENDS = {LEAST: "The least", MOST: "The most"}


def _schema(field: RunField) -> dict[str, Any]:
    schema = dict(field.item.schema) if field.item else _SCHEMAS.get(field.kind, {"type": "string"})
    return {**schema, **({"enum": list(field.choices)} if field.choices else {}), "description": field.description}


FILTER_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "filters",
            "in": "query",
            "style": "form",
            "explode": True,
            "description": "Any number of conditions, each a parameter by itself, as in"
            " `optimizer=adam&learning_rate.max=0.1&style=the_scream.jpg`. A name that is repeated asks for any of its"
            " values, an empty value for what is not known, so that `origin=` are our own runs. A list is asked for by"
            " an item that it contains, or whole, with commas or in brackets: `style_layers=relu4_1,relu5_1`.",
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: _schema(field) for name, field in FIELDS.items()}
                | {
                    name + end: {**_SCHEMAS[field.kind], "description": f"{words} {name}."}
                    for name, field in FIELDS.items()
                    if field.kind in ORDERED
                    for end, words in _ENDS.items()
                },
            },
        }
    ]
}
"""What the route of an endpoint with filters takes as `openapi_extra`."""


def _filters(request: Request) -> tuple[Filter, ...]:
    return parse_filters((name, text) for name, text in request.query_params.multi_items() if name in FILTERED)


FILTERED = frozenset(_NAMES)
FiltersDep = Annotated[tuple[Filter, ...], Depends(_filters)]


def filtered(endpoint: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Have the endpoint, which takes `FiltersDep`, know the names of all filters.

    A name that an endpoint does not know is refused, and these are too many to be written out.
    """
    hidden = [
        inspect.Parameter(
            f"filter_{number}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[list[str] | None, Query(alias=name, include_in_schema=False)],
        )
        for number, name in enumerate(_NAMES)
    ]

    @wraps(endpoint)
    def without_them(**values: Any) -> _Answer:  # noqa: ANN401  (whatever the endpoint takes)
        return endpoint(**{name: value for name, value in values.items() if name in own.parameters})

    own = inspect.signature(endpoint)
    assert not FILTERED & set(own.parameters), "a parameter is called like a filter"
    without_them.__signature__ = own.replace(parameters=[*own.parameters.values(), *hidden])  # type: ignore[attr-defined]
    return without_them
