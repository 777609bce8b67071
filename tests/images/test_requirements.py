"""What images install: the versions of constraints.txt, what a service's distribution asks for, each by its digest."""

import re
import runpy
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGES: dict[str, Any] = runpy.run_path(str(ROOT / "docker" / "lock.py"))["IMAGES"]
# Of the images, whatever runs the tests.
_PLATFORM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+) \\\n(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
)
# What torch asks for where it is the build for CUDA, which is not installed here.
_CUDA = re.compile("cuda-|nvidia-|triton$")


@pytest.fixture(params=sorted(IMAGES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_line_is_a_version_with_the_digests_of_its_files(name: str) -> None:
    """And nothing else stands there: no address of an index, no folder."""
    text = _text(name)
    rest = _LINE.sub("", text)
    assert re.fullmatch(r"# Made by `make lock`[^\n]*\n", rest), f"{name}.txt has more than pinned packages: {rest}"
    assert "://" not in text


def test_versions_are_those_of_the_constraints(name: str) -> None:
    constraints = {
        canonicalize_name(package): version
        for package, version in re.findall(r"^([^#\s=]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    }
    pinned = _pinned(name)
    assert pinned
    assert {package: version for package, version in constraints.items() if package in pinned} == pinned, (
        "run `make lock`"
    )


@pytest.mark.parametrize("name", sorted(name for name, image in IMAGES.items() if image.service), indirect=True)
def test_all_that_the_service_asks_for_is_there_and_no_more(name: str) -> None:
    image = IMAGES[name]
    asked = Requirement(f"stylegram-{image.service}{image.extras}")
    needed = {package for package in _closure(asked, frozenset(image.without)) if not package.startswith("stylegram-")}
    pinned = set(_pinned(name))
    if name == "stylizer-cuda":
        assert {"nvidia-cublas", "nvidia-cudnn-cu13", "triton"} <= pinned
        pinned = {package for package in pinned if not _CUDA.match(package)}
    assert pinned == needed, "run `make lock`"


def test_the_variants_of_the_stylizer_differ_by_cuda_alone() -> None:
    cpu, cuda = _pinned("stylizer-cpu"), _pinned("stylizer-cuda")
    assert cpu == {package: version for package, version in cuda.items() if not _CUDA.match(package)}
    assert _hashes("stylizer-cpu")["torch"].isdisjoint(_hashes("stylizer-cuda")["torch"]), "one build in both images"


def _text(name: str) -> str:
    return (ROOT / "docker" / "requirements" / f"{name}.txt").read_text()


def _pinned(name: str) -> dict[str, str]:
    return {canonicalize_name(line["name"]): line["version"] for line in _LINE.finditer(_text(name))}


def _hashes(name: str) -> dict[str, set[str]]:
    return {
        canonicalize_name(line["name"]): set(re.findall("[0-9a-f]{64}", line["hashes"]))
        for line in _LINE.finditer(_text(name))
    }


def _closure(requirement: Requirement, without: frozenset[str]) -> set[str]:
    """All that an installed distribution asks for, itself included, but for what is left out."""
    found: dict[str, set[str]] = {}
    waiting = [requirement]
    while waiting:
        wanted = waiting.pop()
        package = canonicalize_name(wanted.name)
        # An extra that is asked for later asks for more.
        extras = {"", *wanted.extras} - found.get(package, set())
        if package in without or not extras:
            continue
        found.setdefault(package, set()).update(extras)
        waiting += _asked_for(package, extras)
    return set(found)


def _asked_for(package: str, extras: set[str]) -> Iterator[Requirement]:
    if package.startswith("stylegram-"):
        yield from _asked_for_by_ours(package.removeprefix("stylegram-"), extras)
        return
    for line in distribution(package).requires or ():
        each = Requirement(line)
        if not each.marker or any(each.marker.evaluate(_PLATFORM | {"extra": extra}) for extra in extras):
            yield each


def _asked_for_by_ours(service: str, extras: set[str]) -> Iterator[Requirement]:
    """From its source: what is installed here may be older."""
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    for extra in extras:
        yield from map(Requirement, project["optional-dependencies"][extra] if extra else project["dependencies"])
