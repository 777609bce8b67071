"""Runs as people read them: a line in a table, all that is known, side by side."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylegram.common.clock import utcnow
from stylegram.common.views.comparing import RunComparison
from stylegram.common.views.importance import Importance
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.words import span
from stylegram.local.hyperparameter_table import written

_SHORT_ID = 8
_SHORT_SHA256 = 12
_GAP = 2
_LABEL_WIDTH, _NAME_WIDTH, _VALUE_WIDTH = 13, 22, 12
_BEST = "*"


def table_of(runs: Sequence[RunView]) -> Table:
    """A line for each; the names of pictures get what room is left.

    Args:
        runs: one at least.
    """
    columns = {
        "run": [_short(run.job_id) for run in runs],
        "age": [_age(run.started_at) for run in runs],
        "score": [_number(run.score) for run in runs],
        "content": [_number(run.relative_content_error) for run in runs],
        "style": [_number(run.relative_style_error) for run in runs],
        "stars": [written(run.rating) for run in runs],
        "likes": [written(run.likes) for run in runs],
        "origin": [run.origin or "" for run in runs],
        "pictures": [_pictures(run) if run.outcome == "succeeded" else _failure(run) for run in runs],
    }
    table = _table()
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    for name, cells in shown.items():
        if name == "pictures":
            table.add_column(name)
        else:
            table.add_column(name, no_wrap=True, min_width=max(map(len, (name, *cells))))
    for row in zip(*shown.values(), strict=True):
        table.add_row(*(Text(cell, overflow="ellipsis", no_wrap=True) for cell in row))
    return table


def print_run(console: Console, run: RunView) -> None:
    """All that is known of a run."""
    # On a terminal long lines are broken; for a program that reads them, a fact is a line.
    width = console.width if console.is_terminal else sys.maxsize
    console.print(_pictures(run), style="bold", highlight=False, markup=False, soft_wrap=True)
    for name, value in _facts(run):
        if value:
            line = textwrap.fill(
                f"  {name:<{_LABEL_WIDTH}} {value}",
                width,
                subsequent_indent=" " * (_LABEL_WIDTH + 3),
                break_on_hyphens=False,
            )
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_comparison(console: Console, comparison: RunComparison) -> None:
    """Side by side, as many at once as there is room for; a star is at what is best."""
    runs = comparison.runs
    for run in runs:
        line = f"{_short(run.job_id)}  {_pictures(run)}"
        console.print(line, highlight=False, markup=False, no_wrap=True, overflow="ellipsis")
    together = max((console.width - _NAME_WIDTH) // (_VALUE_WIDTH + _GAP), 1)
    for start in range(0, len(runs), together):
        part = slice(start, start + together)
        table = _table()
        table.add_column("", no_wrap=True, width=_NAME_WIDTH)
        for run in runs[part]:
            table.add_column(_short(run.job_id), overflow="fold", width=_VALUE_WIDTH)
        for each in comparison.hyperparameters:
            table.add_row(each.name, *(Text(_value(value) or "–") for value in each.values[part]))
        table.add_section()
        for metric in comparison.metrics:
            cells = [
                f"{_number(value) or '–'}{_BEST * (run.job_id in metric.best)}"
                for run, value in zip(runs[part], metric.values[part], strict=True)
            ]
            table.add_row(_words(metric.name), *map(Text, cells))
        console.print()
        console.print(table)


def print_importance(console: Console, importance: Importance) -> None:
    """What matters most first, with the interval in which its share is."""
    of = f"{_words(importance.of)}, by {importance.runs} runs of {importance.pairs} pairs of pictures"
    if importance.too_few:
        console.print(importance.too_few, highlight=False, markup=False)
        return
    console.print(f"What matters to the {of}:", highlight=False, markup=False)
    table = _table()
    table.add_column("hyperparameter", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("90 % interval", no_wrap=True)
    for each in importance.hyperparameters:
        table.add_row(each.name, f"{each.mean:.0%}", f"{each.low:.0%} – {each.high:.0%}")
    console.print(table)


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))


def _facts(run: RunView) -> Iterator[tuple[str, str | None]]:
    yield "run", run.job_id
    yield "origin", run.origin
    yield "outcome", run.outcome if run.outcome == "succeeded" else _failure(run)
    yield "trial", run.trial
    yield "score", _number(run.score)
    yield "content error", _number(run.relative_content_error)
    yield "style error", _number(run.relative_style_error)
    yield "stars", written(run.rating)
    yield "post", ", ".join(filter(None, ((run.post_state or "").replace("_", " "), run.post_url)))
    for name in ("likes", "comments", "reach", "saves", "shares"):
        yield name, written(getattr(run, name))
    yield "content", _picture(run.content_name, run.content_sha256)
    yield "style", _picture(run.style_name, run.style_sha256)
    yield "settings", " ".join(f"{name}={written(value)}" for name, value in run.hyperparameters.items() if value != [])
    yield "metrics", " ".join(f"{name}={_number(value)}" for name, value in (run.metrics or {}).items())
    yield "size", f"{run.width} × {run.height}" if run.width and run.height else None
    yield "evaluations", written(run.evaluations_done)
    yield (
        "started",
        f"{run.started_at.astimezone():%Y-%m-%d %H:%M:%S} ({_age(run.started_at)} ago)" if (run.started_at) else None,
    )
    yield "took", None if run.seconds is None else span(run.seconds)
    yield "memory", None if run.peak_memory_mb is None else f"{run.peak_memory_mb:.0f} MB"
    yield "engine", ", ".join(filter(None, (run.engine_version, run.device)))


def _short(job_id: str) -> str:
    return job_id[:_SHORT_ID]


def _age(time: datetime | None) -> str:
    return span((utcnow() - time).total_seconds()) if time else ""


def _number(value: float | None) -> str:
    return "" if value is None else _value(value)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else written(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _failure(run: RunView) -> str:
    return " ".join(f"{run.outcome}: {run.reason or run.error_code or 'nobody knows why'}".split())


def _pictures(run: RunView) -> str:
    return f"{run.content_name or '?'} × {run.style_name or '?'}"


def _picture(name: str | None, sha256: str | None) -> str:
    return ", ".join(filter(None, (name, sha256 and f"SHA-256 {sha256[:_SHORT_SHA256]}…")))
