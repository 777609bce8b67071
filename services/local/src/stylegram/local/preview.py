"""One picture from two files in one pass, without torch: what `stylegram preview` does."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from stylegram.local.files import check_output, read_picture, write_picture
from stylegram.stylizer.engine.models.preview import preview


def preview_files(content: Path, style: Path, out: Path, size: int, cache: Path) -> tuple[int, int]:
    """Paint one file in the manner of another, in one pass.

    Args:
        content: the photograph.
        style: the painting.
        out: where the picture goes, whole or not at all; its ending chooses the format.
        size: longer side of the picture, in pixels.
        cache: the folder of model files; what is missing is fetched into it.

    Returns:
        The picture's width and height.

    Raises:
        ConfigurationError: see `check_output`.
        InvalidImage: one of the files is no picture; the message names it.
        WeightsUnavailable: the models are neither cached nor to be had.
        WeightsCorrupt: the models are not those that were pinned.
        StylegramError: the picture could not be written.
    """
    check_output(out, content, style)
    photograph, painting = read_picture(content)[0], read_picture(style)[0]
    resized = ImageOps.contain(photograph, (size, size), Image.Resampling.LANCZOS)
    picture = preview(resized, painting, cache)
    write_picture(out, np.asarray(picture, np.float32) / np.float32(255))
    return picture.size
