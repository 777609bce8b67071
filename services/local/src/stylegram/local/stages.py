"""What a person sees of long work: a bar per stage on a terminal, a line per stage in a log."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_DONE, _FAILED, _CANCELLED = "✓", "✗", "–"
_STYLES = {_DONE: "green", _FAILED: "red", _CANCELLED: "yellow"}


class _SignColumn(SpinnerColumn):
    """Turns while a stage goes on, then says how it ended."""

    def render(self, task: Task) -> RenderableType:
        sign = task.fields["sign"]
        return Text(sign, _STYLES[sign]) if sign else super().render(task)


class Stages:
    """The stages of one piece of work.

    >>> with Stages(Console()) as stages:  # doctest: +SKIP
    ...     stage = stages.begin("Paint")
    ...     stage.update(0.5, "loss 0.1")
    ...     stage.done("1080×810")

    Args:
        console: where to show them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            _SignColumn(),
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, name: str) -> "Stage":
        """A stage that begins now."""
        return Stage(name, self._progress, self._progress.add_task(name, total=None, detail="", sign=""), self._console)


class Stage:
    """One stage, as `Stages.begin` gives it."""

    def __init__(self, name: str, progress: Progress, task: TaskID, console: Console) -> None:
        self._name = name
        self._progress = progress
        self._task = task
        self._console = console
        self._quarters = 0

    def update(self, fraction: float, detail: str = "") -> None:
        """How much is done, from 0 to 1, and a word on it."""
        self._progress.update(self._task, total=1.0, completed=fraction, detail=escape(detail))
        # In a log, a line for every quarter, so that long work is seen to go on.
        if (quarters := int(fraction * 4)) > self._quarters and quarters < 4:
            self._quarters = quarters
            self._say("…", f"{fraction:.0%} {detail}")

    def note(self, detail: str) -> None:
        """A word that is to be read whole: a line of its own, above the bars on a terminal."""
        self._print("…", detail)

    def done(self, detail: str = "") -> None:
        """The stage is over, and well."""
        self._progress.update(self._task, completed=1.0)
        self._end(_DONE, detail)

    def failed(self, detail: str) -> None:
        """The stage is over, and nothing came of it; its bar stays where it was."""
        self._end(_FAILED, detail)

    def cancelled(self, detail: str) -> None:
        """The stage is over because somebody wanted it so; its bar stays where it was."""
        self._end(_CANCELLED, detail)

    def _end(self, sign: str, detail: str) -> None:
        self._progress.update(self._task, total=1.0, detail=escape(detail), sign=sign)
        self._progress.stop_task(self._task)
        self._say(sign, detail)

    def _say(self, sign: str, detail: str) -> None:
        if not self._console.is_terminal:
            self._print(sign, detail)

    def _print(self, sign: str, detail: str) -> None:
        self._console.print(f"{sign} {self._name:<20} {detail}", soft_wrap=True, highlight=False, markup=False)


def fraction_of_work(scales: Sequence[tuple[int, int]], done: int) -> float:
    """How much of an optimisation is done, by time, which grows with the pixels.

    >>> fraction_of_work(((256, 4), (512, 1)), 4)
    0.5

    Args:
        scales: longer side and evaluations of each, as `Hyperparameters.scales`.
        done: evaluations so far.
    """
    total = sum(side**2 * count for side, count in scales)
    spent = 0
    for side, count in scales:
        spent += side**2 * min(count, max(done, 0))
        done -= count
    return spent / total if total else 1.0
