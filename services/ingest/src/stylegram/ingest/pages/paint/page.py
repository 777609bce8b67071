"""The first page: a photograph, a painting, a preview of the two, and the form that has it painted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.http.problems import InvalidValue, NamesValues, is_for_people
from stylegram.common.records import Role
from stylegram.common.schemas import Sha256
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.http.submission import FORM
from stylegram.ingest.pages.api import ApiDep
from stylegram.ingest.pages.choices import assets_from
from stylegram.ingest.pages.paint.drafts import AS_USUAL, Draft, again, said
from stylegram.ingest.pages.paint.form import submission_in
from stylegram.ingest.pages.paint.hyperparameter_form import KNOBS, grouped_controls
from stylegram.ingest.pages.templating import render
from stylegram.ingest.schemas import Asset, JobFilter
from stylegram.ingest.tables import JobState

router = APIRouter(include_in_schema=False)

# What somebody looks through; more of them are a press away.
_CHOICES = 60
_RUNNING, _WAITING = 3, 6
# Without script the share of every painting comes along.
_MOST_FIELDS, _MOST_FILES, _LONGEST_FIELD = 5000, 40, 10_000
_sha256: TypeAdapter[str] = TypeAdapter(Sha256)

_Cursor = Annotated[str | None, Query(max_length=500)]


@dataclass(frozen=True)
class Strip:
    """Pictures to choose from.

    Args:
        role: what they are for.
        items: newest first, after those that are chosen already.
        next: cursor of more; None where there are no more.
    """

    role: Role
    items: Sequence[Asset]
    next: str | None


@router.get("/")
async def show(
    request: Request,
    ingest: IngestDep,
    api: ApiDep,
    content: str = "",
    style: str = "",
    again_: Annotated[str, Query(alias="again")] = "",
    photographs: _Cursor = None,
    paintings: _Cursor = None,
) -> Response:
    """The page."""
    draft = await again(again_, ingest, api) if again_ else Draft(content=content or None, style=style or None)
    return await run_in_threadpool(_page, request, ingest, draft, photographs=photographs, paintings=paintings)


@router.post("/paint")
async def paint(request: Request, ingest: IngestDep) -> Response:
    """Queue what the form says, and go where the picture will be; where it is refused, show the form again.

    Programs, the page's own script among them, get problems instead.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"The form is sent as {FORM}.", headers={"Accept": FORM})
    limits = {"max_files": _MOST_FILES, "max_fields": _MOST_FIELDS, "max_part_size": _LONGEST_FIELD}
    async with whole_form(request, **limits) as form:
        try:
            submission, key = await run_in_threadpool(submission_in, form)
            job = await submission.submit(ingest, idempotency_key=key)
        except (RequestValidationError, InvalidInput) as error:
            if not is_for_people(request):
                raise
            return await run_in_threadpool(_page, request, ingest, said(form), refusals=_refusals(error))
    return RedirectResponse(f"/pictures/{job.id}", 303)


def _page(
    request: Request,
    ingest: Ingest,
    draft: Draft,
    *,
    photographs: str | None = None,
    paintings: str | None = None,
    refusals: Sequence[InvalidValue] = (),
) -> Response:
    further = _known(ingest, Role.STYLE, draft.further)
    content = _known(ingest, Role.CONTENT, [draft.content])
    style = _known(ingest, Role.STYLE, [draft.style])
    contents = _strip(ingest, Role.CONTENT, content, photographs)
    styles = _strip(ingest, Role.STYLE, [*style, *further], paintings)
    groups = grouped_controls()
    running, waiting = (
        ingest.jobs(JobFilter(states=(state,)), limit=limit)
        for state, limit in ((JobState.RUNNING, _RUNNING), (JobState.QUEUED, _WAITING))
    )
    return render(
        request,
        "paint/page.html",
        status=422 if refusals else 200,
        draft=draft,
        photographs=contents,
        paintings=styles,
        content=next(iter(contents.items), None),
        style=next(iter(styles.items), None),
        gone=draft.repeats is not None and not (content and style and len(further) == len(draft.further)),
        knobs=KNOBS,
        groups=groups,
        usual=AS_USUAL,
        known_to_knobs={knob.name: tuple(knob.options.values()) for knob in KNOBS},
        controls={control.name: control for controls in groups.values() for control in controls},
        refusals=refusals,
        running=running,
        waiting=waiting,
        key=str(uuid4()),
        most_bytes=int(request.app.state.max_upload_megabytes * 1e6),
    )


def _strip(ingest: Ingest, role: Role, chosen: Sequence[Asset], cursor: str | None) -> Strip:
    page = assets_from(ingest, role, _CHOICES, cursor)
    ahead = {asset.sha256: asset for asset in chosen}
    return Strip(role, [*ahead.values(), *(asset for asset in page.items if asset.sha256 not in ahead)], page.next)


def _known(ingest: Ingest, role: Role, digests: Iterable[str | None]) -> list[Asset]:
    """The assets with these digests; what is none is left out."""
    found = []
    for digest in digests:
        try:
            found.append(ingest.asset(role, _sha256.validate_python(digest)))
        except (NotFound, ValidationError):
            continue
    return found


def _refusals(error: RequestValidationError | InvalidInput) -> list[InvalidValue]:
    """What is refused, and where in the form that stands; an empty place is the form itself."""
    match error:
        case RequestValidationError():
            return [
                InvalidValue(where="/".join(map(str, issue["loc"])), detail=issue["msg"].removeprefix("Value error, "))
                for issue in error.errors()
            ]
        case NamesValues():
            return list(error.values)
    return [InvalidValue(where="", detail=str(error))]
