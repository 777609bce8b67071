"""The fast network behind the `Previewer` port: encoded pictures in, a JPEG out.

>>> jpeg = FastPainter(default_cache()).preview(photograph, painting)  # doctest: +SKIP
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image

from stylegram.common.errors import InvalidImage, Unavailable, WeightsCorrupt, WeightsUnavailable
from stylegram.common.images import encode_jpeg
from stylegram.stylizer.engine.models.preview import preview

MOST_PIXELS = 4_000_000
"""Of either picture; to paint as many takes 1 GB."""
_FORMATS = ("JPEG", "PNG")
_QUALITY = 90
# Each takes a core, and up to 1 GB.
_AT_ONCE = 2
# Longer than anybody looks at a page that does nothing.
_PATIENCE_SECONDS = 15.0


class FastPainter:
    """Paints in one pass; see `Previewer`.

    Args:
        cache: the folder of model files; what is missing is fetched into it.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._loading = threading.Lock()
        self._loaded = False

    def load(self) -> None:
        """Have the networks in memory, so that the first preview is as fast as all others.

        Raises:
            Unavailable: the model files are not to be had, or damaged, or somebody has been fetching them for long.
        """
        if not self._loading.acquire(timeout=_PATIENCE_SECONDS):
            raise Unavailable("The model files are being fetched; ask again in a moment.")
        try:
            if not self._loaded:
                blank = Image.new("RGB", (64, 64))
                self._paint(blank, blank)
                self._loaded = True
        finally:
            self._loading.release()

    def preview(self, content: bytes, style: bytes) -> bytes:
        """See `Previewer`; it also raises `Unavailable` where too many wait already."""
        photograph, painting = _opened(content, "content"), _opened(style, "style")
        self.load()
        with self._turn():
            return encode_jpeg(self._paint(photograph, painting), quality=_QUALITY)

    def _paint(self, content: Image.Image, style: Image.Image) -> Image.Image:
        try:
            return preview(content, style, self._cache)
        except (WeightsUnavailable, WeightsCorrupt) as error:
            raise Unavailable(error.message, advice=error.advice) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=_PATIENCE_SECONDS):
            raise Unavailable("Too many previews are wanted at once; ask again.")
        try:
            yield
        finally:
            self._turns.release()


def _opened(data: bytes, role: str) -> Image.Image:
    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
        if image.width * image.height <= MOST_PIXELS:
            return image.convert("RGB")
    except Exception as error:  # decoders raise whatever they please
        raise InvalidImage(f"The {role} image cannot be read: {error or type(error).__name__}.") from error
    raise InvalidImage(
        f"The {role} image has {image.width}×{image.height} pixels; a preview is made of"
        f" {MOST_PIXELS // 1_000_000} megapixels at most.",
        advice="Scale it down.",
    )
