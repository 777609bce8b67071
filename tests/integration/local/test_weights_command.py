"""`stylegram weights`, as a person runs it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from stylegram.common.model_cache import default_cache
from stylegram.stylizer.engine.models.model_files import LPIPS, MODEL_FILES, PREVIEW_PREDICT, fetch


def weights(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("stylegram")), "weights", *arguments],
        env={**os.environ, "STYLEGRAM_WEIGHTS_DIR": str(cache), "COLUMNS": "160", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_list_names_every_model_file_and_what_is_cached(tmp_path: Path) -> None:
    (tmp_path / LPIPS.filename).write_bytes(bytes(2_500_000))
    process = weights("list", cache=tmp_path)
    lines = dict(line.split()[:2] for line in process.stdout.splitlines()[2:] if len(line.split()) > 1)
    assert lines.items() >= {file.name: "–" for file in MODEL_FILES if file is not LPIPS}.items()
    assert lines["vgg16-lpips"] == "2.5"


def test_a_file_is_fetched_by_name_and_only_once(tmp_path: Path) -> None:
    fetch(PREVIEW_PREDICT, default_cache())
    (tmp_path / PREVIEW_PREDICT.filename).symlink_to(default_cache() / PREVIEW_PREDICT.filename)
    process = weights("fetch", "preview-predict", cache=tmp_path)
    assert process.returncode == 0, process.stderr
    assert PREVIEW_PREDICT.filename in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == [PREVIEW_PREDICT.filename]
    process = weights("fetch", "vgg-20", cache=tmp_path)
    assert (process.returncode, "no model file 'vgg-20'" in process.stderr) == (2, True)


def test_what_was_not_asked_for_may_be_absent_but_not_damaged(tmp_path: Path) -> None:
    data = b"a network"
    (tmp_path / LPIPS.filename).write_bytes(data)
    note = tmp_path / f"{LPIPS.filename}.sha256"
    for digest, word in ((hashlib.sha256(data).hexdigest(), "ok"), ("0" * 64, "DAMAGED")):
        note.write_text(f"{digest}  {LPIPS.filename}\n")
        lines = dict(line.split()[:2] for line in weights("verify", cache=tmp_path).stdout.splitlines())
        assert lines[LPIPS.filename] == word
        assert set(lines.values()) - {word} == {"absent"}
        assert "vgg19-torchvision.safetensors" not in lines
