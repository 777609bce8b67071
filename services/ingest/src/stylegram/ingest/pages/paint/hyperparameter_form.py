"""The form's controls of the hyperparameters, made from their model: a field more of it is a control more here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from stylegram.common.hyperparameters import Hyperparameters, parse_assignments

Kind = Literal["number", "choice", "text"]


@dataclass(frozen=True)
class Knob:
    """A few values of one hyperparameter in plain words, for whoever wants to read nothing.

    Args:
        name: the hyperparameter's.
        legend: what it does.
        options: text of the value by what it is called.
        whole: whether there are no other values, so that no exact control is needed.
    """

    name: str
    legend: str
    options: Mapping[str, str]
    whole: bool = False


# Relative losses make a factor of five a clear step for every pair.
_STRENGTHS = {"Gentle": "0.2", "Balanced": "1", "Strong": "5"}
# What the eye sees of strokes is the size of the painting's pattern; `brush_scale` moves large forms.
_STROKES = {"Fine": "0.5", "As painted": "1", "Broad": "2"}
_COLORS = {"Painting’s": "style", "Photograph’s": "matched", "Left alone": "luminance"}
# Pixels; the largest is what Instagram takes.
_SIZES = {size: size for size in ("256", "512", "1080")}
KNOBS = (
    Knob("style_weight", "Strength of style", _STRENGTHS),
    Knob("style_scale", "Brush strokes", _STROKES),
    Knob("colors", "Colours", _COLORS, whole=True),
    Knob("size", "Size in pixels", _SIZES),
)
"""What stands outside of the long list."""

# What has a control of another kind: the share beside each painting.
_ELSEWHERE = {"style_weights"} | {knob.name for knob in KNOBS if knob.whole}
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Photograph or painting": (
        "content_weight",
        "style_weight",
        "tv_weight",
        "style_loss",
        "mask_softness",
    ),
    "Scales and strokes": ("size", "style_scale", "brush_scale", "evaluations", "schedule"),
    "Where it begins": ("start", "start_noise", "seed"),
    "Colours": ("recolor", "color_matching", "brightness", "greyscale"),
    "Layers that are compared": (
        "content_layers",
        "content_layer_weights",
        "style_layers",
        "style_layer_weights",
        "backbone",
        "pooling",
    ),
    "Optimiser": ("optimizer", "learning_rate", "history_size", "beta_1", "beta_2", "epsilon"),
    "The machine": ("precision", "tiling", "deterministic", "cuda_graphs"),
}
_FURTHER = "Further"
_ACRONYMS = {"tv": "TV", "cuda": "CUDA"}
_KINDS: Mapping[str, Kind] = {"integer": "number", "number": "number"}
_YES_OR_NO = {"true": "yes", "false": "no"}
# Beyond, a range tells nobody anything.
_LARGEST_TOLD = 10_000


@dataclass(frozen=True)
class Control:
    """What a hyperparameter is set by.

    Args:
        name: the hyperparameter's.
        label: the same for people.
        hint: what it does.
        kind: which element it is.
        default: text of the value that it has by default; empty where none is said.
        choices: all values of a choice, and what they are called.
        minimum: the least, of a number; None where there is none.
        maximum: the most, likewise.
        step: likewise; `any` where there are values in between.
        beside_knob: whether a knob sets it too; left empty, the knob counts.
    """

    name: str
    label: str
    hint: str
    kind: Kind
    default: str
    choices: Mapping[str, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    beside_knob: bool = False

    @property
    def range(self) -> str:
        """The values that are possible in words; empty where that helps nobody."""
        if self.minimum is None or self.maximum is None or self.maximum > _LARGEST_TOLD:
            return ""
        return f"{self.minimum:g} to {self.maximum:g}"


@cache
def grouped_controls() -> dict[str, list[Control]]:
    """The controls of all hyperparameters that have none elsewhere, by what they do; those nobody grouped come last."""
    schema = Hyperparameters.model_json_schema()["properties"]
    defaults = texts_of(Hyperparameters())
    grouped = {name for names in _GROUPS.values() for name in names}
    groups = {**_GROUPS, _FURTHER: tuple(name for name in schema if name not in grouped | _ELSEWHERE)}
    return {
        title: [_control(name, schema[name], defaults[name]) for name in names]
        for title, names in groups.items()
        if names
    }


def texts_of(hyperparameters: Hyperparameters) -> dict[str, str]:
    """Each value as a control has it.

    >>> texts = texts_of(Hyperparameters(schedule=((128, 60), (512, 20))))
    >>> texts["schedule"], texts["style_weight"], texts["recolor"], texts["learning_rate"]
    ('128:60, 512:20', '1', 'false', '')
    """
    return {name: _text(value) for name, value in hyperparameters.model_dump().items()}


def said_in(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What a form's fields say together: of several fields of one name, as a knob and its exact control, the last that
    is not empty.

    >>> said_in([("size", "512"), ("size", "300"), ("seed", "7"), ("size", "")])
    {'size': '300', 'seed': '7'}
    """
    said: dict[str, str] = {}
    for name, text in texts:
        if text.strip() or name not in said:
            said[name] = text.strip()
    return said


def values_of(texts: Mapping[str, str]) -> dict[str, Any]:
    """The values that the texts stand for, for `Hyperparameters` to judge; what was left empty is as by default,
    except for lists, which are empty then.

    Args:
        texts: by the hyperparameters' names; others are ignored.
    """
    defaults = Hyperparameters()
    known = {name: text for name, text in texts.items() if name in Hyperparameters.model_fields}
    if known.get("schedule"):
        # It says itself how large the picture becomes and its scales are.
        known = {name: text for name, text in known.items() if name not in ("size", "brush_scale")}
    return parse_assignments(
        f"{name}={text}" for name, text in known.items() if text or isinstance(getattr(defaults, name), tuple)
    )


def _control(name: str, schema: Mapping[str, Any], default: str) -> Control:
    # What may be left out has a second type, null.
    described = {**schema, **schema.get("anyOf", [{}])[0]}
    words = name.split("_")
    label = " ".join(_ACRONYMS.get(word, word) for word in words)
    knobs = {knob.name for knob in KNOBS}
    least = described.get("minimum", described.get("exclusiveMinimum"))
    most = described.get("maximum", described.get("exclusiveMaximum"))
    choices = {choice: choice.replace("_", " ") for choice in described.get("enum", ())}
    if described["type"] == "boolean":
        choices = _YES_OR_NO
    return Control(
        name=name,
        label=label[0].upper() + label[1:],
        hint=schema["description"].replace("`", ""),
        kind="choice" if choices else _KINDS.get(described["type"], "text"),
        default=default,
        choices=choices,
        minimum=least,
        maximum=most,
        step="1" if described["type"] == "integer" else "any",
        beside_knob=name in knobs,
    )


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return repr(value).removesuffix(".0")
        case tuple():
            return ", ".join(":".join(map(str, item)) if isinstance(item, tuple) else _text(item) for item in value)
        case _:
            return str(value)
