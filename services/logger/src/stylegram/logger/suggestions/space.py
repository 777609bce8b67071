"""What is searched: some hyperparameters, and the values of each that come into question.

Every hyperparameter is a dimension of its own, whatever the others are, so that a point of the space is a plain table
of names and values. `learning_rate` is therefore a factor on the optimiser's usual one: L-BFGS' is fifty times Adam's.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_origin

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from stylegram.common.errors import InvalidInput
from stylegram.common.hyperparameters import Hyperparameters, parse_hyperparameters

Value = bool | int | float | str
"""A value as Optuna keeps it; a list is its texts with commas between them."""
Params = dict[str, Any]
"""A point of a space: the value of each dimension."""

_WHOLE = {"size", "history_size", "seed"}
# They change what a picture is measured by, so that no errors would compare: they are taste, and people's to choose.
_MEASURES = {
    *("size", "schedule", "style_weights", "style_scale", "mask_softness", "colors", "color_matching", "recolor"),
    *("brightness", "greyscale", "backbone"),
}
_CONFIG = ConfigDict(frozen=True, extra="forbid")
# A factor on a learning rate is found by dividing.
_ROUNDING = 1e-12


class Range(BaseModel):
    """All numbers between two."""

    model_config = _CONFIG

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = Field(False, description="Whether their orders of magnitude are equally likely, and not they.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"a range goes from the lower number to the higher, not from {self.low} to {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, not at {self.low}")
        return self

    def place(self, value: float) -> float:
        """Where a value lies, 0 … 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, place: float) -> float:
        """The value at a place in 0 … 1."""
        if self.log:
            return min(self.low * math.pow(self.high / self.low, place), self.high)
        return min(self.low + place * (self.high - self.low), self.high)

    def holds(self, value: object) -> float | None:
        """The value, where it lies in the range; None elsewhere."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        # What was multiplied and divided again may be beyond the end by a rounding.
        near = min(max(value, self.low), self.high)
        return value if near == value else near if math.isclose(near, value, rel_tol=_ROUNDING) else None


class Choice(BaseModel):
    """Some values, of which none is nearer to one than to another."""

    model_config = _CONFIG

    values: tuple[Value, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise ValueError("a value is there twice")
        return self

    def place(self, value: Value) -> int:
        """Which of the values it is."""
        return self.values.index(value)

    def at(self, place: float) -> Value:
        """The value at a place in 0 … 1, of which each has an equal part."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]

    def holds(self, value: object) -> Value | None:
        """The value as it is written here, where it is one of them: 1 and 1.0 are equal, and not the same to Optuna."""
        return next((each for each in self.values if _is_same(each, value)), None)


class Space(RootModel[dict[str, Annotated[Range | Choice, Field(union_mode="left_to_right")]]]):
    """The dimensions by the hyperparameters' names.

    >>> space = Space({"content_weight": Range(low=0.01, high=1), "start": Choice(values=("content", "noise"))})
    >>> space.hyperparameters({"content_weight": 0.5, "start": "noise"}, Hyperparameters()).start
    'noise'
    """

    model_config = ConfigDict(frozen=True)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Each dimension as Optuna has it."""
        return {name: _distribution(name, dimension) for name, dimension in self.root.items()}

    def hyperparameters(self, params: Mapping[str, Any], base: Hyperparameters) -> Hyperparameters:
        """The base with the point's values.

        Raises:
            InvalidHyperparameters: they do not go together.
        """
        values = {name: params[name] for name in self.root}
        whole = base.model_dump(mode="json") | {name: _field_value(name, value) for name, value in values.items()}
        if "learning_rate" in values:
            usual = Hyperparameters(optimizer=whole["optimizer"]).step_size
            whole["learning_rate"] = values["learning_rate"] * usual
        return parse_hyperparameters(whole)

    def params_of(self, hyperparameters: Hyperparameters) -> Params | None:
        """Where hyperparameters lie in the space, as far as it is concerned; None where that is outside."""
        params: Params = {}
        for name, dimension in self.root.items():
            value = dimension.holds(_param_of(name, hyperparameters))
            if value is None:
                return None
            params[name] = value
        return params

    def at(self, places: Mapping[str, float]) -> Params:
        """The point at a place in 0 … 1 along each dimension."""
        params: Params = {name: dimension.at(places[name]) for name, dimension in self.root.items()}
        return {name: round(value) if name in _WHOLE else value for name, value in params.items()}

    def without(self, names: set[str]) -> "Space":
        """The space without some dimensions."""
        return Space({name: dimension for name, dimension in self.root.items() if name not in names})

    def check(self, base: Hyperparameters) -> None:
        """Refuse a space whose values the hyperparameters do not take.

        Raises:
            InvalidInput: a hyperparameter is none, or changes what pictures are measured by.
            InvalidHyperparameters: an end of a range, or a choice, cannot be used.
        """
        if not self.root:
            raise InvalidInput("Nothing is searched.", advice="Name a hyperparameter and its values, at least one.")
        for name, dimension in self.root.items():
            if name not in Hyperparameters.model_fields or name in _MEASURES:
                known = [each for each in Hyperparameters.model_fields if each not in _MEASURES]
                why = "decides what a picture is measured by" if name in _MEASURES else "is no hyperparameter"
                raise InvalidInput(f"'{name}' {why} and cannot be searched.", advice=f"These can: {', '.join(known)}.")
            alone = Space({name: dimension})
            # Between the ends, too: 0 and 1 are yes and no, and nothing is between those.
            middle = alone.at({name: 0.5})[name]
            values = dimension.values if isinstance(dimension, Choice) else (dimension.low, middle, dimension.high)
            for value in values:
                _check_value(name, value, alone, base)


def _check_value(name: str, value: Value, space: Space, base: Hyperparameters) -> None:
    whole = space.hyperparameters({name: value}, base)
    if whole.start == "image":
        raise InvalidInput(
            "start=image cannot be studied: it needs a picture that a pair does not have.", advice="Leave it out."
        )
    # Else no run of the record would be known for one of these.
    if space.params_of(whole) != {name: value} and isinstance(value, str):
        raise InvalidInput(f"{name}={value} has another spelling.", advice=f"Write {name}={_param_of(name, whole)}.")


def _is_same(some: object, other: object) -> bool:
    if isinstance(some, float) and isinstance(other, float):
        return math.isclose(some, other, rel_tol=_ROUNDING)
    return some == other


def _distribution(name: str, dimension: Range | Choice) -> BaseDistribution:
    match dimension:
        case Choice(values=values):
            return CategoricalDistribution(values)
        case Range(low=low, high=high, log=log) if name in _WHOLE:
            return IntDistribution(math.ceil(low), math.floor(high), log=log)
        case Range(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)


def _is_list(name: str) -> bool:
    # Layers and the like are aliases of annotated tuples.
    return get_origin(Hyperparameters.model_fields[name].annotation) is tuple


def _field_value(name: str, value: Value) -> object:
    return value.split(",") if isinstance(value, str) and _is_list(name) else value


def _param_of(name: str, hyperparameters: Hyperparameters) -> Any:  # noqa: ANN401  (of any hyperparameter)
    value = getattr(hyperparameters, name)
    if name == "learning_rate":
        return hyperparameters.step_size / Hyperparameters(optimizer=hyperparameters.optimizer).step_size
    if name == "brush_scale" and value is None and not hyperparameters.schedule:
        return 2.0 ** (len(hyperparameters.evaluations) - 1)
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


DEFAULT_SPACE = Space(
    {
        "start": Choice(values=("preview", "content", "color_transfer", "noise")),
        "optimizer": Choice(values=("lbfgs", "adam")),
        "learning_rate": Range(low=0.1, high=10, log=True),
        "beta_1": Range(low=0.5, high=0.95),
        "content_weight": Range(low=0.003, high=30, log=True),
        "tv_weight": Range(low=1e-4, high=1, log=True),
        "brush_scale": Choice(values=(1.0, 2.0, 4.0, 8.0)),
        "content_layers": Choice(values=("relu4_2", "relu5_2", "relu5_3", "relu3_2", "relu4_2,relu5_2")),
        "style_layers": Choice(
            values=(
                "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
                "relu1_1,relu2_1,relu3_1,relu4_1",
                "relu1_2,relu2_2,relu3_2,relu4_2,relu5_2",
                "relu1_1,relu2_1,relu1_2,relu2_2,relu3_3,relu4_3",
                "relu1_1,relu2_1,relu1_2,relu2_2,relu3_2",
            )
        ),
        "pooling": Choice(values=("avg", "max")),
    }
)
"""What a study searches unless it is told otherwise: what changes the picture at about the same cost, and not what it
is measured by. The layers are Gatys' and those of the system that inspired this one; brush scales are powers of two."""
