"""A study as people ask for it on a command line."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, get_origin

from pydantic import ValidationError

from stylegram.common.errors import InvalidHyperparameters, InvalidInput, NotFound
from stylegram.common.hyperparameters import Hyperparameters, parse_assignments, parse_hyperparameters
from stylegram.common.records import AssetReference
from stylegram.logger.suggestions.schemas import Pair
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Choice, Range, Space

_SHORTEST_DIGEST = 6
_EXAMPLES = "Write content_weight=0.01..1:log or start=content,preview."


def space_of(searches: Iterable[str], chosen: Collection[str] = ()) -> Space:
    """What is to be searched: what is named, or else the usual, without what somebody chose himself.

    Args:
        searches: each as name=low..high, name=low..high:log or name=value,value; values that are lists have | between
            them.
        chosen: hyperparameters that have a value already.

    Raises:
        InvalidInput: one of them is no such text.
    """
    dimensions = dict(map(_dimension, searches))
    if both := sorted(dimensions.keys() & set(chosen)):
        raise InvalidInput(f"{', '.join(both)} cannot be searched and set at once.", advice="Leave one of them out.")
    return Space(dimensions) if dimensions else DEFAULT_SPACE.without(set(chosen))


def base_of(settings: Iterable[str], size: int) -> tuple[Hyperparameters, set[str]]:
    """What is not searched, and the names of what was set.

    Raises:
        InvalidHyperparameters: something cannot be set so.
    """
    values = parse_assignments(settings)
    if "size" in values:
        raise InvalidHyperparameters("The size is no setting of a study.", advice="Use --size.")
    return parse_hyperparameters({"size": size, **values}), set(values)


def pairs_of(
    contents: Sequence[AssetReference],
    styles: Sequence[AssetReference],
    count: int | None,
    *,
    content: Sequence[str] = (),
    style: Sequence[str] = (),
) -> tuple[Pair, ...]:
    """What is to be painted: every picture that is named with every other, or of all pictures some pairs, each picture
    about as often as the others.

    Args:
        contents: the photographs that there are.
        styles: the paintings.
        count: how many pairs; all of what is named where None, and one where nothing is.
        content: names or digests of photographs.
        style: of paintings.

    Raises:
        NotFound: there are not so many, or none of that name.
        InvalidInput: several are called so.
    """
    some = [_find(name, contents, "photograph") for name in content] or list(contents)
    others = [_find(name, styles, "painting") for name in style] or list(styles)
    if not some or not others:
        what = "photograph" if not some else "painting"
        raise NotFound(f"There is no {what} to study.", advice="Bring pictures in with `stylegram sync`.")
    wanted = count or (len(some) * len(others) if content and style else 1)
    if wanted > len(some) * len(others):
        raise NotFound(f"There are no {wanted} pairs, only {len(some) * len(others)}.", advice="Ask for fewer.")
    # Along the diagonals, so that the first few have different pictures on both sides.
    period = math.lcm(len(some), len(others))
    places = (
        (step + turn) % len(others) for turn in range(len(some) * len(others) // period) for step in range(period)
    )
    pairs = zip((some[step % len(some)] for step in range(wanted)), places, strict=False)
    return tuple(Pair(content=_reference(one), style=_reference(others[place])) for one, place in pairs)


def _dimension(text: str) -> tuple[str, Range | Choice]:
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name or not values.strip():
        raise InvalidInput(f"'{text}' says not what to search.", advice=_EXAMPLES)
    try:
        if ".." in values:
            ends, _, scale = values.partition(":")
            low, _, high = ends.partition("..")
            if scale not in ("", "log"):
                raise ValueError(f"there is no scale {scale}, only log")
            return name, Range(low=float(low), high=float(high), log=scale == "log")
        separator = "|" if "|" in values or _is_list(name) else ","
        parsed = (parse_assignments([f"{name}={each.strip()}"])[name] for each in values.split(separator))
        return name, Choice(values=tuple(map(_plain, parsed)))
    except ValidationError as error:
        words = error.errors()[0]["msg"].removeprefix("Value error, ")
    except ValueError as error:
        words = str(error)
    raise InvalidInput(f"'{text}' says not what to search: {words}.", advice=_EXAMPLES)


def _is_list(name: str) -> bool:
    field = Hyperparameters.model_fields.get(name)
    return field is not None and get_origin(field.annotation) is tuple


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a text stands for)
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _find(name: str, assets: Sequence[AssetReference], what: str) -> AssetReference:
    found = [asset for asset in assets if name in (asset.name, asset.sha256)]
    if not found and len(name) >= _SHORTEST_DIGEST:
        found = [asset for asset in assets if asset.sha256.startswith(name.lower())]
    found = found or [asset for asset in assets if asset.name.rpartition(".")[0] == name]
    if not found:
        raise NotFound(f"There is no {what} '{name}'.", advice="Give a file's name, or the beginning of its SHA-256.")
    if len({asset.sha256 for asset in found}) > 1:
        raise InvalidInput(f"{len(found)} {what}s are called '{name}'.", advice="Give the beginning of its SHA-256.")
    return found[0]


def _reference(asset: AssetReference) -> AssetReference:
    return AssetReference(**{name: getattr(asset, name) for name in AssetReference.model_fields})
