"""Every knob of a style transfer, in one frozen model.

The fields' descriptions *are* the documentation: the command's help, the API's schema, the record's columns
and the caption's sentence derive from this class, so that a new hyperparameter is one line here.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from stylegram.common.errors import InvalidHyperparameters

LAYERS: tuple[str, ...] = tuple(
    f"relu{block}_{index}"
    for block, convolutions in enumerate((2, 2, 4, 4, 4), 1)
    for index in range(1, convolutions + 1)
)
"""The rectified layers of VGG-19 (Simonyan & Zisserman 2014, table 1, column E), shallow to deep."""

Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Layers = Annotated[tuple[str, ...], Field(max_length=len(LAYERS))]


class Hyperparameters(BaseModel):
    """One style transfer's settings. Losses are relative to their targets' energy, so a weight means the
    same for every pair of pictures.

    Names that are not known are ignored: a message may be of a newer writer, and a stored job of an older one. Where
    people write names, `parse_hyperparameters` and `StrictHyperparameters` refuse them.

    >>> Hyperparameters(size=256, evaluations=(30, 10)).optimizer
    'lbfgs'
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    size: int = Field(512, ge=32, le=4096, description="Longer side of the result, in pixels.")
    evaluations: tuple[Annotated[int, Field(ge=0, le=10_000)], ...] = Field(
        (40, 20),
        min_length=1,
        max_length=6,
        description="Evaluations of loss and gradient per scale, coarse to fine; each scale is twice the one before,"
        " the last is `size`.",
    )
    start: Literal["preview", "content", "color_transfer", "noise"] = Field(
        "color_transfer",
        description="Starting image: a feed-forward preview, the content image, the content image in the style's"
        " colours, or noise.",
    )
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="Optimiser of the pixels.")
    learning_rate: float | None = Field(
        None, gt=0, le=100, allow_inf_nan=False, description="Step size; by default 1 for L-BFGS and 0.02 for Adam."
    )
    beta_1: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the gradient's mean.")
    beta_2: float = Field(0.99, ge=0, lt=1, description="Adam's decay of the gradient's square.")
    epsilon: float = Field(1e-8, gt=0, le=1, description="Adam's guard against division by zero.")
    history_size: int = Field(20, ge=1, le=200, description="Updates that L-BFGS remembers.")
    content_weight: Weight = Field(0.1, description="Weight of the content loss.")
    style_weight: Weight = Field(1.0, description="Weight of the style loss.")
    tv_weight: Weight = Field(0.02, description="Weight of the total variation loss, which smooths.")
    content_layers: Layers = Field(("relu4_2",), description="Layers whose features keep the content.")
    style_layers: Layers = Field(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        description="Layers whose Gram matrices carry the style.",
    )
    pooling: Literal["avg", "max"] = Field(
        "avg", description="Pooling of the backbone; average flows gradients better."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Precision of the backbone: bf16 where the machine computes it natively, or as told."
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="Seed of everything random; same seed, machine and threads, same picture."
    )

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _known_layers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in LAYERS]
        if unknown:
            raise ValueError(f"unknown layer {', '.join(unknown)}; the layers are {', '.join(LAYERS)}")
        if len(set(names)) != len(names):
            raise ValueError("a layer is named twice")
        return names

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        content = self.content_weight > 0 and self.content_layers
        style = self.style_weight > 0 and self.style_layers
        if not (content or style):
            raise ValueError("nothing to optimise: give content or style a layer and a weight above 0")
        return self

    @property
    def step_size(self) -> float:
        """The learning rate in force: the one given, or the optimiser's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1.0 if self.optimizer == "lbfgs" else 0.02


def _validate_strictly(values: Any) -> Hyperparameters:  # noqa: ANN401  (pydantic judges the type)
    return Hyperparameters.model_validate(values, extra="forbid")


StrictHyperparameters = Annotated[Hyperparameters, BeforeValidator(_validate_strictly)]
"""Hyperparameters in the body of a request: an unknown name is refused there, as a misspelt one would do nothing."""


def parse_hyperparameters(values: dict[str, Any]) -> Hyperparameters:
    """Validate `values` by field name.

    Raises:
        InvalidHyperparameters: names every field that is wrong, what is wrong with it, and its range; or is unknown.
    """
    try:
        return _validate_strictly(values)
    except ValidationError as error:
        issues = error.errors(include_url=False)
        unknown = any(issue["type"] == "extra_forbidden" for issue in issues)
        raise InvalidHyperparameters(
            f"These hyperparameters cannot be used: {'; '.join(map(_problem, issues))}.",
            advice=f"Known names: {', '.join(Hyperparameters.model_fields)}." if unknown else "",
        ) from None


def _problem(issue: ErrorDetails) -> str:
    where = ".".join(map(str, issue["loc"])) or "hyperparameters"
    if issue["type"] == "extra_forbidden":
        return f"there is no hyperparameter '{where}'"
    return f"{where}: {issue['msg'].removeprefix('Value error, ')}"


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn `name=value` texts into field values; a value is JSON where it parses as such, `a,b` is a list.

    >>> parse_assignments(["evaluations=30,10", "optimizer=adam"])
    {'evaluations': [30, 10], 'optimizer': 'adam'}

    Raises:
        InvalidHyperparameters: a text has no `=`.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InvalidHyperparameters(
                f"'{assignment}' is not a setting.", advice="Write name=value, as in size=256."
            )
        values[name.strip().replace("-", "_")] = _value(text.strip())
    several = {"evaluations", "content_layers", "style_layers"}
    return {
        name: [value] if name in several and not isinstance(value, list) else value for name, value in values.items()
    }


def _value(text: str) -> Any:  # noqa: ANN401  (pydantic judges the type)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [_value(part.strip()) for part in text.split(",") if part.strip()] if "," in text else text
