"""Studies as people read them."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylegram.local.hyperparameter_table import written
from stylegram.logger.suggestions.schemas import Study, Trial, TrialState

_MOST_TRIALS = 10


def progress_words(study: Study) -> str:
    """How far a study is, in a line."""
    best = f", best score {study.best.score:.3f}" if study.best and study.best.score is not None else ""
    failed = f", {study.failed} failed" if study.failed else ""
    return f"{study.done + study.failed} of {study.budget} trials{failed}{best}, {len(study.front)} on the front"


def trial_words(trial: Trial) -> str:
    """How a trial ended, in a line."""
    pictures = f"trial {trial.number}: {trial.content.name} × {trial.style.name}"
    if trial.state == TrialState.FAILED:
        return f"{pictures} failed: {trial.failure}"
    return f"{pictures}, {_errors(trial)}"


def table_of(studies: Sequence[Study]) -> Table:
    """A line for each study."""
    table = _table("name", "sampler", "trials", "failed", "running", "best", "pairs", "made")
    for study in studies:
        best = f"{study.best.score:.3f}" if study.best else "–"
        table.add_row(
            Text(study.name, overflow="ellipsis"),
            study.sampler,
            f"{study.done + study.failed}/{study.budget}",
            str(study.failed),
            str(study.running),
            best,
            str(len(study.pairs)),
            f"{study.created_at.astimezone():%m-%d %H:%M}",
        )
    return table


def print_study(console: Console, study: Study, trials: Sequence[Trial]) -> None:
    """All that matters of a study: how far it is, its best trials, and what failed."""
    console.print(Text(study.name, style="bold"))
    facts = {
        "sampler": f"{study.sampler}, seed {study.seed}, {'warm' if study.warm_start else 'cold'} start",
        "trials": progress_words(study),
        "running": f"{study.running}" if study.running else "",
        "pairs": ", ".join(f"{pair.content.name} × {pair.style.name}" for pair in study.pairs),
        "searches": ", ".join(study.space.root),
        "size": f"{study.base.size} px",
        "made": f"{study.created_at.astimezone():%Y-%m-%d %H:%M}",
    }
    for label, words in facts.items():
        if words:
            line = Table.grid(padding=(0, 1, 0, 0))
            line.add_column(width=10)
            line.add_column(overflow="fold")
            line.add_row(Text(f"  {label}"), Text(words))
            console.print(line)
    done = sorted(
        (trial for trial in trials if trial.score is not None), key=lambda trial: (trial.score or 0, trial.number)
    )
    if done:
        table = _table("trial", "score", "content", "style", "", "job", "pictures")
        for trial in done[:_MOST_TRIALS]:
            content, style = trial.errors or (0.0, 0.0)
            table.add_row(
                str(trial.number),
                f"{trial.score:.3f}",
                f"{content:.3f}",
                f"{style:.3f}",
                "front" if trial.number in study.front else "",
                (trial.job_id or "")[:8],
                Text(f"{trial.content.name} × {trial.style.name}", overflow="ellipsis"),
            )
        console.print(table)
        best = done[0]
        changed = {name: best.params[name] for name in sorted(best.params)}
        console.print(
            Text("Best: " + " ".join(f"{name}={_written(value)}" for name, value in changed.items())), soft_wrap=False
        )
    failures = [trial for trial in trials if trial.state == TrialState.FAILED]
    for trial in failures[:_MOST_TRIALS]:
        console.print(Text(f"Trial {trial.number} failed: {trial.failure}"))


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    return table


def _errors(trial: Trial) -> str:
    content, style = trial.errors or (0.0, 0.0)
    return f"score {trial.score or 0:.3f} (content {content:.3f}, style {style:.3f})"


def _written(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else written(value)
