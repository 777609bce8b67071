"""What is loaded, in processes of their own."""

import os
import subprocess
import sys

import pytest


def run(program: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.mark.parametrize(
    "module",
    ["engine", "engine.models.preview", "engine.models.model_files", "settings", "preview_service.service", "__main__"],
)
def test_what_the_preview_needs_loads_no_torch(module: str) -> None:
    program = f"import sys, stylegram.stylizer.{module}; print('torch' in sys.modules, 'onnx' in sys.modules)"
    assert run(program) == "False False"


def test_every_name_of_the_engine_is_there_and_no_other() -> None:
    program = """
from stylegram.stylizer import engine
from stylegram.stylizer.engine import *

print(all(getattr(engine, name).__name__ == name and name in globals() for name in engine.__all__))
print(hasattr(engine, "nothing_of_that_name"))
"""
    assert run(program).split() == ["True", "False"]
