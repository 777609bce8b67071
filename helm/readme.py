"""Writes the chart's README.md: what it needs, its examples, and a table of all values.

    python -m helm.readme

The values' defaults come from values.yaml, their explanations from values.schema.json, the examples from ci/.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

CHART = Path(__file__).parent / "stylegram"
README = CHART / "README.md"
_TEMPLATE = "readme.md.j2"
_CLOSED = "object"


@dataclass(frozen=True)
class Value:
    """A row of a table.

    Args:
        path: as in `ingest.settings.timezone`.
        kind: what may be there, in words.
        default: as it is written in values.yaml.
        about: what it does.
    """

    path: str
    kind: str
    default: str
    about: str


@dataclass(frozen=True)
class Section:
    """What lies below a key at the top, or all the keys there that nothing lies below.

    Args:
        name: the key; empty for the single ones.
        about: what it is for.
        values: its rows.
    """

    name: str
    about: str = ""
    values: list[Value] = field(default_factory=list)


def rendered() -> str:
    """The README as the chart's files have it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  (Markdown)
    )
    return environment.get_template(_TEMPLATE).render(
        chart=yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8")),
        examples=dict(_examples()),
        production=(CHART / "ci" / "production-values.yaml").read_text(encoding="utf-8").partition("\n")[2],
        sections=_sections(
            json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")),
            yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")),
        ),
    )


def _examples() -> Iterator[tuple[str, str]]:
    """The files in ci/ and what each shows, which is its first comment."""
    for path in sorted(CHART.glob("ci/*-values.yaml")):
        yield path.name, path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _sections(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[Section]:
    single, others = Section(""), list[Section]()
    for name, default in values.items():
        part = schema["properties"][name]
        if _is_closed(part):
            others.append(Section(name, part["description"], list(_values(name, part, default))))
        else:
            single.values.append(_value(name, part, default))
    return [single, *others]


def _values(path: str, schema: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Value]:
    """The rows below a key, in the order of values.yaml; an object with keys of its own has a row, and theirs."""
    for name, default in values.items():
        part, below = schema["properties"][name], f"{path}.{name}"
        if _is_closed(part):
            yield Value(below, _CLOSED, "", _cell(part["description"]))
            yield from _values(below, part, default)
        else:
            yield _value(below, part, default)


def _value(path: str, schema: Mapping[str, Any], default: object) -> Value:
    return Value(
        path, _kind(schema), _cell(f"`{json.dumps(default, ensure_ascii=False)}`"), _cell(schema["description"])
    )


def _is_closed(schema: Mapping[str, Any]) -> bool:
    """Whether it is an object whose keys are all known."""
    return "properties" in schema


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    kinds = schema.get("type", "any")
    return " or ".join(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    README.write_text(rendered(), encoding="utf-8")
