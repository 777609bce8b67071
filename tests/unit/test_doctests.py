import doctest
import importlib
import pkgutil

import pytest

import stylegram

# Of what runs when it is imported, nothing can be read.
RUN = {"__main__", "migrations"}
MODULES = [
    module.name
    for module in pkgutil.walk_packages(stylegram.__path__, "stylegram.")
    if RUN.isdisjoint(module.name.split("."))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_LOG_LEVEL", "info")  # an example sets it; this puts it back
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_service_is_walked() -> None:
    services = {name.split(".")[1] for name in MODULES}
    assert services >= {"common", "ingest", "local", "logger", "publisher", "stylizer"}


def test_there_are_examples() -> None:
    found = (doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES)
    assert sum(bool(test.examples) for tests in found for test in tests) >= 8
