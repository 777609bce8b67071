"""Every knob of a style transfer, in one frozen model.

The fields' descriptions *are* the documentation: the command's help, the API's schema, the record's columns
and the caption's sentence derive from this class, so that a new hyperparameter is one line here.
"""

import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Literal, Self, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from stylegram.common.errors import InvalidHyperparameters

CONVOLUTIONS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
"""Convolutions per block (Simonyan & Zisserman 2014, table 1, columns E and D)."""


def layers_of(backbone: str) -> tuple[str, ...]:
    """The rectified layers of a backbone, shallow to deep.

    >>> layers_of("vgg16")[-3:]
    ('relu5_1', 'relu5_2', 'relu5_3')
    """
    return tuple(
        f"relu{block}_{index}"
        for block, convolutions in enumerate(CONVOLUTIONS[backbone], 1)
        for index in range(1, convolutions + 1)
    )


LAYERS = layers_of("vgg19")
"""Those of VGG-19."""

_LAYER_NAME = re.compile(r"(?:relu|conv)(\d)_(\d)|block(\d)_conv(\d)", re.IGNORECASE)


def canonical_layer(name: str) -> str:
    """The layer's name as we write it. Caffe's and Keras' names are taken too; all three mean the rectified output.

    >>> canonical_layer("block4_conv2"), canonical_layer("conv4_2")
    ('relu4_2', 'relu4_2')
    """
    match = _LAYER_NAME.fullmatch(name.strip())
    return "relu{}_{}".format(*filter(None, match.groups())) if match else name


Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Layers = Annotated[tuple[str, ...], Field(max_length=len(LAYERS))]
Shares = Annotated[tuple[Weight, ...], Field(max_length=len(LAYERS))]
Side = Annotated[int, Field(ge=32, le=4096)]
Evaluations = Annotated[int, Field(ge=0, le=10_000)]


def _pair(scale: Any) -> Any:  # noqa: ANN401  (pydantic judges the type)
    """A scale as a pair, be it written as one or as in 128:60."""
    pair = scale.split(":") if isinstance(scale, str) else scale
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError("give a scale its longer side and its evaluations, as in 128:60")
    return pair


Scale = Annotated[tuple[Side, Evaluations], BeforeValidator(_pair)]

_MOST_SCALES = 8
Schedule = Annotated[tuple[Scale, ...], Field(max_length=_MOST_SCALES)]
_schedule: TypeAdapter[tuple[tuple[int, int], ...]] = TypeAdapter(Schedule)

# What is a hair above a power of two, as 1080 / 269 is, needs no scale of its own for it.
_OCTAVES_TO_SPARE = 0.1


class Hyperparameters(BaseModel):
    """One style transfer's settings. Losses are relative to their targets' energy, so a weight means the
    same for every pair of pictures.

    Names that are not known are ignored: a message may be of a newer writer, and a stored job of an older one. Where
    people write names, `parse_hyperparameters` and `StrictHyperparameters` refuse them.

    >>> Hyperparameters(size=256, evaluations=(30, 10)).scales
    ((128, 30), (256, 10))
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    size: Side = Field(512, description="Longer side of the result, in pixels.")
    evaluations: tuple[Evaluations, ...] = Field(
        (40, 40, 20),
        min_length=1,
        max_length=_MOST_SCALES,
        description="Evaluations of loss and gradient per scale, coarse to fine; each scale is twice the one before,"
        " the last is `size`.",
    )
    brush_scale: float | None = Field(
        None,
        ge=1,
        le=64,
        allow_inf_nan=False,
        description="How large the largest strokes are: the coarsest scale is `size` divided by it, 1 paints at one"
        " scale only. Scales in between are added or dropped; added ones take the first of `evaluations`. By default"
        " as many scales as `evaluations` has numbers.",
    )
    schedule: Schedule = Field(
        (),
        description="Longer side and evaluations of each scale, coarse to fine, as in 128:60,256:40,512:20; instead"
        " of `evaluations` and `brush_scale`. The last longer side is the result's.",
    )
    start: Literal["preview", "content", "color_transfer", "noise", "blend", "image"] = Field(
        "color_transfer",
        description="Starting image: a feed-forward preview, the content image, the content image in the style's"
        " colours, noise, a blend of noise and content image, or an image that is given.",
    )
    start_noise: float = Field(
        0.5, ge=0, le=1, allow_inf_nan=False, description="Share of noise in a start from a blend; the rest is content."
    )
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="Optimiser of the pixels.")
    learning_rate: float | None = Field(
        None, gt=0, le=100, allow_inf_nan=False, description="Step size; by default 1 for L-BFGS and 0.02 for Adam."
    )
    beta_1: float = Field(0.9, ge=0, lt=1, allow_inf_nan=False, description="Adam's decay of the gradient's mean.")
    beta_2: float = Field(0.99, ge=0, lt=1, allow_inf_nan=False, description="Adam's decay of the gradient's square.")
    # Below, fp32 would round it to zero and a pixel without a slope would become 0/0.
    epsilon: float = Field(
        1e-8, ge=1e-20, le=1, allow_inf_nan=False, description="Adam's guard against division by zero."
    )
    history_size: int = Field(
        20,
        ge=1,
        le=200,
        description="Updates that L-BFGS remembers, if they fit into 256 MB: five at 2048², four at the least.",
    )
    content_weight: Weight = Field(0.1, description="Weight of the content loss.")
    style_weight: Weight = Field(1.0, description="Weight of the style loss.")
    tv_weight: Weight = Field(0.02, description="Weight of the total variation loss, which smooths.")
    content_layers: Layers = Field(
        ("relu4_2",), description="Layers whose features keep the content; relu4_2, conv4_2 or block4_conv2."
    )
    content_layer_weights: Shares = Field(
        (), description="Share of each content layer, in any unit; equal if none are given."
    )
    style_layers: Layers = Field(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        description="Layers whose statistics carry the style.",
    )
    style_layer_weights: Shares = Field(
        (), description="Share of each style layer, in any unit; equal if none are given."
    )
    style_loss: Literal["gram", "wasserstein"] = Field(
        "gram",
        description="What is compared of the style: Gram matrices, or means and covariances by their Wasserstein"
        " distance.",
    )
    style_weights: Shares = Field((), description="Share of each style image, in any unit; equal if none are given.")
    style_scale: float = Field(
        1.0,
        ge=0.1,
        le=4,
        allow_inf_nan=False,
        description="Size of the style image relative to the content image's: above 1 the strokes become larger.",
    )
    mask_softness: float = Field(
        0.01,
        ge=0,
        le=0.5,
        allow_inf_nan=False,
        description="Blur of the edges of style images' regions, as a share of the picture's longer side.",
    )
    colors: Literal["style", "matched", "luminance"] = Field(
        "style",
        description="Whose colours: the style's; the content's, by painting with the style in the content's colours;"
        " or the content's, by painting brightness only.",
    )
    color_matching: Literal["linear", "histogram"] = Field(
        "linear", description="How colours are matched: their mean and covariance, or their whole distribution."
    )
    recolor: bool = Field(
        False, description="Match colours once more at the end, to what `colors` asks for, as painting shifts them."
    )
    brightness: float = Field(
        1.0, ge=0.1, le=10, allow_inf_nan=False, description="Factor on the photograph's brightness before painting."
    )
    greyscale: bool = Field(False, description="Take the colours out of the photograph before painting.")
    backbone: Literal["vgg19", "vgg16"] = Field("vgg19", description="Network whose features are compared.")
    pooling: Literal["avg", "max"] = Field(
        "avg", description="Pooling of the backbone; average flows gradients better."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Precision of the backbone: bf16 where the machine computes it natively, or as told."
    )
    tiling: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Paint tile by tile: the same picture in a fraction of the memory for up to two thirds more time."
        " auto does it where the memory asks for it.",
    )
    deterministic: bool = Field(
        True,
        description="Have a GPU sum in a fixed order, so that the same seed makes the same picture; else it may try"
        " which convolutions are the fastest.",
    )
    cuda_graphs: bool = Field(
        False, description="Have a GPU replay each scale's evaluation as a graph, which saves time at small sizes."
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="Seed of everything random; same seed, machine and threads, same picture."
    )

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _known_layers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(map(canonical_layer, names))
        unknown = [name for name in names if name not in LAYERS]
        if unknown:
            raise ValueError(f"unknown layer {', '.join(map(repr, unknown))}; the layers are {', '.join(LAYERS)}")
        if len(set(names)) != len(names):
            raise ValueError("a layer is named twice")
        return names

    @field_validator("schedule")
    @classmethod
    def _coarse_to_fine(cls, schedule: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        sizes = [size for size, _ in schedule]
        if sizes != sorted(sizes):
            raise ValueError("the scales go from coarse to fine")
        return schedule

    @field_validator("style_weights")
    @classmethod
    def _some_style(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if weights and not any(weights):
            raise ValueError("one of them must be above 0")
        return weights

    @model_validator(mode="before")
    @classmethod
    def _size_of_schedule(cls, values: Any) -> Any:  # noqa: ANN401  (pydantic judges the type)
        """Who gives a schedule need not say the size again."""
        if isinstance(values, dict) and values.get("schedule") and "size" not in values:
            with suppress(ValidationError):  # the field's own check has the words
                *_, (size, _) = _schedule.validate_python(values["schedule"])
                return {**values, "size": size}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        content = self.content_weight * sum(self.content_shares)
        style = self.style_weight * sum(self.style_shares)
        if not (content or style):
            raise ValueError("nothing to optimise: give content or style a layer and a weight above 0")
        if self.schedule and self.schedule[-1][0] != self.size:
            raise ValueError(
                f"size is {self.size}, but the schedule ends at {self.schedule[-1][0]}; leave one of them out"
            )
        if self.schedule and self.brush_scale is not None:
            raise ValueError("brush_scale does nothing beside a schedule; leave one of them out")
        if self.cuda_graphs and self.style_loss == "wasserstein":
            raise ValueError(
                "cuda_graphs cannot record style_loss=wasserstein, whose eigenvectors wait for the GPU; leave one of"
                " them out"
            )
        layers = layers_of(self.backbone)
        foreign = dict.fromkeys(name for name in (*self.content_layers, *self.style_layers) if name not in layers)
        if foreign:
            raise ValueError(f"the backbone {self.backbone} has no {', '.join(foreign)}, only {', '.join(layers)}")
        for kind in ("content", "style"):
            names, weights = getattr(self, f"{kind}_layers"), getattr(self, f"{kind}_layer_weights")
            if weights and len(weights) != len(names):
                raise ValueError(
                    f"{kind}_layer_weights needs one number for each of {kind}_layers, {len(names)} in all, and has"
                    f" {len(weights)}"
                )
        return self

    @property
    def step_size(self) -> float:
        """The learning rate in force: the one given, or the optimiser's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1.0 if self.optimizer == "lbfgs" else 0.02

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Longer side and evaluations of each scale, coarse to fine, as `schedule`, or `evaluations` and
        `brush_scale`, have it.

        >>> Hyperparameters(size=512, brush_scale=4).scales
        ((128, 40), (256, 40), (512, 20))
        """
        if self.schedule:
            return self.schedule
        coarsest = self.brush_scale or 2.0 ** (len(self.evaluations) - 1)
        steps = math.ceil(math.log2(coarsest) - _OCTAVES_TO_SPARE)
        added = steps + 1 - len(self.evaluations)
        evaluations = (*self.evaluations[:1] * added, *self.evaluations[max(0, -added) :])
        # Evenly spaced, so that each scale is about twice the one before, or less.
        sizes = [round(self.size / coarsest ** ((steps - step) / max(steps, 1))) for step in range(steps + 1)]
        return tuple(zip((max(size, 1) for size in sizes), evaluations, strict=True))

    @property
    def content_shares(self) -> tuple[float, ...]:
        """Share of each content layer, together 1; or none."""
        return _shares(self.content_layer_weights, len(self.content_layers))

    @property
    def style_shares(self) -> tuple[float, ...]:
        """Share of each style layer, together 1; or none."""
        return _shares(self.style_layer_weights, len(self.style_layers))

    def shares_of_styles(self, count: int) -> tuple[float, ...]:
        """Share of each of `count` style images, together 1.

        Raises:
            InvalidHyperparameters: `style_weights` are for another number of them.
        """
        if self.style_weights and len(self.style_weights) != count:
            raise InvalidHyperparameters(
                f"style_weights has {len(self.style_weights)} numbers for {count} style images.",
                advice="Give one for each, or leave style_weights out.",
            )
        return _shares(self.style_weights, count)


def _shares(weights: tuple[float, ...], count: int) -> tuple[float, ...]:
    """The weights over their sum; equal ones where none are given, none where their sum is 0."""
    weights = weights or (1.0,) * count
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else (0.0,) * count


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
    where = ".".join(map(str, issue["loc"]))
    if issue["type"] == "extra_forbidden":
        return f"there is no hyperparameter '{where}'"
    words = issue["msg"].removeprefix("Value error, ")
    # What several of them say together has no place of its own.
    return f"{where}: {words}" if where else words


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
        if not equals or not name.strip():
            raise InvalidHyperparameters(
                f"'{assignment}' is not a setting.", advice="Write name=value, as in size=256."
            )
        values[name.strip().replace("-", "_")] = _value(text.strip())
    return {name: _sequence(name, value) for name, value in values.items()}


def _sequence(name: str, value: Any) -> Any:  # noqa: ANN401  (pydantic judges the type)
    """One value where several are possible is a list of one, and no value a list of none."""
    if get_origin(getattr(Hyperparameters.model_fields.get(name), "annotation", None)) is not tuple:
        return value
    return value if isinstance(value, list) else [] if value == "" else [value]


def _value(text: str) -> Any:  # noqa: ANN401  (pydantic judges the type)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [_value(part.strip()) for part in text.split(",") if part.strip()] if "," in text else text
