"""Hyperparameters as they are shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylegram.common.hyperparameters import Hyperparameters

_WORDS = {"tv": "TV", "cuda": "CUDA", "mb": "in MB", "ssim": "likeness (SSIM)"}


@dataclass(frozen=True)
class Setting:
    """A hyperparameter, or a measure.

    Args:
        name: its own.
        value: as it is shown.
        default: likewise, where it has one.
        about: what it does, or tells.
    """

    name: str
    value: str
    default: str
    about: str


def settings_of(values: Mapping[str, Any]) -> tuple[list[Setting], list[Setting]]:
    """The hyperparameters: those that are not as they are by default, and the others.

    Args:
        values: by name; what is not there is not known.
    """
    defaults = Hyperparameters().model_dump(mode="json")
    fields = Hyperparameters.model_fields
    known = {name: (field.description or "").replace("`", "") for name, field in fields.items() if name in values}
    chosen, usual = list[Setting](), list[Setting]()
    for name, about in known.items():
        setting = Setting(name, text_of(values[name]), text_of(defaults[name]), about)
        (usual if setting.value == setting.default else chosen).append(setting)
    return chosen, usual


def label_of(name: str) -> str:
    """A hyperparameter's or a measure's name as people read it.

    >>> label_of("style_weight"), label_of("tv_weight"), label_of("peak_memory_mb")
    ('Style weight', 'TV weight', 'Peak memory in MB')
    """
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def text_of(value: object) -> str:
    """A value as people write it.

    >>> text_of([[128, 60], [256, 40]]), text_of(1e-8), text_of(None), text_of([])
    ('128:60, 256:40', '1e-08', '–', '')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(
            ":".join(map(str, each)) if isinstance(each, list | tuple) else text_of(each) for each in value
        )
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)
