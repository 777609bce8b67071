"""The sample paintings: the same at every draw, rich all over, and written once."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylegram.local.samples import NAMES_FILE, PAINTINGS, Painting, draw_paintings

SIZE = 128
TITLE = re.compile(r"[^,()]+, Stylegram, 2026 \([^,()]+\)")


def names(paintings: tuple[Painting, ...]) -> list[str]:
    return [painting.file_name for painting in paintings]


@cache
def drawn(painting: Painting) -> NDArray[np.uint8]:
    return np.asarray(painting.draw(SIZE))


def draft(painting: Painting) -> Image.Image:
    return Image.fromarray(drawn(painting))


@pytest.mark.parametrize("painting", PAINTINGS, ids=names(PAINTINGS))
def test_two_draws_are_equal(painting: Painting) -> None:
    assert np.array_equal(np.asarray(painting.draw(SIZE)), drawn(painting))


@pytest.mark.parametrize("size", [64, 201])
@pytest.mark.parametrize("painting", PAINTINGS, ids=names(PAINTINGS))
def test_every_size_shows_the_same_picture(painting: Painting, size: int) -> None:
    image = painting.draw(size)
    assert image.mode == "RGB"
    assert max(image.size) == size
    assert min(image.size) >= size / 2
    pair = image, draft(painting)
    coarse, other = (np.asarray(each.resize((8, 8), Image.Resampling.BOX), float) for each in pair)
    assert np.corrcoef(coarse.ravel(), other.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("painting", PAINTINGS, ids=names(PAINTINGS))
def test_the_palette_is_wide(painting: Painting) -> None:
    values = drawn(painting)
    assert values.std(axis=(0, 1)).min() > 30
    # Steps of 16 levels: neighbouring shades of one colour count once.
    coarse = np.unique(values.reshape(-1, 3) // 16, axis=0)
    assert len(coarse) > 150


@pytest.mark.parametrize("painting", PAINTINGS, ids=names(PAINTINGS))
def test_no_part_of_the_canvas_is_empty(painting: Painting) -> None:
    grey = np.asarray(draft(painting).convert("L"), np.float64)
    # Blocks of 16 pixels are an eighth of the long side: each must hold texture.
    rows, columns = (length // 16 for length in grey.shape)
    blocks = grey[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16)
    assert blocks.std(axis=(1, 3)).min() > 4


def test_names_and_titles() -> None:
    assert len(PAINTINGS) >= 5
    assert len(set(names(PAINTINGS))) == len(PAINTINGS)
    assert len({painting.title for painting in PAINTINGS}) == len(PAINTINGS)
    for painting in PAINTINGS:
        assert TITLE.fullmatch(painting.title)
        assert re.fullmatch(r"[a-z_]+\.jpg", painting.file_name)


def test_paintings_are_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "styles"
    heard: list[Path] = []
    # Large enough for a JPEG of dense dots to outgrow one encoder buffer of 64 KiB.
    written = draw_paintings(folder, size=320, on_done=heard.append)
    assert written == heard == [folder / name for name in names(PAINTINGS)]
    assert {path.name for path in folder.iterdir()} == {*names(PAINTINGS), NAMES_FILE}
    for path in written:
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert max(image.size) == 320
    titles = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
    assert titles == {painting.file_name: painting.title for painting in PAINTINGS}

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert draw_paintings(folder, size=320, on_done=heard.append) == []
    assert heard == written
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_only_missing_paintings_are_drawn(tmp_path: Path) -> None:
    kept, *missing = names(PAINTINGS)
    (tmp_path / kept).write_bytes(b"another picture")
    assert [path.name for path in draw_paintings(tmp_path, size=64)] == missing
    assert (tmp_path / kept).read_bytes() == b"another picture"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(source, target)

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError):
        draw_paintings(tmp_path, size=64)
    assert list(tmp_path.iterdir()) == []
