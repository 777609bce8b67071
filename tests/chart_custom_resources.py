"""What the KEDA and Prometheus operators take, field by field, and nothing else."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

# Imported by name: they are long, and type checkers would read all of them.
_MODELS = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}


def is_known(api_version: str) -> bool:
    """Whether it is one of theirs."""
    return api_version in _MODELS


def problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one of their objects: a type, a field that is missing, one that there is not."""
    model = getattr(import_module(_MODELS[manifest["apiVersion"]]), manifest["kind"])
    try:
        model.model_validate(_with_quantities_written_out(manifest))
    except ValidationError as error:
        yield from (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    spec = model.model_fields["spec"].annotation
    yield from _unknown(manifest["spec"], spec, "spec")


def _with_quantities_written_out(value: Any, *, is_quantity: bool = False) -> Any:
    """The object, with `1` in `limits` and `requests` as `1e0`: it is the same, and the models fail over the former."""
    if isinstance(value, dict):
        return {
            key: _with_quantities_written_out(each, is_quantity=key in ("limits", "requests") or is_quantity)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_with_quantities_written_out(each) for each in value]
    return f"{value}e0" if is_quantity and str(value).isdecimal() else value


def _unknown(value: Any, kind: Any, path: str) -> Iterator[str]:
    """The fields that a type has not; the models themselves pass them over."""
    if isinstance(value, list):
        (item,) = {get_args(each)[0] for each in _choices(kind) if get_origin(each) is list} or {Any}
        for index, each in enumerate(value):
            yield from _unknown(each, item, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    models = [each for each in _choices(kind) if isinstance(each, type) and issubclass(each, BaseModel)]
    if not models:
        # A map with keys of the user's own.
        (item,) = {get_args(each)[1] for each in _choices(kind) if get_origin(each) is dict} or {Any}
        for key, each in value.items():
            yield from _unknown(each, item, f"{path}.{key}")
        return
    (model,) = models
    # Only by the name that the operator knows, not by the model's own.
    known = {about.alias or name: about.annotation for name, about in model.model_fields.items()}
    for key, each in value.items():
        if key not in known:
            yield f"{path}.{key}: there is no such field"
        else:
            yield from _unknown(each, known[key], f"{path}.{key}")


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
