"""Runs of the record, as several pages ask for them and lead to them."""

from collections.abc import Sequence
from urllib.parse import quote

from stylegram.common.records import LossPoint
from stylegram.common.schemas import Listing
from stylegram.common.views.preferences import RankedPicture
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.api import Api

# More points than a chart has pixels are seen by nobody.
_MOST_POINTS = 400


def page_of(run: RunView | RankedPicture) -> str:
    """The path of the page about the run."""
    return f"/pictures/{_written(run.job_id)}"


def has_picture(run: RunView) -> bool:
    """Whether there is one here: of an imported run there is not."""
    return run.outcome == "succeeded" and run.origin is None


async def run_in_record(api: Api, job_id: str) -> RunView:
    """The run as the record has it.

    Raises:
        NotFound: it has none of that id.
        StylegramError: it does not answer.
    """
    return await api.get_as(RunView, f"/v1/runs/{_written(job_id)}")


async def curve_in_record(api: Api, job_id: str) -> Sequence[LossPoint]:
    """Its losses; none where none are known.

    Raises:
        StylegramError: likewise.
    """
    return (await api.get_as(Listing[LossPoint], f"/v1/runs/{_written(job_id)}/curve")).items


def thinned(curve: Sequence[LossPoint]) -> Sequence[LossPoint]:
    """As many of the losses as a chart can show, the last among them."""
    points = curve[:: -(-len(curve) // _MOST_POINTS) or 1]
    return points if points[-1:] == curve[-1:] else [*points, curve[-1]]


def _written(job_id: str) -> str:
    """The id as a part of an address; whatever it may be, it leads nowhere else."""
    return quote(job_id, safe="")
