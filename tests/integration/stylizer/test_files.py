"""`stylegram stylize` on files, as a person runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegram.common.errors import InvalidImage
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import RunRecord
from stylegram.local.single import stylize_files
from stylegram.stylizer.engine import Step
from stylegram.stylizer.settings import StylizerSettings
from stylizer_fakes import picture

CHEAP = Hyperparameters(size=64, evaluations=(1, 1), content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


def ignore(step: Step) -> None:
    """Nobody watches."""


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("stylegram")), "stylize", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    picture(300, 200, seed=1).save(path)
    return path


def grey(path: Path) -> None:
    picture(90, 60).convert("L").save(path)


def grey_16_bit(path: Path) -> None:
    Image.fromarray(np.asarray(picture(90, 60).convert("L")).astype(np.uint16) * 257).save(path)


def transparent(path: Path) -> None:
    image = picture(90, 60).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)


def palette(path: Path) -> None:
    picture(90, 60).quantize(16).save(path)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        pytest.param(grey, (64, 43), id="greyscale"),
        pytest.param(grey_16_bit, (64, 43), id="16-bit greyscale"),
        pytest.param(transparent, (64, 43), id="RGBA"),
        pytest.param(palette, (64, 43), id="palette"),
        pytest.param(lambda path: picture(500, 100).save(path), (64, 13), id="panorama 5:1"),
        pytest.param(lambda path: picture(4000, 3000).save(path, compress_level=1), (64, 48), id="12 megapixels"),
    ],
)
@pytest.mark.parametrize("as_style", [False, True])
def test_files_of_every_kind_are_painted(
    tmp_path: Path, style: Path, draw: Callable[[Path], None], expected: tuple[int, int], as_style: bool
) -> None:
    content = tmp_path / "photo.png"
    draw(content)
    if as_style:
        content, style, expected = style, content, (64, 43)
    out = tmp_path / "out.png"
    record = stylize_files(content, style, out, CHEAP, StylizerSettings(), snapshots=None, on_step=ignore)
    assert record.outcome == "succeeded"
    with Image.open(out) as image:
        assert (image.size, image.mode) == (expected, "RGB")
    assert (record.width, record.height) == expected


@pytest.mark.usefixtures("cache")
def test_snapshots_of_files_lie_in_their_folder(tmp_path: Path, style: Path) -> None:
    snapshots = tmp_path / "snapshots"
    settings = StylizerSettings(snapshot_every=2)
    hyperparameters = CHEAP.model_copy(update={"evaluations": (3, 2)})
    out = tmp_path / "out.jpg"
    stylize_files(style, style, out, hyperparameters, settings, snapshots=snapshots, on_step=ignore)
    assert sorted(path.name for path in snapshots.iterdir()) == ["0002.jpg", "0004.jpg", "0005.jpg"]
    with Image.open(out) as image:
        assert image.format == "JPEG"


def test_a_file_that_is_no_picture_is_refused_by_its_name(tmp_path: Path, style: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not a picture")
    with pytest.raises(InvalidImage, match=r"bad\.jpg' cannot be used"):
        stylize_files(bad, style, tmp_path / "out.png", CHEAP, StylizerSettings(), snapshots=None, on_step=ignore)


@pytest.mark.usefixtures("cache")
def test_json_prints_the_record_and_nothing_else(tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    process = command(style, style, "--out", out, "--size", "32", "--set", "evaluations=2,1", "--json")
    assert process.returncode == 0, process.stderr
    record = RunRecord.model_validate(json.loads(process.stdout))
    assert (record.outcome, record.evaluations, record.width, record.height) == ("succeeded", 3, 32, 21)
    assert out.is_file()


@pytest.mark.usefixtures("cache")
def test_without_json_the_pictures_path_is_all_that_is_printed(tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    process = command(style, style, "--out", out, "--size", "32", "--set", "evaluations=1")
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{out}\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        pytest.param(["photo.png", "--set", "sighs=3"], {}, 2, "sighs", id="unknown hyperparameter"),
        pytest.param(["photo.png", "--size", "7"], {}, 2, "size", id="out of range"),
        pytest.param(["nowhere.png"], {}, 2, "nowhere.png", id="no such file"),
        pytest.param(["bad.png"], {}, 1, "bad.png' cannot be used", id="no picture"),
        pytest.param(["photo.png", "--weights", "vgg-20"], {}, 1, "no weights 'vgg-20'", id="no such weights"),
        pytest.param(["photo.png"], {"STYLEGRAM_DEVICE": "cuda:99"}, 1, "no device 'cuda:99'", id="no such device"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_what_goes_wrong_is_a_sentence_and_an_exit_code(
    tmp_path: Path, style: Path, arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    picture().save(tmp_path / "photo.png")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    out = tmp_path / "out.png"
    process = command(tmp_path / arguments[0], style, "--out", out, *arguments[1:], **environment)
    assert process.returncode == code, process.stderr
    assert words in " ".join(process.stderr.split()).replace(" │ │ ", "")
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    assert not out.exists()
