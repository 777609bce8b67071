"""The sample paintings and the folder that they are drawn into."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stylegram.common.files import write_atomically
from stylegram.local.samples import cut_paper, flow_strokes, ink_waves, linocut, mosaic, pointillism, stained_glass

NAMES_FILE = "style_names.json"
"""The file beside the paintings that maps each file name to its title."""


@dataclass(frozen=True)
class Painting:
    """A painting that the program draws itself."""

    file_name: str
    title: str
    """In the form `Work, artist, year (movement)`."""

    draw: Callable[[int], Image.Image]
    """Draws it, always the same, as an RGB picture with a long side of so many pixels (64 to 2048)."""


PAINTINGS = (
    Painting("night_currents.jpg", "Night Currents, Stylegram, 2026 (flow-field impasto)", flow_strokes.draw),
    Painting("two_fishes.jpg", "Two Fishes, Stylegram, 2026 (tesserae mosaic)", mosaic.draw),
    Painting("tide_of_indigo.jpg", "Tide of Indigo, Stylegram, 2026 (woodblock print)", ink_waves.draw),
    Painting("ploughed_hills.jpg", "Ploughed Hills, Stylegram, 2026 (linocut)", linocut.draw),
    Painting("paper_lagoon.jpg", "Paper Lagoon, Stylegram, 2026 (paper cut-out)", cut_paper.draw),
    Painting("orchard_at_evening.jpg", "Orchard at Evening, Stylegram, 2026 (pointillism)", pointillism.draw),
    Painting("morning_rondels.jpg", "Morning Rondels, Stylegram, 2026 (stained glass)", stained_glass.draw),
)
"""All sample paintings, in the order in which they are shown."""


def draw_paintings(
    folder: Path,
    *,
    size: int = 1024,
    on_done: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Draw the paintings that `folder` lacks, as JPEG files, and write their titles beside them.

    `size` is the long side in pixels. Files already there stay as they are, so a second run writes nothing.
    `on_done` hears of every painting as soon as its file is complete. Returns the newly written JPEG files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for painting in PAINTINGS:
        path = folder / painting.file_name
        if path.exists():
            continue
        write_atomically(path, _jpeg(painting.draw(size)))
        written.append(path)
        if on_done is not None:
            on_done(path)
    _write_titles(folder / NAMES_FILE)
    return written


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # 93 hides the blocks; full-resolution colour (4:4:4) keeps the small strokes' hues, which are the style.
    image.save(buffer, "JPEG", quality=93, subsampling="4:4:4")
    return buffer.getvalue()


def _write_titles(path: Path) -> None:
    titles = {painting.file_name: painting.title for painting in PAINTINGS}
    content = (json.dumps(titles, ensure_ascii=False, indent=2) + "\n").encode()
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)
