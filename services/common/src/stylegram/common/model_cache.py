"""Where model files are kept, and which backbone is used unless another is asked for.

Here, and not beside the engine, so that who only passes these on need not load torch.
"""

import os
from pathlib import Path

DEFAULT_WEIGHTS = "vgg19-gatys"


def default_cache() -> Path:
    """The user's cache folder for model files, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "stylegram"
