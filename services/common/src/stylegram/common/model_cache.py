"""Where model files are kept, and which weights are used unless others are asked for.

Here, and not beside the engine, so that who only passes these on need not load torch.
"""

import os
from pathlib import Path

_DEFAULT_WEIGHTS = {"vgg19": "vgg19-gatys", "vgg16": "vgg16-lpips"}


def default_weights(backbone: str) -> str:
    """The name of a backbone's weights, where no others are asked for.

    >>> default_weights("vgg16")
    'vgg16-lpips'
    """
    return _DEFAULT_WEIGHTS[backbone]


DEFAULT_WEIGHTS = default_weights("vgg19")
"""Those of the default backbone."""

HOW_TO_FETCH = "`stylegram weights fetch`, or in a container `python -m stylegram.stylizer fetch`"
"""What puts model files into the cache, in the words of an advice."""


def default_cache() -> Path:
    """The user's cache folder for model files, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "stylegram"
