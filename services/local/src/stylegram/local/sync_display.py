"""What a sync did, as people see it."""

from collections.abc import Iterator, Sequence

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stylegram.common.records import Role
from stylegram.ingest.sync import SyncedFile, SyncReport
from stylegram.ingest.sync.words import NAMES, printable, summary
from stylegram.local.stages import Stage, Stages

# In the order in which they matter to who reads them.
_WORDS = {
    "unreadable": "unreadable",
    "quarantined": "refused",
    "removed": "gone",
    "changed": "changed",
    "added": "new",
    "duplicates": "copy",
}
_MOST_ROWS = 40


class SyncStages:
    """A stage for each role, as it comes to it.

    Args:
        stages: shows them.
        verb: what is done to the pictures.
    """

    def __init__(self, stages: Stages, verb: str = "Sync") -> None:
        self._stages = stages
        self._verb = verb
        self._current: dict[Role, Stage] = {}

    def show(self, done: int, total: int, report: SyncReport) -> None:
        """How far the sync is; see `sync.report.OnFile`."""
        detail = f"{done} of {total}" if done else f"{total} listed" if report.listed else ""
        self._of(report.role).update(done / max(total, 1), detail)

    def end(self, report: SyncReport) -> None:
        """That role is done."""
        self._of(report.role).done(summary(report))

    def _of(self, role: Role) -> Stage:
        if role not in self._current:
            self._current[role] = self._stages.begin(f"{self._verb} {NAMES[role]}")
        return self._current[role]


def print_reports(console: Console, reports: Sequence[SyncReport], *, json: bool) -> None:
    """Print what a sync did: to people, a table of all that was not as before; to programs, everything."""
    if json:
        adapter = TypeAdapter(SyncReport)
        for report in reports:
            typer.echo(adapter.dump_json(report))
        return
    rows = list(_rows(reports))
    if not rows:
        return
    table = Table("what", "pictures", "file", "why", box=None)
    for role, file in rows[:_MOST_ROWS]:
        cells = _WORDS[file.outcome], NAMES[role], printable(file.name), printable(file.reason or "")
        table.add_row(*map(escape, cells))
    console.print(table)
    # Not all of them are in the reports where there are thousands.
    total = sum(getattr(report, outcome) for report in reports for outcome in _WORDS)
    if total > _MOST_ROWS:
        typer.echo(f"… and {total - _MOST_ROWS} more; --json has the first thousand of each.", err=True)


def _rows(reports: Sequence[SyncReport]) -> Iterator[tuple[Role, SyncedFile]]:
    for outcome in _WORDS:
        for report in reports:
            files = [file for file in report.files if file.outcome == outcome]
            yield from ((report.role, file) for file in sorted(files, key=lambda file: file.name))
