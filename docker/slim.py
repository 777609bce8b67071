"""Takes out of a virtual environment what a service never runs, and compiles the rest: `python slim.py /opt/venv`.

Packages bring their tests, headers for compilers, stubs for type checkers, the symbols of their libraries, and, in one
case, the descriptions of five hundred of Google's APIs. Nothing that can be imported at run time goes, but for tests.
Byte code is made here, as nothing can be written later; it names no time, so that it is the same in every build.
"""

import struct
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

# What only a compiler or a type checker reads.
_SOURCES = frozenset({".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx"})
# Packages that nothing but tests imports; `numpy.testing` and its like are imported by other packages at run time.
_TESTS = frozenset({"tests"})
_DISCOVERY = "googleapiclient/discovery_cache/documents"
# The only API that is asked for through that package; storage's client has its own.
_APIS = frozenset({"drive.v3.json"})
_LOAD = 1


def slim(environment: Path) -> None:
    """Take it out.

    Args:
        environment: a virtual environment's folder.

    Raises:
        subprocess.CalledProcessError: a library cannot be stripped.
    """
    packages = next(environment.glob("lib/python*/site-packages"))
    for folder in [path for path in packages.rglob("*") if path.name in _TESTS and path.is_dir()]:
        rmtree(folder)
    for path in [path for path in packages.rglob("*") if path.is_file()]:
        if path.suffix in _SOURCES or (path.parent == packages / _DISCOVERY and path.name not in _APIS):
            path.unlink()
        elif ".so" in path.suffixes:
            _strip(path)
    for folder in list(packages.rglob("__pycache__")):
        rmtree(folder)
    command: list[str | Path] = [
        environment / "bin" / "python",
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        packages,
    ]
    # What is in a set would be written in another order each time. Not checked: torch has a module for newer Pythons,
    # which this one cannot compile and does not load.
    subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=False, capture_output=True)


def _strip(library: Path) -> None:
    """Take a library's symbols away, unless it is one that would not load afterwards.

    Who puts libraries into wheels moves their parts about, and strip does not see it of all: what it writes then begins
    where the loader refuses to look.
    """
    before = library.read_bytes()
    if not before.startswith(b"\x7fELF"):  # a linker's script
        return
    subprocess.run(["/usr/bin/strip", "--strip-unneeded", library], check=True)
    if not _loadable(library.read_bytes()):
        library.write_bytes(before)


def _loadable(library: bytes) -> bool:
    """Whether each segment lies in the file as it shall lie in memory, as far as a page goes (System V ABI, 5)."""
    (first,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    for position in range(first, first + size * count, size):
        kind, _, offset, address, _, _, _, align = struct.unpack_from("<IIQQQQQQ", library, position)
        if kind == _LOAD and align > 1 and (offset - address) % align:
            return False
    return True


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
