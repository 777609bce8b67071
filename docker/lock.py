"""Writes docker/requirements/*.txt: what each image installs, to the digest of each file.

Versions are those of constraints.txt, packages are what a service's distribution asks for on Linux with Python 3.11.
pip's own settings say which index is asked; no address of one gets into the files. torch's two builds have one version
and different files: what pip's
setting `find-links` names, a folder or a page, has the one for processors, the index the one for CUDA.

    python docker/lock.py            # or make lock; with --check it writes nothing, and fails where something is to do
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "docker" / "requirements"
_HEAD = "# Made by `make lock` from constraints.txt and {distribution}; not to be edited.\n"
_BUILD = ("hatchling",)


@dataclass(frozen=True)
class Image:
    """What is installed in one image.

    Args:
        service: whose distribution, in services/; none where it is only what builds the distributions.
        extras: which of its extras.
        without: what its distribution asks for and this image never loads.
        cpu: whether torch is the build without CUDA.
    """

    service: str | None
    extras: str = ""
    without: tuple[str, ...] = ()
    cpu: bool = False


IMAGES = {
    "build": Image(None),
    "ingest": Image("ingest"),
    "logger": Image("logger"),
    "publisher": Image("publisher"),
    # The network for previews runs on onnxruntime; what paints runs, the films and a MatConvNet file are the worker's.
    "preview": Image("stylizer", "[http]", ("torch", "av", "psutil", "scipy")),
    "stylizer-cpu": Image("stylizer", cpu=True),
    "stylizer-cuda": Image("stylizer"),
}
"""Name of the file → what is in it."""


def lock(image: Image) -> str:
    """The text of an image's file.

    Raises:
        subprocess.CalledProcessError: a package cannot be had as constraints.txt has it; uv has said why.
    """
    locals_ = ["common", image.service] if image.service else []
    wanted = [f"./services/{name}{image.extras if name == image.service else ''}" for name in locals_]
    command: list[str | Path] = [
        Path(sys.executable).with_name("uv"),
        "pip",
        "compile",
        "--no-config",
        "--quiet",
        "--generate-hashes",
    ]
    command += [
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
    ]
    command += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"]
    command += ["--constraint", "constraints.txt", *_index(cpu=image.cpu)]
    for name in locals_:
        command += ["--no-emit-package", f"stylegram-{name}"]
    with TemporaryDirectory() as folder:
        asked, left_out = Path(folder, "asked.in"), Path(folder, "left-out.txt")
        asked.write_text("\n".join(wanted or _BUILD) + "\n")
        left_out.write_text("".join(f"{name}\n" for name in image.without))
        command += ["--excludes", left_out, asked]
        # Two resolutions must not differ by what an earlier one left behind: no output file is read.
        done = subprocess.run(command, cwd=ROOT, env=_environment(), check=True, stdout=subprocess.PIPE, text=True)
    head = _HEAD.format(distribution=f"services/{image.service}" if image.service else "pyproject.toml's build system")
    # The CPU build calls itself 2.13.0+cpu; its digest says which file is meant, and an index may name it either way.
    return head + re.sub(r"^(torch==[^+\s]+)\+cpu", r"\1", done.stdout, flags=re.MULTILINE)


def _index(*, cpu: bool) -> Iterator[str]:
    """pip's settings, in uv's words."""
    for value in _pip("index-url").split():
        yield from ("--default-index", value)
    # Where CPU builds are found; the other build is the index's own.
    for value in _pip("find-links").split() if cpu else ():
        yield from ("--find-links", value)


def _environment() -> dict[str, str]:
    certificates = _pip("cert")
    return os.environ | ({"SSL_CERT_FILE": certificates} if certificates else {})


def _pip(setting: str) -> str:
    """A setting of pip's, from its files or the environment, or nothing."""
    name = f"PIP_{setting.upper().replace('-', '_')}"
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{setting}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return os.environ.get(name) or done.stdout.strip()


def main() -> int:
    """Returns the exit status: 1 where a file is out of date and `--check` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is out of date")
    check = parser.parse_args().check
    REQUIREMENTS.mkdir(exist_ok=True)
    status = 0
    for name, image in IMAGES.items():
        path, text = REQUIREMENTS / f"{name}.txt", lock(image)
        if path.exists() and path.read_text() == text:
            continue
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make lock`.\n")
            status = 1
        else:
            path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
