import inspect
from collections.abc import Iterator

from stylegram.common import errors
from stylegram.common.errors import QueueFull, StylegramError


def in_the_docstring() -> Iterator[tuple[int, str]]:
    """Every error that the module's docstring draws: how deep, and its name."""
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        drawing = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        name, *words = drawing.split()[:2] or [""]
        if name == "StylegramError" or (words and line.lstrip()[:1] in ("│", "├", "└")):
            yield (len(drawing) - len(drawing.lstrip())) // 4, name


def in_the_code(error: type[StylegramError] = StylegramError, depth: int = 1) -> Iterator[tuple[int, str]]:
    """Every error that the module defines, parents before children."""
    if error.__module__ == errors.__name__:
        yield depth, error.__name__
        for child in error.__subclasses__():
            yield from in_the_code(child, depth + 1)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert list(in_the_docstring()) == list(in_the_code())


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [getattr(errors, name).code for _, name in in_the_code()]
    assert len(set(codes)) == len(codes)


def test_a_full_queue_is_asked_again_later() -> None:
    assert QueueFull("Too many wait.").retryable
