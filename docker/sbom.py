"""Writes the bill of materials of each image: `python docker/sbom.py FOLDER`, or `make sbom`.

CycloneDX, from docker/requirements: every package with its version and digests. The same requirements give the same
bytes. What the base image brings, its own distributor tells.
"""

import subprocess
import sys
from pathlib import Path

from lock import IMAGES, REQUIREMENTS, ROOT  # beside this file


def write(folder: Path) -> None:
    """Write `NAME.cdx.json` for every image into the folder, which is made where it is absent.

    Raises:
        subprocess.CalledProcessError: requirements cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in IMAGES.items():
        if not image.service:
            continue
        command: list[str | Path] = [
            Path(sys.executable).with_name("cyclonedx-py"),
            "requirements",
            "--output-reproducible",
            "--validate",
        ]
        command += ["--mc-type", "application", "--pyproject", ROOT / "services" / image.service / "pyproject.toml"]
        command += ["--output-format", "JSON", "--output-file", folder / f"{name}.cdx.json"]
        subprocess.run([*command, REQUIREMENTS / f"{name}.txt"], check=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
