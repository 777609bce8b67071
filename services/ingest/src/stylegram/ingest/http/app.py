"""The app: every feature's endpoints around one ingest.

>>> app = create_app(bootstrap(IngestSettings()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8000), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Collection
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from stylegram.common.health import Check
from stylegram.common.http.app import Part, assemble
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import RunRecord
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http import assets, jobs, preview, queues
from stylegram.ingest.http.pictures import Pictures
from stylegram.ingest.http.submission import JobSubmission
from stylegram.ingest.http.submission_schema import form_schema
from stylegram.ingest.http.watch import JobWatch
from stylegram.ingest.pages import ROUTERS as PAGES
from stylegram.ingest.pages.login import DOOR
from stylegram.ingest.pages.templating import problem_page

_TAGS = [
    {"name": "jobs", "description": "Pictures to be painted, and what came of them."},
    {"name": "assets", "description": "Photographs and paintings."},
    {"name": "queues", "description": "What runs the jobs: for whoever keeps Stylegram running."},
]


def create_app(
    ingest: Ingest,
    *further: Part,
    daily: Hyperparameters | None = None,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 64.0,
    prefix: str = "",
    alive: Check = lambda: None,
    shows_metrics: bool = True,
) -> FastAPI:
    """The HTTP face of `ingest`; see `assemble`.

    Args:
        ingest: the service; whoever opened it closes it.
        further: what answers at the same address, as another service does on a laptop.
        daily: how the daily picture is painted; the model's defaults where None.
        tokens: see `assemble`.
        max_upload_megabytes: likewise.
        prefix: likewise.
        alive: likewise.
        shows_metrics: likewise.
    """
    watch = JobWatch(ingest.changed_jobs)
    own = Part(
        routers=[feature.router for feature in (jobs, preview, assets, queues)],
        further_routers=PAGES,
        state={
            "ingest": ingest,
            "daily": daily or Hyperparameters(),
            "pictures": Pictures(ingest.storage),
            "watch": watch,
        },
        tags=_TAGS,
        models=[(RunRecord, "serialization"), (JobSubmission, "validation"), (preview.PreviewWish, "validation")],
        additions=[_add_form, preview.add_form],
        close=watch.close,
    )
    app = assemble(
        own,
        *further,
        title="Stylegram",
        version=version("stylegram-ingest"),
        description="Photographs painted in the style of paintings.",
        tokens=tokens,
        max_upload_megabytes=max_upload_megabytes,
        alive=alive,
        ready=ingest.check,
        measure=ingest.measure,
        shows_metrics=shows_metrics,
        problem_page=problem_page,
        door=DOOR,
        prefix=prefix,
    )
    app.mount(
        "/static", StaticFiles(packages=[("stylegram.ingest.pages", "static"), ("stylegram.common.charts", "static")])
    )
    return app


def _add_form(schemas: dict[str, Any]) -> None:
    schemas["JobForm"] = form_schema(schemas["JobSubmission"])
