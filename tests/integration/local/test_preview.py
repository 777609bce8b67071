"""`stylegram preview` on files, as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegram.common.errors import ConfigurationError, InvalidImage
from stylegram.common.model_cache import default_cache
from stylegram.local.preview import preview_files
from stylegram.stylizer.engine.models.model_files import PREVIEW_PREDICT, PREVIEW_TRANSFORM, fetch


@pytest.fixture(scope="module")
def cache() -> Path:
    """The user's cache; what is missing in it is fetched, so that no test need be left out."""
    for file in (PREVIEW_PREDICT, PREVIEW_TRANSFORM):
        fetch(file, default_cache())
    return default_cache()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.linear_gradient("L").convert("RGB").resize((300, 200)).save(path)
    return path


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


def command(*arguments: str | Path, program: str = "stylegram", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("ending", "kind"), [("png", "PNG"), ("JPG", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")]
)
def test_the_ending_chooses_the_format(
    tmp_path: Path, cache: Path, photo: Path, style: Path, ending: str, kind: str
) -> None:
    out = tmp_path / f"out.{ending}"
    before = sorted(path.name for path in tmp_path.iterdir())
    assert preview_files(photo, style, out, 96, cache) == (96, 64)
    with Image.open(out) as image:
        assert (image.format, image.size) == (kind, (96, 64))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, out.name])


@pytest.mark.parametrize(
    ("size", "longer", "expected"),
    [
        pytest.param((300, 200), 512, (512, 341), id="larger than the photograph"),
        pytest.param((200, 300), 65, (43, 65), id="upright and odd"),
        pytest.param((1700, 17), 64, (64, 1), id="the narrowest panorama"),
    ],
)
def test_the_longer_side_is_as_asked_for(
    tmp_path: Path, cache: Path, style: Path, size: tuple[int, int], longer: int, expected: tuple[int, int]
) -> None:
    photo = tmp_path / "photo.png"
    Image.linear_gradient("L").convert("RGB").resize(size).save(photo)
    assert preview_files(photo, style, tmp_path / "out.png", longer, cache) == expected


def test_files_that_cannot_be_used_are_named(tmp_path: Path, photo: Path, style: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    out = tmp_path / "out.png"
    for content, painting in ((tmp_path / "bad.jpg", style), (photo, tmp_path / "bad.jpg")):
        with pytest.raises(InvalidImage, match=r"bad\.jpg' cannot be used\. Not a picture"):
            preview_files(content, painting, out, 64, tmp_path / "no-cache")
    with pytest.raises(InvalidImage, match=r"none\.jpg' cannot be read: No such file"):
        preview_files(tmp_path / "none.jpg", style, out, 64, tmp_path / "no-cache")
    for wrong, words in (("out.gif", r"\.gif"), ("no/out.png", "no folder"), (photo.name, "to paint from")):
        with pytest.raises(ConfigurationError, match=words):
            preview_files(photo, style, tmp_path / wrong, 64, tmp_path / "no-cache")
    assert not out.exists()
    assert not (tmp_path / "no-cache").exists()


@pytest.mark.usefixtures("cache")
def test_the_command_prints_the_pictures_path_and_loads_neither_torch_nor_onnx(
    tmp_path: Path, photo: Path, style: Path
) -> None:
    out = tmp_path / "out.png"
    program = """
import sys
from stylegram.local.cli import main

try:
    main()
finally:
    print([name for name in ("torch", "onnx", "scipy") if name in sys.modules], file=sys.stderr)
"""
    process = command("-c", program, "preview", photo, style, "--out", out, "--size", "64", program="python")
    assert (process.returncode, process.stdout) == (0, f"{out}\n"), process.stderr
    assert process.stderr == "[]\n"
    with Image.open(out) as image:
        assert image.size == (64, 43)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        pytest.param(["--size", "7"], {}, 2, "--size", id="out of range"),
        pytest.param(["--out", "out.gif"], {}, 2, ".gif", id="unknown ending"),
        pytest.param([], {"STYLEGRAM_WEIGHTS_DIR": "empty", "PIP_NO_INDEX": "1"}, 1, "Two ways out", id="no models"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_an_exit_code(
    tmp_path: Path, photo: Path, style: Path, arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    if environment:
        nothing = tmp_path / "nothing"
        nothing.mkdir()
        environment |= {
            "STYLEGRAM_WEIGHTS_DIR": str(tmp_path / "empty"),
            "PIP_FIND_LINKS": str(nothing),
            "PIP_CONFIG_FILE": os.devnull,
        }
    out = tmp_path / "out.png"
    process = command("preview", photo, style, "--out", out, *arguments, **environment)
    assert process.returncode == code, process.stderr
    assert words in " ".join(process.stderr.split())
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    assert not out.exists()


def test_an_error_of_the_file_system_that_nobody_foresaw_is_a_sentence(photo: Path, style: Path) -> None:
    process = command("preview", photo, style, "--out", f"{'a' * 260}.png")
    assert process.returncode in (1, 2)
    assert "File name too long" in process.stderr
    assert "Traceback" not in process.stderr
