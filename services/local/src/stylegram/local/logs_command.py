"""`stylegram logs`: the record as files, given away and taken in."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from stylegram.common.errors import ConfigurationError, InvalidInput, StylegramError
from stylegram.local.options import AsJson, StateFolder, Url, stderr
from stylegram.local.stages import Stages

if TYPE_CHECKING:
    from stylegram.local.logs_api import Logs
    from stylegram.logger.exchange.importing import Owner
    from stylegram.logger.exchange.report import ImportReport

logs_app = typer.Typer(
    no_args_is_help=True, help="The record as files: export it, import others' and the first system's."
)

_PARQUET_ENDINGS = (".parquet", ".pq")
_STANDARD = "-"


def _known_format(word: str | None) -> str | None:
    from stylegram.logger.exchange.export import LogFormat

    if word is not None and word not in list(LogFormat):
        raise typer.BadParameter(f"'{word}' is no format: those are {', '.join(LogFormat)}.")
    return word


@logs_app.command()
def export(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A .csv or .parquet file; - is standard output.")],
    log_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", callback=_known_format, help="csv or parquet, whatever the file's ending."
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Only our own runs, and without names of pictures, reasons, studies, accounts and addresses of posts.",
        ),
    ] = False,
    origin: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="A name for our own runs, by which others tell whose they are: my-studio."),
    ] = None,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Write every run into FILE, oldest first: the columns of logs.csv."""
    from stylegram.common.files import write_atomically
    from stylegram.local.logs_api import open_logs
    from stylegram.logger.exchange.export import LogFormat

    chosen = LogFormat(log_format or ("parquet" if file.lower().endswith(_PARQUET_ENDINGS) else "csv"))
    if file == _STANDARD and chosen is LogFormat.PARQUET and sys.stdout.isatty():
        raise ConfigurationError("Parquet is nothing to look at.", advice="Name a file, or redirect the output.")
    with open_logs(url, state) as logs:
        pieces = logs.export(chosen, share=share, origin=origin)
        if file == _STANDARD:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        try:
            write_atomically(Path(file), pieces)
        except OSError as error:
            raise StylegramError(f"'{file}' cannot be written: {error.strerror}.") from error
    typer.echo(file)


@logs_app.command("import")
def import_files(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="The files, of any format; - is standard input.")],
    origin: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Whose the runs are that do not say it; those of NST_instagram are NST_instagram's by default.",
        ),
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Such runs are our own, as where a record is moved or restored.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look what would become of them.")] = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Add the runs of files: a logs.csv of NST_instagram, or what `stylegram logs export` writes.

    A row that cannot be right is refused and named, and the others are added; a run that is known stays as it is, so
    that the same files again change nothing. The exit code is 1 if a row or a file was refused.
    """
    from stylegram.local.logs_api import open_logs
    from stylegram.logger.exchange.importing import Owner

    owner = Owner(origin, own)
    refused = False
    with open_logs(url, state) as logs:
        for name in files:
            try:
                report = _take_in(logs, name, owner, dry_run=dry_run)
            except InvalidInput as error:
                _complain(f"{name}: {error}")
                refused = True
                continue
            refused = refused or report.refused > 0
            if json:
                typer.echo(report.model_dump_json())
            else:
                _tell(name, report)
    raise typer.Exit(1 if refused else 0)


_RecordFolder = Annotated[
    Path, typer.Option("--state", exists=True, file_okay=False, help="The laptop's state folder that has the record.")
]


@logs_app.command()
def forget(
    state: _RecordFolder,
    curves_days: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Drop curves of losses of runs that are older.")
    ] = None,
    failed_days: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Drop our own runs that failed and are older.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Drop what is old, for good: curves of losses, and runs that failed.

    Kept is whatever is rated, posted, compared, of a study that is not at its end, or on the front of all runs.
    """
    from stylegram.local.logs_api import open_record_database
    from stylegram.logger.retention import forget

    with open_record_database(state) as engine:
        forgotten = forget(engine, curves_days=curves_days, failed_days=failed_days, dry_run=dry_run)
    typer.echo(forgotten.words(dry_run=dry_run))


@logs_app.command()
def vacuum(state: _RecordFolder) -> None:
    """Give the room of what was dropped back to the disk; whoever works on the folder waits meanwhile."""
    from stylegram.local.logs_api import open_record_database
    from stylegram.logger.retention import vacuum

    with open_record_database(state) as engine:
        typer.echo(vacuum(engine).words())


def _take_in(logs: "Logs", name: str, owner: "Owner", *, dry_run: bool) -> "ImportReport":
    with _opened(name) as file, Stages(stderr) as stages:
        stage = stages.begin("Look at it" if dry_run else "Import")
        report = logs.take_in(file, owner, dry_run=dry_run, on_progress=lambda done, of: stage.update(done / of, name))
        stage.done(name)
    return report


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file, or all of standard input, for what reads it more than once.

    Raises:
        InvalidInput: it cannot be read.
    """
    with ExitStack() as stack:
        try:
            if name == _STANDARD:
                file: BinaryIO = stack.enter_context(TemporaryFile())
                copyfileobj(sys.stdin.buffer, file)
            else:
                file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise InvalidInput(f"It cannot be read: {error.strerror}.") from error
        yield file


def _tell(name: str, report: "ImportReport") -> None:
    for problem in report.problems:
        _complain(f"{name}, {'row' if report.format == 'parquet' else 'line'} {problem.line}: {problem.reason}")
    if more := report.different + report.refused - len(report.problems):
        _complain(f"{name}: and {more} more")
    if report.ignored_columns:
        _complain(f"{name}: not known and left out: {', '.join(report.ignored_columns)}")
    would = "would be " if report.dry_run else ""
    counts = (
        f"{report.added} {would}added, {report.known} known, {report.different} different, {report.refused} refused"
    )
    typer.echo(f"{name}: {counts}")


def _complain(words: str) -> None:
    stderr.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
