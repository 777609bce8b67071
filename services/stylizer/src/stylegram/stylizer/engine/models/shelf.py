"""The backbones' weights by name, normalised, each loaded once."""

from pathlib import Path

from stylegram.common.model_cache import default_weights
from stylegram.stylizer.engine.models.model_files import MODEL_FILES, expected_digest, present
from stylegram.stylizer.engine.models.weights import Weights, is_normalised, normalise, read_photographs, read_weights


class WeightsShelf:
    """The weights that jobs ask for by their backbone, each loaded when it is asked for first, and kept.

    >>> shelf = WeightsShelf(default_cache())  # doctest: +SKIP
    >>> shelf.get("vgg16").name  # doctest: +SKIP
    'vgg16-lpips'

    Args:
        cache: the folder of model files; what is missing is fetched into it.
        weights: weights of one's own choice, a name or a file, for the backbone that they are; the pinned ones serve
            the other. None chooses the pinned ones for both.
    """

    def __init__(self, cache: Path, weights: str | None = None) -> None:
        self._cache = cache
        self._choice = weights
        self._loaded: dict[str, Weights] = {}

    def get(self, backbone: str) -> Weights:
        """The normalised weights of that backbone.

        Args:
            backbone: `vgg19` or `vgg16`.

        Raises:
            WeightsUnavailable: neither cached nor to be had; the message names the ways out.
            WeightsCorrupt: not the bytes that were pinned, or neither of the two networks.
        """
        if self._choice is not None:
            self._keep(self._choice)
            self._choice = None
        if backbone not in self._loaded:
            self._keep(default_weights(backbone))
        return self._loaded[backbone]

    def _keep(self, name: str) -> None:
        weights = load_weights(name, self._cache)
        self._loaded[weights.backbone] = weights


def load_weights(name: str, cache: Path) -> Weights:
    """The normalised network of that name, or in that file.

    Args:
        name: a name in `MODEL_FILES`, or the path of a .safetensors, .pth, .pt or .mat file.
        cache: the folder of model files; what is missing is fetched into it.

    Raises:
        WeightsUnavailable: neither cached nor to be had; the message names the ways out.
        WeightsCorrupt: not the bytes that were pinned, or neither VGG-19 nor VGG-16.
    """
    for file in MODEL_FILES:
        if file.backbone and file.name == name:
            return read_weights(present(file, cache), name, sha256=expected_digest(file, cache))
    loaded = read_weights(Path(name).expanduser(), name)
    photographs = read_photographs(cache)
    if is_normalised(loaded.state, photographs):
        return loaded
    return Weights(name, normalise(loaded.state, photographs), loaded.digest)
