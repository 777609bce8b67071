"""`python -m stylegram.stylizer fetch`: afterwards nothing is written into the folder of model files any more."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine import stylize
from stylegram.stylizer.engine.models.model_files import (
    GATYS,
    LPIPS,
    PREVIEW_FILES,
    PREVIEW_TRANSFORM,
    TORCHVISION,
    WORKER_FILES,
    fetch,
)
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylizer_fakes import SHALLOW, picture

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "
FETCH = "from stylegram.stylizer.__main__ import main; sys.exit(main(sys.argv[1:]))"
PREVIEW = """
from pathlib import Path
from PIL import Image
from stylegram.stylizer.preview_service.painter import FastPainter
FastPainter(Path(sys.argv[1])).load()
"""
# No index, and no folder of wheels: what is not there yet cannot be fetched.
AWAY = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/nowhere", "PIP_CONFIG_FILE": "/dev/null"}
AWAY |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


def run(program: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The program in a process of its own."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("STYLEGRAM_")}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**known, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """What is in the folder, it included, how large, and when it was written."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in (folder, *folder.iterdir())}


@pytest.fixture
def copied(cache: Path, tmp_path: Path) -> Path:
    """A folder that has all that a worker needs, but for one file that is made from another."""
    fetch(LPIPS, cache)
    folder = tmp_path / "models"
    folder.mkdir()
    for file in set(WORKER_FILES) - {PREVIEW_TRANSFORM}:
        for path in cache.glob(f"{file.filename}*"):
            shutil.copyfile(path, folder / path.name)
    return folder


def test_what_the_preview_needs_is_made_without_torch_and_then_only_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "models"
    done = run(f"{WITHOUT_TORCH}{FETCH}", "fetch", "--preview", STYLEGRAM_WEIGHTS_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(folder / file.filename) for file in PREVIEW_FILES]
    assert {path.name for path in folder.iterdir()} == {file.filename for file in PREVIEW_FILES}
    before = listing(folder)
    again = run(f"{WITHOUT_TORCH}{FETCH}", "fetch", "--preview", STYLEGRAM_WEIGHTS_DIR=str(folder), **AWAY)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    painted = run(f"{WITHOUT_TORCH}{PREVIEW}", str(folder), **AWAY)
    assert painted.returncode == 0, painted.stderr
    assert listing(folder) == before


def test_a_worker_that_has_all_only_reads_whatever_a_job_asks_for(copied: Path) -> None:
    done = run(f"import sys; {FETCH}", "fetch", STYLEGRAM_WEIGHTS_DIR=str(copied))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(copied / file.filename) for file in WORKER_FILES]
    before = listing(copied)
    for backbone in ("vgg19", "vgg16"):
        asked = Hyperparameters(backbone=backbone, start="preview", size=64, evaluations=(1,), **SHALLOW)
        weights = WeightsShelf(copied).get(backbone)
        stylize(picture(seed=1), picture(seed=2), asked, weights=weights, cache=copied, device="cpu")
    assert listing(copied) == before


def test_weights_of_ones_own_choice_are_fetched_too(copied: Path) -> None:
    fetch(PREVIEW_TRANSFORM, copied)
    settings = {"STYLEGRAM_WEIGHTS_DIR": str(copied), "STYLEGRAM_WEIGHTS": TORCHVISION.name}
    done = run(f"import sys; {FETCH}", "fetch", **settings, **AWAY)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == len(WORKER_FILES)
    assert f"'{TORCHVISION.name}' is not in {copied} and cannot be fetched" in done.stderr


def test_files_by_name_are_fetched_alone_and_checked(copied: Path) -> None:
    settings = {"STYLEGRAM_WEIGHTS_DIR": str(copied)}
    done = run(f"import sys; {FETCH}", "fetch", GATYS.name, GATYS.name, **settings, **AWAY)
    assert (done.returncode, done.stdout) == (0, f"{copied / GATYS.filename}\n")
    (copied / GATYS.filename).write_bytes(b"damaged")
    done = run(f"import sys; {FETCH}", "fetch", GATYS.name, **settings, **AWAY)
    assert done.returncode == 1
    assert "damaged or has been exchanged" in done.stderr


@pytest.mark.parametrize(
    ("program", "words", "said"),
    [
        (f"{WITHOUT_TORCH}{FETCH}", (), "'vgg19-gatys' is made with torch, which is not installed here."),
        (f"import sys; {FETCH}", ("vgg-20",), "no model file 'vgg-20'. There are vgg19-gatys, preview-predict, "),
        (f"import sys; {FETCH}", ("--preview",), "in a container `python -m stylegram.stylizer fetch`, where pip"),
    ],
)
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(
    tmp_path: Path, program: str, words: tuple[str, ...], said: str
) -> None:
    done = run(program, "fetch", *words, STYLEGRAM_WEIGHTS_DIR=str(tmp_path / "models"), **AWAY)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists() or list((tmp_path / "models").iterdir()) == []


def test_another_command_is_none(tmp_path: Path) -> None:
    done = run(f"import sys; {FETCH}", "fetsh")
    assert done.returncode == 2
    assert "There is no 'fetsh': it is `preview`, `fetch`, or nothing at all." in done.stderr
