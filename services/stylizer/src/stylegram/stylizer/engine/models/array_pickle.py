"""Arrays out of a pickle, without unpickling: no name in the file leads to code.

A pickle is a program: it names callables and calls them. Here the three names that a pickle of arrays in
dictionaries has need of (numpy's `_reconstruct`, `ndarray` and `dtype`) mean stand-ins, which only note what they are
told, and every other name is refused. numpy itself never meets what the file says before it has been checked: its
own `dtype.__setstate__` believes whatever it is handed.
"""

import math
import pickle
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from stylegram.common.errors import WeightsCorrupt

_FLOATS = frozenset({"f2", "f4", "f8"})


def read_arrays(data: bytes, name: str) -> dict[str, NDArray[np.floating[Any]]]:
    """The arrays of floating-point numbers in a pickle of nested dictionaries, as protocols 3 and 4 write it.

    Args:
        data: the pickle.
        name: what to call it.

    Returns:
        Path → array; the path is made of the dictionaries' keys, as in `Conv_0/kernel`.

    Raises:
        WeightsCorrupt: it is damaged, or holds anything but such arrays.
    """
    try:
        return {path: array.numbers() for path, array in _leaves(_ArrayUnpickler(BytesIO(data)).load(), "")}
    except Exception as error:  # on hostile bytes the unpickler raises whatever it pleases
        reason = error.message if isinstance(error, WeightsCorrupt) else str(error) or type(error).__name__
        raise WeightsCorrupt(f"'{name}' cannot be read as a pickle of arrays: {reason}") from error


def _refuse(what: str) -> NoReturn:
    raise WeightsCorrupt(f"it holds {what}, where only arrays of floating-point numbers may be.")


class _Type:
    """Stands in for a `numpy.dtype`."""

    __slots__ = ("code",)

    def __init__(self, code: str) -> None:
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, *details = state
        if order not in ("<", ">") or details[:3] != [None, None, None]:
            _refuse("an array of another type")
        self.code = order + self.code


class _Array:
    """Stands in for a `numpy.ndarray`."""

    __slots__ = ("_state",)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def numbers(self) -> NDArray[np.floating[Any]]:
        """The array that it stands for."""
        _, shape, kind, columns_first, data = self._state
        sides = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
        if not (sides and isinstance(kind, _Type) and isinstance(data, bytes)):
            _refuse("an array of another kind")
        dtype = np.dtype(kind.code)
        if len(data) != math.prod(shape) * dtype.itemsize:
            _refuse(f"{len(data)} bytes for an array of shape {shape}")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if columns_first else "C")


class _MakeType:
    """Stands in for the class `numpy.dtype`."""

    __slots__ = ()

    def __call__(self, code: object, *_: object) -> _Type:
        if code not in _FLOATS:
            _refuse(f"an array of '{code}'")
        return _Type(str(code))


class _MakeArray:
    """Stands in for numpy's `_reconstruct`."""

    __slots__ = ()

    def __call__(self, *_: object) -> _Array:
        return _Array()


# Without dictionaries of their own: a pickle can set attributes of what it has named, and here it finds none.
_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _MakeArray(),  # before numpy 2
    ("numpy._core.multiarray", "_reconstruct"): _MakeArray(),
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _MakeType(),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> object:
        if (module, name) not in _STAND_INS:
            _refuse(f"'{module}.{name}'")
        return _STAND_INS[module, name]


def _leaves(tree: object, path: str) -> Iterator[tuple[str, _Array]]:
    if isinstance(tree, _Array):
        yield path, tree
    elif isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _leaves(branch, f"{path}/{key}" if path else str(key))
    else:
        _refuse(f"a {type(tree).__name__}")
