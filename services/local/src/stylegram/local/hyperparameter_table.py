"""Every hyperparameter in a line: as people set it, and what it may be."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from stylegram.common.hyperparameters import Hyperparameters

# What a schema calls its limits, and what people do.
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


class Row(NamedTuple):
    """One hyperparameter.

    Args:
        name: as in `--set name=…`.
        default: as one would set it; a dash where nothing is set.
        values: what it may be.
        description: what it does.
    """

    name: str
    default: str
    values: str
    description: str


def rows() -> list[Row]:
    """All of them, in their order.

    >>> rows()[1][:3]
    ('evaluations', '40,40,20', 'each ≥ 0, ≤ 10000; 1 … 8 of them')
    """
    return [
        Row(name, written(facts["default"]) or "–", _values(facts), facts["description"])
        for name, facts in Hyperparameters.model_json_schema()["properties"].items()
    ]


def written(value: Any) -> str:  # noqa: ANN401  (whatever a field holds)
    """A hyperparameter's value, of JSON's types, as people set it.

    >>> written([40, 40, 20]), written(True)
    ('40,40,20', 'true')
    """
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(written, value))
        case _:
            return str(value)


def _values(facts: Mapping[str, Any]) -> str:
    if alternatives := facts.get("anyOf"):  # what may be left out has its limits one level down
        return _values(alternatives[0])
    match facts.get("type"):
        case "boolean":
            return "true | false"
        case "array":
            items = facts["items"]
            each = ":".join(f"({_values(part)})" for part in items.get("prefixItems", ())) or _values(items)
            return f"{f'each {each}; ' * bool(each)}{facts.get('minItems', 0)} … {facts['maxItems']} of them"
    limits = [f"{sign} {facts[key]:g}" for key, sign in _LIMITS.items() if key in facts]
    return " | ".join(facts.get("enum", ())) or ", ".join(limits)
