"""What is known of a run: what the record says of it, or else what its worker wrote down beside the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from stylegram.common import artifacts
from stylegram.common.errors import NotFound, StylegramError
from stylegram.common.ports import Storage
from stylegram.common.records import LossPoint, RunRecord
from stylegram.common.schemas import Page
from stylegram.common.views.runs import METRICS, RunView
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.record.compare import MOST as MOST_COMPARED
from stylegram.ingest.pages.runs import curve_in_record, run_in_record


@dataclass(frozen=True)
class Run:
    """A run.

    Args:
        view: what is known.
        curve: its losses, as far as they are known.
        in_record: whether the record has it, so that it can be given stars there.
        trouble: why nobody knows whether it has.
    """

    view: RunView
    curve: Sequence[LossPoint]
    in_record: bool = True
    trouble: str = ""


def stored_record(storage: Storage, job_id: str) -> RunRecord | None:
    """What the worker wrote down; None where it did not, or in words of another version.

    Raises:
        Unavailable: the storage did not answer.
    """
    try:
        return RunRecord.model_validate_json(storage.read(artifacts.record(job_id)))
    except (NotFound, ValidationError):
        return None


async def run_of(api: Api, job_id: str, stored: RunRecord | None) -> Run | None:
    """The run; None where nobody knows it.

    Args:
        api: where the record is asked.
        job_id: whose run.
        stored: what its worker wrote down; what the record does not answer is taken from there.

    Raises:
        StylegramError: the record does not answer, and there is nothing else.
    """
    try:
        view = await run_in_record(api, job_id)
        return Run(view, stored.curve if stored else await curve_in_record(api, job_id))
    except NotFound:
        return Run(_view_of(stored), stored.curve, in_record=False) if stored else None
    except StylegramError as error:
        if stored is None:
            raise
        return Run(_view_of(stored), stored.curve, in_record=False, trouble=error.message)


async def runs_of_the_same_pair(api: Api, view: RunView) -> list[RunView]:
    """The best others of the same photograph and painting, as many as can be compared with it at once."""
    if not (view.content_sha256 and view.style_sha256):
        return []
    try:
        found = await api.get_as(
            Page[RunView],
            "/v1/runs",
            content=view.content_sha256,
            style=view.style_sha256,
            outcome="succeeded",
            sort="score",
            limit=MOST_COMPARED,
        )
    except StylegramError:
        return []  # the page is whole without
    return [run for run in found.items if run.job_id != view.job_id][: MOST_COMPARED - 1]


def _view_of(record: RunRecord) -> RunView:
    metrics = record.metrics
    measured = {name: value for name in METRICS if (value := getattr(metrics, name)) is not None} if metrics else None
    derived = ("style_error", "relative_content_error", "relative_style_error", "score")
    return RunView.model_validate(
        record.model_dump(exclude={"content", "style", "metrics", "hyperparameters"})
        | {name: getattr(metrics, name, None) for name in derived}
        | {
            "metrics": measured,
            "hyperparameters": record.hyperparameters.model_dump(mode="json", exclude_none=True),
            "content_name": record.content.name,
            "content_sha256": record.content.sha256,
            "style_name": record.style.name,
            "style_sha256": record.style.sha256,
            "evaluations_done": record.evaluations,
            "seconds": record.seconds,
        }
    )
