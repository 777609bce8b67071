"""Builds the images and prints how large they are: `make images`.

    python docker/build.py --tag 0.1.0 ingest logger -- --network=host

What stands behind `--` goes to `podman build`, or to `docker build` where there is no podman. The commit's time is the
files' time, so that one commit makes the same layers whenever and wherever it is built.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("ingest", "logger", "publisher", "preview", "stylizer")
_MEGABYTE = 1_000_000


def engine() -> str:
    """The program that builds images.

    Raises:
        SystemExit: there is none.
    """
    found = shutil.which("podman") or shutil.which("docker")
    if not found:
        sys.exit("Images are built by podman or docker, and neither is installed.")
    return found


def name_of(service: str, tag: str, variant: str) -> str:
    """What an image is called on this machine: the stylizer's tag names its variant.

    >>> name_of("stylizer", "0.1.0", "cpu")
    'localhost/stylegram-stylizer:0.1.0-cpu'
    """
    return f"localhost/stylegram-{service}:{tag}" + (f"-{variant}" if service == "stylizer" else "")


def build(service: str, options: argparse.Namespace) -> None:
    """Build one image.

    Raises:
        subprocess.CalledProcessError: it cannot be built; the engine has said why.
    """
    program, seconds = engine(), _commit_time()
    command = [program, "build", "--file", "docker/Dockerfile", "--target", service]
    command += ["--tag", name_of(service, options.tag, options.variant)]
    arguments = {
        "SERVICE": service,
        "VARIANT": options.variant,
        "WEIGHTS": options.weights,
        "VERSION": options.tag,
        "REVISION": _git("rev-parse", "HEAD") or "unknown",
        "CREATED": datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    if Path(program).name == "podman":
        # OCI's own format has no place for a health check.
        command += ["--format", "docker", "--timestamp", str(seconds)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}
    subprocess.run([*command, *options.engine, "."], cwd=ROOT, env=environment, check=True)


def sizes(names: list[str]) -> str:
    """A table: each image's files, of which those that are the base image's, in megabytes."""
    lines = [f"{'image':<48} {'MB':>6} {'own MB':>7}"]
    for name in names:
        (image,) = json.loads(_said(engine(), "image", "inspect", name))
        (base,) = json.loads(_said(engine(), "image", "inspect", "python:3.11-slim"))
        own = image["Size"] - base["Size"]
        lines.append(f"{name:<48} {image['Size'] / _MEGABYTE:6.0f} {own / _MEGABYTE:7.0f}")
    return "\n".join(lines)


def _commit_time() -> int:
    """Seconds since 1970: SOURCE_DATE_EPOCH, or else the last commit's time."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or 0)


def _git(*words: str) -> str:
    """What git says; nothing where this is no checkout of it."""
    git = shutil.which("git")
    if not git:
        return ""
    done = subprocess.run([git, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("services", nargs="*", metavar="service", help="default: all")
    parser.add_argument("--tag", default="0.1.0")
    parser.add_argument("--variant", choices=("cpu", "cuda"), default="cpu", help="of the stylizer")
    parser.add_argument(
        "--weights", choices=("baked", "none"), default="baked", help="model files in the image, or not"
    )
    words = sys.argv[1:]
    behind = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:behind])
    options.engine = words[behind + 1 :]
    services = options.services or SERVICES
    for service in services:
        build(service, options)
    sys.stdout.write(sizes([name_of(service, options.tag, options.variant) for service in services]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
