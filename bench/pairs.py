"""The pairs of pictures that the engine is measured on, from `make samples`."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_SAMPLES = Path("samples")


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting.

    Args:
        content: file name of the photograph.
        style: file name of the painting.
    """

    content: str
    style: str

    @property
    def name(self) -> str:
        """For tables and file names."""
        return f"{Path(self.content).stem}-{Path(self.style).stem}"

    def pictures(self) -> tuple[Image.Image, Image.Image]:
        """Photograph and painting, RGB."""
        photo, painting = _SAMPLES / "photos" / self.content, _SAMPLES / "styles" / self.style
        return Image.open(photo).convert("RGB"), Image.open(painting).convert("RGB")


JUDGED = (
    Pair("coffee.png", "orchard_at_evening.jpg"),
    Pair("pavilion.jpg", "tide_of_indigo.jpg"),
    Pair("astronaut.png", "morning_rondels.jpg"),
    Pair("chelsea.png", "two_fishes.jpg"),
    Pair("dahlia.jpg", "night_currents.jpg"),
    Pair("rocket.jpg", "ploughed_hills.jpg"),
    Pair("chelsea.png", "paper_lagoon.jpg"),
    Pair("pavilion.jpg", "morning_rondels.jpg"),
    Pair("rocket.jpg", "orchard_at_evening.jpg"),
    Pair("coffee.png", "two_fishes.jpg"),
)
"""What figures are reported on. No default may be chosen by these: that is what the others are for."""

CHOOSING = (
    Pair("chelsea.png", "night_currents.jpg"),
    Pair("pavilion.jpg", "ploughed_hills.jpg"),
    Pair("pavilion.jpg", "paper_lagoon.jpg"),
    Pair("astronaut.png", "tide_of_indigo.jpg"),
    Pair("dahlia.jpg", "orchard_at_evening.jpg"),
    Pair("coffee.png", "morning_rondels.jpg"),
)
"""What defaults are chosen by."""
