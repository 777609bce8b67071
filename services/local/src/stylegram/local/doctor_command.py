"""`stylegram doctor`: look at everything that Stylegram needs, one by one, and say how to mend what is wrong."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from stylegram.local.options import AsJson, stderr, stdout
from stylegram.local.picture_sources import MaybePhotos, MaybeStyles, check_state_is_given

_SIGNS = {"good": ("✓", "green"), "doubtful": ("!", "yellow"), "bad": ("✗", "red")}


def doctor(
    photos: MaybePhotos = None,
    styles: MaybeStyles = None,
    state: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Look at a laptop's state folder; by default, at what the environment's settings name.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check sources, storage, broker, database, where posts go, weights and GPU; say how to mend each.

    Exit code 1 if something is wrong. Everything is opened as the services do it, who make folders and databases that
    are not there yet; what is put into the storage to try it is taken out again.
    """
    from stylegram.local.examination import examinations

    check_state_is_given(state, photos, styles)
    bad = 0
    for examination in examinations(state and state.absolute(), photos, styles):
        with stderr.status(f"{examination.name} …"):
            finding = examination.carry_out()
        bad += finding.verdict == "bad"
        if json:
            typer.echo(finding.model_dump_json())
            continue
        sign, colour = _SIGNS[finding.verdict]
        line = Text.assemble((f"{sign} {finding.name:<12} ", colour), finding.detail)
        stdout.print(line, soft_wrap=True, highlight=False)
        if finding.advice:
            stdout.print(Text(f"  {'':<12} → {finding.advice}"), soft_wrap=True, highlight=False)
    raise typer.Exit(1 if bad else 0)
