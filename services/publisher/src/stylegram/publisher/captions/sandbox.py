"""Where captions' templates run: they reach nothing, they write nothing large and they come to an end.

A template is its operator's own, so this guards against mistakes. Jinja's sandbox has no endless loop, but loops in
loops and macros that call themselves may take as long, and text that doubles itself takes all memory.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

MAX_STEPS = 10_000
"""Rounds of loops, calls and filtered items of one caption."""
MAX_SIZE = 100_000
"""Characters of any text on the way to a caption, and of all that is filled in."""

_ROUNDS, _MEASURED = "_rounds", "_measured"


@dataclass
class _Spent:
    steps: int = 0
    characters: int = 0


# Renderings in other threads have their own; none while a template is compiled.
_spent: ContextVar[_Spent] = ContextVar("spent")


class _Measuring(CodeGenerator):
    """Has a template count the rounds of its loops and measure what it joins."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802  (Jinja's)
        for loop in list(node.find_all(nodes.For)):
            loop.iter = _filtered(loop.iter, _ROUNDS)
        for joined in list(node.find_all(nodes.Concat)):
            whole = nodes.Concat(joined.nodes, lineno=joined.lineno, environment=joined.environment)
            joined.nodes = [_filtered(whole, _MEASURED)]
        super().visit_Template(node, frame)


class CaptionEnvironment(SandboxedEnvironment):
    """Jinja's sandbox with a budget of steps and sizes. `write` is how its one template is used.

    Args:
        name: of the template, for messages.
        source: of the template.
    """

    code_generator_class = _Measuring
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, name: str, source: str) -> None:
        super().__init__(
            # Names the file in tracebacks, and knows no other file that a template could include.
            loader=FunctionLoader(lambda wanted: (source, name, None) if wanted == name else None),
            undefined=StrictUndefined,
            finalize=_filled_in,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            # Nothing runs before there is a budget.
            optimized=False,
        )
        # The same picture has the same caption.
        del self.globals["lipsum"], self.filters["random"]
        self.filters = {name: _on_budget(function) for name, function in self.filters.items()}
        self.filters |= {_ROUNDS: _rounds, _MEASURED: _measured}
        self._template = name

    def write(self, **variables: object) -> str:
        """What the template makes of the variables.

        Raises:
            Exception: of any kind, as a template may fail in any way.
        """
        token = _spent.set(_Spent())
        try:
            text = ""
            for part in self.get_template(self._template).generate(variables):
                text = _measured(text + part)
            return text
        finally:
            _spent.reset(token)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, N805  (Jinja's)
        """Call what a template calls."""
        _spend(1)
        return _measured(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401  (Jinja's)
        """Calculate what a template calculates; what would take all memory or time is refused before it begins."""
        match operator, left, right:
            case ("*", int() as times, Sized() as sequence) | ("*", Sized() as sequence, int() as times):
                _allow(len(sequence) * times)
            case "**", int() as base, int() as exponent:
                _allow(base.bit_length() * exponent)
        return _measured(super().call_binop(context, operator, left, right))


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


def _on_budget(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which pays for each item of a list that it goes through."""

    @functools.wraps(function)  # its attributes too, by which Jinja knows what it is to be given
    def paying(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the filter's)
        _spend(1 + sum(len(arg) for arg in args if isinstance(arg, Sized) and not isinstance(arg, str)))
        return _measured(function(*args, **kwargs))

    return paying


def _rounds(items: Iterable[object]) -> Iterator[object]:
    for item in items:
        _spend(1)
        yield item


def _filled_in(value: object) -> object:
    spent = _spent.get()
    spent.characters += len(str(value))
    _allow(spent.characters)
    return value


def _spend(steps: int) -> None:
    spent = _spent.get()
    spent.steps += steps
    if spent.steps > MAX_STEPS:
        raise SecurityError(f"it takes more than {MAX_STEPS:,} steps")


def _measured(value: Any) -> Any:  # noqa: ANN401  (whatever a template has)
    if isinstance(value, Sized):
        _allow(len(value))
    elif isinstance(value, int):
        _allow(value.bit_length())
    return value


def _allow(size: int) -> None:
    if size > MAX_SIZE:
        raise SecurityError(f"it has a text of more than {MAX_SIZE:,} characters, or a number or list as long")
