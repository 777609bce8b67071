"""The pages' templates: everything that goes into them is escaped."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from stylegram.common.clock import utcnow
from stylegram.common.http.problems import Problem


def render(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: object
) -> HTMLResponse:
    """A page.

    Args:
        template: file name in `templates/`.
        status: the response's.
        headers: likewise.
        context: what the template calls by name.
    """
    return HTMLResponse(_environment().get_template(template).render(context), status, headers)


def problem_page(problem: Problem, headers: Mapping[str, str]) -> HTMLResponse:
    """A problem for people; see `ProblemPage`."""
    return render("problem.html", status=problem.status, headers=headers, problem=problem)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("stylegram.ingest.http"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(title_of=title_of, ago=ago, span=span)
    environment.globals["version"] = version("stylegram-ingest")
    return environment


def title_of(file_name: str) -> str:
    """The file's name as a person would write it.

    >>> title_of("orchard_at_evening.jpg")
    'Orchard at evening'
    """
    words = " ".join(PurePath(file_name).stem.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:] or file_name


def ago(when: datetime) -> str:
    """How long ago that was, roughly, as in `5 min ago`."""
    seconds = (utcnow() - when).total_seconds()
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """A time span in its largest unit.

    >>> span(20.4), span(300), span(200_000)
    ('20 s', '5 min', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
