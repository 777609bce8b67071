"""How much two pairs of pictures are alike, by what their pictures look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stylegram.common.records import AssetReference, PictureFeatures
from stylegram.logger.suggestions.surrogate import Array

# In deviations of each feature over the pictures that are known.
_LENGTH = 1.5


@dataclass(frozen=True)
class Pictures:
    """A photograph and a painting, as far as they tell one pair from another.

    Args:
        content: the photograph's name, any that tells it from others.
        style: the painting's.
        content_features: what it looks like, if that is known.
        style_features: likewise.
    """

    content: str
    style: str
    content_features: PictureFeatures | None = None
    style_features: PictureFeatures | None = None

    @classmethod
    def of(cls, content: AssetReference, style: AssetReference) -> "Pictures":
        """Those in storage."""
        return cls(content.sha256, style.sha256, content.features, style.features)


def likeness(pairs: Sequence[Pictures]) -> Array:
    """How much of what is their own each two pairs share: half for the photograph, half for the painting.

    The same picture counts wholly, another one by its features, and one of which nothing is known not at all.

    Returns:
        Shape (pairs, pairs), 0 … 1, 1 on the diagonal; positive semidefinite.
    """
    contents = _alike([(pair.content, pair.content_features) for pair in pairs])
    styles = _alike([(pair.style, pair.style_features) for pair in pairs])
    return (contents + styles) / 2


def _alike(pictures: Sequence[tuple[str, PictureFeatures | None]]) -> Array:
    names = [name for name, _ in pictures]
    # Runs may tell different features of the same picture, or some of them none: with two places at once it would be
    # like two pictures that are not like each other, and the result not positive semidefinite.
    looks = dict(reversed([(name, each) for name, each in pictures if each is not None]))
    features = [looks.get(name) for name in names]
    result = np.array([[float(a == b) for b in names] for a in names])
    known = [number for number, each in enumerate(features) if each is not None]
    if known:
        places = np.array([list(each.model_dump().values()) for each in features if each is not None])
        places = (places - places.mean(axis=0)) / np.maximum(places.std(axis=0), 1e-6)
        squares = ((places[:, None] - places[None]) ** 2).mean(axis=-1)
        grid = np.ix_(known, known)
        result[grid] = np.maximum(result[grid], np.exp(-squares / (2 * _LENGTH**2)))
    return result
