"""Charts as SVG texts: plain data in, text out, nothing fetched and nothing run.

All that is shown is escaped. Colours are classes that `charts.css` has, for light and for dark, and no chart has a
style of its own, so that pages with a strict Content-Security-Policy can show them.

>>> from stylegram.common.charts.bars import Bar, bars
>>> "<b>" in bars(Frame("importance", "Importance", "What matters.", 400, 100), [Bar("<b>", 0.5)])
False
"""

from stylegram.common.charts.svg import Frame

__all__ = ["Frame"]
