"""The style transfer engine: a library that knows nothing of queues, storage or HTTP.

>>> from stylegram.stylizer.engine import Hyperparameters, stylize
>>> result = stylize(photograph, painting, Hyperparameters(size=512))  # doctest: +SKIP

Each name is imported when it is first asked for: the preview does without torch, which takes a second to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylegram.common.hyperparameters import Hyperparameters
    from stylegram.stylizer.engine.style_transfer import Result, Step, stylize

__all__ = ["Hyperparameters", "Result", "Step", "stylize"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    home = "stylegram.common.hyperparameters" if name == "Hyperparameters" else f"{__name__}.style_transfer"
    return getattr(import_module(home), name)
