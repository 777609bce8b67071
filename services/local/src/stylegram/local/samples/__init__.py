"""Pictures to try Stylegram with: photographs out of packages, paintings drawn by its own program.

`fetch_photographs(folder / "photos")` and `draw_paintings(folder / "styles")` write those that are missing there.
"""

from stylegram.local.samples.paintings import NAMES_FILE, PAINTINGS, Painting, draw_paintings
from stylegram.local.samples.photographs import PHOTOGRAPHS, fetch_photographs

__all__ = ["NAMES_FILE", "PAINTINGS", "PHOTOGRAPHS", "Painting", "draw_paintings", "fetch_photographs"]
