"""Some runs side by side."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stylegram.common.charts.scales import number
from stylegram.common.errors import InvalidInput
from stylegram.common.records import Metrics
from stylegram.common.views.comparing import ComparedHyperparameter, RunComparison
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.api import ApiDep
from stylegram.ingest.pages.record.charts import NARROW, WIDE, curves_chart
from stylegram.ingest.pages.runs import curve_in_record, has_picture, page_of
from stylegram.ingest.pages.settings import Setting, settings_of
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)

FEWEST, MOST = 2, 4
_LETTERS = "ABCD"
# What a measure tells.
_ABOUT = {name: field.description or "" for model in (RunView, Metrics) for name, field in model.model_fields.items()}


@router.get("/record/compare")
async def compare(request: Request, api: ApiDep, ids: Annotated[list[str] | None, Query()] = None) -> Response:
    """The page.

    Raises:
        InvalidInput: they are too few or too many.
        NotFound: the record has not all of them.
    """
    job_ids = list(dict.fromkeys(part for given in ids or [] for each in given.split(",") if (part := each.strip())))
    if not FEWEST <= len(job_ids) <= MOST:
        raise InvalidInput(
            f"{len(job_ids)} runs cannot be looked at side by side.", advice=f"Choose {FEWEST} to {MOST} on the record."
        )
    answer, *curves = await asyncio.gather(
        api.get("/v1/runs/compare", ids=",".join(job_ids)), *(curve_in_record(api, job_id) for job_id in job_ids)
    )
    found = RunComparison.model_validate(answer)
    named = list(zip(_LETTERS, curves, strict=False))
    return render(
        request,
        "record/compare.html",
        found=found,
        rows=[[_setting(row, value) for value in row.values] for row in found.hyperparameters],
        curves={name: curves_chart(named, width) for name, width in (("wide", WIDE), ("narrow", NARROW))},
        letters=_LETTERS,
        about=_ABOUT,
        number=number,
        page_of=page_of,
        has_picture=has_picture,
    )


def _setting(row: ComparedHyperparameter, value: Any) -> Setting:  # noqa: ANN401  (of any hyperparameter)
    chosen, usual = settings_of({row.name: value})
    setting = (chosen or usual)[0]
    return replace(setting, value=number(value)) if isinstance(value, float) else setting
