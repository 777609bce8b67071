"""Some runs side by side."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stylegram.common.charts.scales import number
from stylegram.common.errors import InvalidInput
from stylegram.common.records import Metrics
from stylegram.common.views.comparing import ComparedHyperparameter, ComparedMetric, RunComparison
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.api import ApiDep
from stylegram.ingest.pages.record.charts import NARROW, WIDE, curves_chart
from stylegram.ingest.pages.runs import curve_in_record, has_picture, page_of
from stylegram.ingest.pages.settings import Setting, label_of, settings_of
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)

FEWEST, MOST = 2, 4
_LETTERS = "ABCD"
# What a name alone does not say; other measures are called by theirs.
_TITLES = {
    "relative_content_error": "Content error",
    "relative_style_error": "Style error",
    "content_error": "Content error, before it is set off",
    "style_error": "Style error, before it is set off",
    "style_error_512": "Style error of fine strokes",
    "style_error_256": "Style error of middle forms",
    "style_error_128": "Style error of large forms",
    "held_out_style_error": "Style error at other layers",
    "color_distance": "Distance of colours",
    "high_frequency_ratio": "Finest details",
    "rating": "Stars",
}
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
    found, curves = await asyncio.gather(
        api.get_as(RunComparison, "/v1/runs/compare", ids=",".join(job_ids)),
        asyncio.gather(*(curve_in_record(api, job_id) for job_id in job_ids)),
    )
    named = list(zip(_LETTERS, curves, strict=False))
    return render(
        request,
        "record/compare.html",
        found=found,
        rows=[[_setting(row, value) for value in row.values] for row in found.hyperparameters],
        curves={name: curves_chart(named, width) for name, width in (("wide", WIDE), ("narrow", NARROW))},
        letters=_LETTERS,
        measures=[metric for metric in found.metrics if not _is_same(metric)],
        same=[metric for metric in found.metrics if _is_same(metric)],
        title_of_measure=lambda name: _TITLES.get(name) or label_of(name),
        label_of=label_of,
        about=_ABOUT,
        number=number,
        page_of=page_of,
        has_picture=has_picture,
    )


def _is_same(metric: ComparedMetric) -> bool:
    return len({number(value) for value in metric.values}) == 1


def _setting(row: ComparedHyperparameter, value: Any) -> Setting:  # noqa: ANN401  (of any hyperparameter)
    chosen, usual = settings_of({row.name: value})
    setting = (chosen or usual)[0]
    return replace(setting, value=number(value)) if isinstance(value, float) else setting
