import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stylegram.common.errors import WeightsCorrupt
from stylegram.stylizer.engine.models.array_pickle import _STAND_INS, read_arrays

FLOATS = st.sampled_from(["<f2", "<f4", "<f8", ">f4"]).map(np.dtype)
LAYERS = st.dictionaries(st.sampled_from(["kernel", "bias"]), arrays.arrays(FLOATS, arrays.array_shapes(min_side=0)))


@given(st.dictionaries(st.text("Conv_01", min_size=1), LAYERS), st.sampled_from([3, 4]))
@how(max_examples=40)
def test_arrays_are_read_as_they_were_written(tree: dict[str, dict[str, np.ndarray]], protocol: int) -> None:
    read = read_arrays(pickle.dumps(tree, protocol), "a")
    written = {f"{layer}/{part}": array for layer, parts in tree.items() for part, array in parts.items()}
    assert read.keys() == written.keys()
    for path, array in written.items():
        assert (read[path].dtype, read[path].shape) == (array.dtype, array.shape)
        assert read[path].tobytes() == array.tobytes()


def test_arrays_of_numpys_first_version_and_with_the_columns_first_are_read() -> None:
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    data = pickle.dumps({"a": array}, 3)
    old = data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert old != data
    for each in (data, old):
        assert np.array_equal(read_arrays(each, "a")["a"], array)


class Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    for protocol in range(6):
        data = pickle.dumps({"a": np.zeros(2, np.float32), "b": Call(os.mkdir, str(trace))}, protocol)
        with pytest.raises(WeightsCorrupt, match="cannot be read as a pickle of arrays"):
            read_arrays(data, "a")
        assert not trace.exists()
    pickle.loads(data)  # the bomb was a live one
    assert trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        *["os.system", "posix.system", "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__"],
        *["numpy.load", "numpy.fromfile", "numpy.memmap", "numpy.vectorize", "numpy.ndarray.tofile", "numpy.os"],
        *["numpy.lib.npyio.load", "numpy.testing._private.utils.runstring", "numpy._core.multiarray.scalar"],
        *["numpy.f2py.os.system", "numpy._core.numeric._frombuffer", "numpy.dtype.__class__", "numpy.ndarray.dump"],
        *["numpy.core.multiarray.fromfile", "copyreg._reconstructor", "_codecs.encode", "pickle.loads"],
        *["functools.partial", "importlib.import_module", "stylegram.stylizer.engine.models.array_pickle._Array"],
    ],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_every_other_name_is_refused(name: str, stacked: bool) -> None:
    for dots in range(1, name.count(".") + 1):
        module, attribute = ".".join(name.split(".")[:-dots]), ".".join(name.split(".")[-dots:])
        if stacked:
            data = (
                b"\x80\x04" + b"".join(b"\x8c" + bytes([len(w)]) + w.encode() for w in (module, attribute)) + b"\x93."
            )
        else:
            data = f"c{module}\n{attribute}\n.".encode()
        with pytest.raises(WeightsCorrupt, match=f"it holds '{module}.{attribute}'"):
            read_arrays(data, "a")


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param({"a": np.array([os.getcwd, 1], object)}, id="objects"),
        pytest.param({"a": np.zeros(2, np.dtype([("x", "f4")]))}, id="records"),
        pytest.param({"a": np.zeros(2, "V8")}, id="bytes"),
        pytest.param({"a": np.array(["x"])}, id="texts"),
        pytest.param({"a": np.zeros(2, np.int64)}, id="whole numbers"),
        pytest.param({"a": np.zeros(2, "M8[s]")}, id="dates"),
        pytest.param({"a": np.zeros(2, "c8")}, id="complex numbers"),
        pytest.param({"a": [np.zeros(2, "f4")]}, id="lists"),
        pytest.param({"a": 1.0}, id="numbers"),
        pytest.param({"a": np.dtype("f4")}, id="types"),
        pytest.param(np.ndarray, id="classes"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_array_of_floats_is_refused(tree: object) -> None:
    with pytest.raises(WeightsCorrupt, match="it holds"):
        read_arrays(pickle.dumps(tree, 4), "a")


def test_a_tree_without_an_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    deep: dict[str, Any] = {}
    data = b"\x80\x04" + b"}\x8c\x01a" * 50_000 + b"}" + b"s" * 50_000 + b"."
    assert pickle.loads(data) != deep
    for each in (pickle.dumps(endless), data):
        with pytest.raises(WeightsCorrupt, match="recursion"):
            read_arrays(each, "a")


@pytest.mark.parametrize(
    "shape", [(3,), (1,), (2, 2), (-2,), (-1, -2), (2**62, 2**62), (2.0,), ("2",), (True, 2), None]
)
def test_a_shape_that_its_bytes_do_not_fill_is_refused(shape: Any) -> None:
    array = np.zeros(2, np.float32)
    parts: tuple[Any, ...] = array.__reduce__()  # type: ignore[assignment]
    function, arguments, (version, _, *rest) = parts

    class Crooked:
        def __reduce__(self) -> Any:
            return function, arguments, (version, shape, *rest)

    with pytest.raises(WeightsCorrupt):
        read_arrays(pickle.dumps({"a": Crooked()}, 4), "a")


def test_a_pickle_cannot_change_what_later_ones_meet() -> None:
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\n"
    for target in (reconstruct, b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"):
        for state in (b"}\x8c\x08__call__Ns", b"N}\x8c\x08__name__\x8c\x01xs\x86", b"N}\x8c\x0c__defaults__Ns\x86"):
            with pytest.raises(WeightsCorrupt):
                read_arrays(b"\x80\x04" + target + state + b"b.", "a")
    assert not any(hasattr(stand_in, "__dict__") for stand_in in _STAND_INS.values())
    assert list(read_arrays(pickle.dumps({"a": np.ones(2)}, 4), "a")) == ["a"]


WHOLE = pickle.dumps({"a": {"kernel": np.arange(6, dtype=np.float32), "bias": np.zeros(1)}}, 3)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_pickle_that_was_cut_off_is_refused(kept: int) -> None:
    with pytest.raises(WeightsCorrupt):
        read_arrays(WHOLE[:kept], "a")


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
@how(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_other_bytes_give_arrays_of_floats_or_are_refused(place: int, other: bytes) -> None:
    data = WHOLE[:place] + other + WHOLE[place + len(other) :]
    if any(int.from_bytes(data[i + 1 : i + 5], "little") > 2**20 for i, op in enumerate(data) if op in b"rj"):
        return  # a memo of gigabytes is what the length of a file is for
    try:
        read = read_arrays(data, "a")
    except WeightsCorrupt:
        return
    assert all(array.dtype.kind == "f" for array in read.values())


def test_a_length_beyond_the_file_takes_no_memory() -> None:
    for opcode in (b"B" + struct.pack("<I", 2**31), b"\x8e" + struct.pack("<Q", 2**60)):
        with pytest.raises(WeightsCorrupt):
            read_arrays(b"\x80\x04" + opcode + b"abc.", "a")
