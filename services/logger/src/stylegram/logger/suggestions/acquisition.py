"""Which point promises most: the expected improvement of the hypervolume (Emmerich, Giannakoglou & Naujoks 2006)."""

import random
from collections.abc import Sequence

import numpy as np

from stylegram.logger.suggestions.front import REFERENCE, Point, front
from stylegram.logger.suggestions.space import Params, Range, Space
from stylegram.logger.suggestions.surrogate import Array, Surrogate

_RANDOM_POINTS = 800
_DRAWS = 48
_ROUNDS, _PARENTS, _CHILDREN = 3, 12, 20
# Of a child's dimensions so many are moved, by about so much of their length; a choice is made anew.
_MOVED_SHARE, _MOVE = 0.25, 0.12


def most_promising(
    space: Space, model: Surrogate, pair: int, had: Sequence[Point], known: Sequence[Params], generator: random.Random
) -> Params:
    """The point that is expected to add most to what a pair has.

    Args:
        space: where it is searched.
        model: what is expected of each point.
        pair: the pair's number in the model.
        had: the errors that the pair has, or is expected to get from what is being tried.
        known: points to begin the search from, beside chance.
        generator: of all that is random.
    """
    normal = np.random.default_rng(generator.getrandbits(32)).normal(size=(_DRAWS, 2))
    candidates = [*known, *(_anywhere(space, generator) for _ in range(_RANDOM_POINTS))]
    values = _improvements(model, pair, candidates, had, normal)
    for _ in range(_ROUNDS):
        parents = [candidates[index] for index in np.argsort(-values)[:_PARENTS]]
        children = [_child(space, parent, generator) for parent in parents for _ in range(_CHILDREN)]
        candidates = [*parents, *children]
        values = _improvements(model, pair, candidates, had, normal)
    return candidates[int(np.argmax(values))]


def improvement(errors: Array, had: Sequence[Point]) -> Array:
    """What errors would add to the hypervolume of a front.

    Args:
        errors: shape (…, 2).
        had: any points.

    Returns:
        Shape (…); 0 or more.
    """
    best = [point for point in front(had) if point[0] < REFERENCE[0] and point[1] < REFERENCE[1]]
    # Between one point of the front and the next, what is above the first is taken.
    lefts = np.array([0.0, *(point[0] for point in best)])
    rights = np.array([*(point[0] for point in best), REFERENCE[0]])
    ceilings = np.array([REFERENCE[1], *(point[1] for point in best)])
    x, y = errors[..., 0, None], errors[..., 1, None]
    widths = np.maximum(rights - np.maximum(lefts, x), 0)
    result: Array = (widths * np.maximum(ceilings - y, 0)).sum(axis=-1)
    return result


def _improvements(model: Surrogate, pair: int, points: Sequence[Params], had: Sequence[Point], normal: Array) -> Array:
    errors = model.predict(points, pair).errors(normal)
    result: Array = improvement(errors, had).mean(axis=1)
    return result


def _anywhere(space: Space, generator: random.Random) -> Params:
    return space.at({name: generator.random() for name in space.root})


def _child(space: Space, parent: Params, generator: random.Random) -> Params:
    """The parent, with some dimensions moved."""
    child = _anywhere(space, generator)
    for name, dimension in space.root.items():
        if generator.random() > _MOVED_SHARE:
            child[name] = parent[name]
        elif isinstance(dimension, Range):
            place = dimension.place(parent[name]) + generator.gauss(0, _MOVE)
            child |= Space({name: dimension}).at({name: min(max(place, 0.0), 1.0)})
    return child
