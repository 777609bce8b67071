"""The sample photographs: with clear rights, and out of packages, for nothing of theirs is ours to ship."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from stylegram.common.files import write_atomically
from stylegram.common.packages import LINUX_WHEEL, SCIKIT_IMAGE, Package, extract

_SCIKIT_LEARN = Package(
    "scikit-learn==1.9.1", "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df", LINUX_WHEEL
)

PHOTOGRAPHS: dict[Package, dict[str, str]] = {
    _SCIKIT_LEARN: {
        "pavilion.jpg": "sklearn/datasets/images/china.jpg",
        "dahlia.jpg": "sklearn/datasets/images/flower.jpg",
    },
    SCIKIT_IMAGE: {
        "chelsea.png": "skimage/data/chelsea.png",
        "coffee.png": "skimage/data/coffee.png",
        "astronaut.png": "skimage/data/astronaut.png",
        "rocket.jpg": "skimage/data/rocket.jpg",
    },
}
"""File name here → path in the package."""

CREDITS_FILE = "credits.json"
CREDITS = {
    "pavilion.jpg": "danielbuechele, flickr.com/photos/danielbuechele/6061409035, CC BY 2.0 (from scikit-learn)",
    "dahlia.jpg": "vultilion, flickr.com/photos/vultilion/6056698931, CC BY 2.0 (from scikit-learn)",
    "chelsea.png": "Stéfan van der Walt, CC0 (from scikit-image)",
    "coffee.png": "Rachel Michetti, CC0 (from scikit-image)",
    "astronaut.png": "NASA, public domain (from scikit-image)",
    "rocket.jpg": "SpaceX, CC0 (from scikit-image)",
}


def fetch_photographs(folder: Path, *, on_done: Callable[[Path], None] | None = None) -> list[Path]:
    """Fetch the photographs that `folder` lacks, and write their credits beside them.

    Args:
        folder: made when absent; files that are there stay as they are.
        on_done: hears of each photograph as soon as its file is complete.

    Returns:
        The files that were written.

    Raises:
        Unavailable: a package cannot be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for package, members in PHOTOGRAPHS.items():
        missing = [name for name in members if not (folder / name).exists()]
        if not missing:
            continue
        with TemporaryDirectory(prefix="stylegram-") as unpacked:
            extract(package, {members[name]: Path(unpacked, name) for name in missing})
            for name in missing:
                write_atomically(folder / name, Path(unpacked, name).read_bytes())
                written.append(folder / name)
                if on_done:
                    on_done(folder / name)
    credits_file = folder / CREDITS_FILE
    if not credits_file.exists():
        write_atomically(credits_file, json.dumps(CREDITS, ensure_ascii=False, indent=2).encode())
    return written
