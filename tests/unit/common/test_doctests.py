import doctest
import importlib
import pkgutil

import pytest

import stylegram.common

MODULES = [module.name for module in pkgutil.walk_packages(stylegram.common.__path__, "stylegram.common.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_LOG_LEVEL", "info")  # an example sets it; this puts it back
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = (doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES)
    assert sum(bool(test.examples) for tests in found for test in tests) >= 8
