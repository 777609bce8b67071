"""The pages' templates: everything that goes into them is escaped."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from stylegram.common.charts.svg import readable
from stylegram.common.http.problems import Problem
from stylegram.ingest.pages.words import ago, span, title_of


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """A page.

    In templates `url("/gallery")` is where something lies, below the prefix if there is one; every address is written
    with it. `path` is that of the page itself, without prefix.

    Args:
        request: for which it is written.
        template: file name in `templates/`.
        status: the response's.
        headers: likewise.
        context: what the template calls by name.
    """
    state = request.app.state
    prefix: str = state.prefix

    def url(path: str) -> str:
        return prefix + path

    html = (
        _environment()
        .get_template(template)
        .render(
            url=url,
            path=request.url.path,
            may_log_out=state.sessions.known_by_cookie(request),
            shows_metrics=state.shows_metrics,
            **context,
        )
    )
    return HTMLResponse(html, status, headers)


def problem_page(request: Request, problem: Problem, headers: Mapping[str, str]) -> HTMLResponse:
    """A problem for people; see `ProblemPage`."""
    return render(request, "problem.html", status=problem.status, headers=headers, problem=problem)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("stylegram.ingest.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Names and reasons are anybody's: what no page may have is taken out of all that is shown.
        finalize=lambda value: readable(value) if type(value) is str else value,
    )
    environment.filters.update(title_of=title_of, ago=ago, span=span)
    environment.globals["version"] = version("stylegram-ingest")
    return environment
