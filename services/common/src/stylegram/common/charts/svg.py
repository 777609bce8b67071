"""Elements of SVG, escaped, and the frame around each chart."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

RAMP = 7
"""Shades from the best to the worst, as the classes `ramp-0` … have them."""


@dataclass(frozen=True)
class Frame:
    """What a chart is, and how large.

    Args:
        id: of the chart's own on its page, of letters, digits and dashes.
        title: its name, read aloud and shown by browsers.
        description: what it shows, in a sentence or two, for who cannot see it.
        width: of its coordinates; the page makes it larger or smaller as a whole.
        height: likewise.
    """

    id: str
    title: str
    description: str
    width: float
    height: float


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element; a child that is no `Markup` is a text, and an attribute that is None is left out.

    Args:
        name: of the element.
        children: inside of it, in their order.
        attributes: `class_` stands for class, and other underscores for dashes.

    >>> tag("text", "a < b", x=1.50, class_="tick")
    Markup('<text x="1.5" class="tick">a &lt; b</text>')
    """
    # A chart has thousands of these: `Markup.format` would take most of a page's time.
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else escape(readable(child)) for child in children)
    return Markup(f"<{name}{shown}>{inside}</{name}>")  # noqa: S704  (escaped, all that is not ours)


def chart(frame: Frame, *children: Markup, linked: bool = False) -> Markup:
    """The whole drawing.

    Args:
        frame: what it is.
        children: what is drawn.
        linked: whether there are links in it, which who cannot see it is to find.
    """
    labels = {"title": f"{frame.id}-title", "desc": f"{frame.id}-desc"}
    return tag(
        "svg",
        tag("title", frame.title, id=labels["title"]),
        tag("desc", frame.description, id=labels["desc"]),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        viewBox=f"0 0 {_text(frame.width)} {_text(frame.height)}",
        role="group" if linked else "img",
        aria_labelledby=labels["title"],
        aria_describedby=labels["desc"],
    )


def link(inside: Markup, href: str | None, *, reachable: bool = True, run: str | None = None) -> Markup:
    """What leads somewhere when it is clicked; without an address, what is inside.

    Args:
        inside: what can be clicked.
        href: where it leads.
        reachable: whether the keyboard stops there; a thousand stops would help nobody.
        run: which run it stands for, for a script to know it by: `data-run`.
    """
    if href is None:
        return inside
    return tag("a", inside, href=href, tabindex=None if reachable else -1, data_run=run)


def group(children: Iterable[Markup], **attributes: object) -> Markup:
    """Several elements that have something in common."""
    return tag("g", *children, **attributes)


def path_of(points: Iterable[tuple[float, float]]) -> str:
    """A polyline as a path's data."""
    return "M" + "L".join(f"{_text(x)},{_text(y)}" for x, y in points)


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters.

    >>> shortened("relu1_1,relu2_1", 8)
    'relu1_1…'
    """
    return text if len(text) <= most else f"{text[: max(most - 1, 1)]}…"


def readable(text: str) -> str:
    """The text without what no page may have: control characters, but for line ends and tabs, and halves of surrogate
    pairs."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unreadable(each) else each for each in text)


def _is_unreadable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character not in "\r\n\t"


def shade(rank: float) -> str:
    """The class of a shade.

    Args:
        rank: 0 is the best, 1 the worst.
    """
    return f"ramp-{min(int(rank * RAMP), RAMP - 1)}"


def _text(value: object) -> str:
    # A tenth of a pixel is all that anybody sees.
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else readable(str(value))
