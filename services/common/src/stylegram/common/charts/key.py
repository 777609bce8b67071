"""What the shades mean: a small legend, from the best to the worst."""

from markupsafe import Markup

from stylegram.common.charts.svg import RAMP, Frame, chart, tag

_CELL, _HEIGHT, _WORD = 22.0, 16.0, 38.0


def key_of_shades(chart_id: str, best: str = "best", worst: str = "worst") -> Markup:
    """The legend of charts whose points or lines have a rank.

    Args:
        chart_id: see `Frame.id`.
        best: the word, or number, at the strong end; five letters have room.
        worst: at the other.
    """
    width = RAMP * _CELL + 2 * _WORD
    frame = Frame(chart_id, "Shades", f"The strongest is the {best}, the palest the {worst}.", width, _HEIGHT)
    return chart(
        frame,
        tag("text", best, x=_WORD - 6, y=12.0, class_="tick end"),
        *(
            tag("rect", x=_WORD + at * _CELL, y=3.0, width=_CELL, height=10.0, class_=f"key ramp-{at}")
            for at in range(RAMP)
        ),
        tag("text", worst, x=width - _WORD + 6, y=12.0, class_="tick"),
    )
