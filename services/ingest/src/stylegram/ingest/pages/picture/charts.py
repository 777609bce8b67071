"""The chart of how a run's losses fell."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stylegram.common.charts import Frame
from stylegram.common.charts.lines import Series, lines
from stylegram.common.charts.scales import number
from stylegram.common.records import LossPoint
from stylegram.ingest.pages.runs import thinned


def loss_curve(curve: Sequence[LossPoint], hyperparameters: Mapping[str, Any]) -> Markup | None:
    """The chart; None where there are no two points.

    Args:
        curve: the losses.
        hyperparameters: by name; the weights among them say how much of the whole each part is, and parts whose weight
            is not known are left out.
    """
    if len(curve) < 2:
        return None
    points = thinned(curve)
    weights = {part: hyperparameters.get(f"{part}_weight") for part in ("style", "content")}
    first, last = curve[0].total, curve[-1].total
    return lines(
        Frame("loss", "Loss by evaluation", _description(len(curve), first, last), 420, 250),
        [
            Series("all", [(point.evaluation, point.total) for point in points]),
            *(
                Series(part, [(point.evaluation, weight * getattr(point, part)) for point in points])
                for part, weight in weights.items()
                if weight is not None
            ),
        ],
        x_label="evaluation",
        y_label="loss",
        least=0,
    )


def _description(evaluations: int, first: float, last: float) -> str:
    return f"Over {evaluations} evaluations the loss went from {number(first)} to {number(last)}."
