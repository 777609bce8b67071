"""From numbers to places: linear and logarithmic scales, their ticks, and numbers as people read them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Where numbers go.

    Args:
        low: the least number; above 0 if logarithmic.
        high: the largest; above `low`.
        start: the place of `low`.
        end: the place of `high`.
        log: whether equal ratios are equally far apart, rather than equal differences.

    >>> Scale(0.01, 1, 0, 100, log=True).place(0.1)
    50.0
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a number goes; one beyond an end goes to that end."""
        low, high, inside = (self._on(each) for each in (self.low, self.high, min(max(value, self.low), self.high)))
        return self.start + (inside - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round numbers between the ends, at most `most`, or two."""
        return _decades(self.low, self.high, most) if self.log else _round_numbers(self.low, self.high, most)

    def _on(self, value: float) -> float:
        return math.log(value) if self.log else value


def scale_of(values: Iterable[float | None], start: float, end: float, *, least: float | None = None) -> Scale:
    """A linear scale that has room for the numbers, and ends at round ones.

    Args:
        values: those to be shown; what is None or not finite is passed over.
        start: the place of the lower end.
        end: the place of the upper end.
        least: a number that there is room for in any case.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    finite += [least] if least is not None else []
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    step = _step(low, high, 6)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end)


def number(value: float | None) -> str:
    """A number in three digits, or a dash for what is not known.

    >>> number(0.123456), number(20.599), number(1234567), number(2), number(0.00001234), number(None)
    ('0.123', '20.6', '1,230,000', '2', '1.23e-05', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.3g}"
    rounded = float(f"{value:.3g}")
    # Of so many decimals none is made up: more would show what a binary fraction is short of.
    return f"{rounded:,.8f}".rstrip("0").rstrip(".") if rounded % 1 else f"{rounded:,.0f}"


def _step(low: float, high: float, most: int) -> float:
    """The least round number of which at most `most` fit in between."""
    raw = (high - low) / most
    # Numbers so near to each other that their difference has no digits left.
    magnitude = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(step * magnitude for step in _STEPS if step * magnitude >= raw * (1 - 1e-9))


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    step = _step(low, high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, with 2 and 5 times each where there is room, or only some of them where there is none."""
    first, last = math.floor(math.log10(low) + 1e-9), math.floor(math.log10(high) + 1e-9)
    for factors, every in ((1, 2, 5), 1), *(((1,), every) for every in range(1, last - first + 2)):
        # Counted from 1, so that it is among them.
        powers = (power for power in range(first, last + 1) if power % every == 0)
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(inside) <= most:
            break
    return inside if len(inside) > 1 else [low, high]
