"""What is in the images and how they run: hardened, without a secret, and the same bytes each time they are built.

They are built by `make images`. STYLEGRAM_TEST_IMAGES is their tag; without it all this is skipped. What is asked of a
build itself builds one image anew, with STYLEGRAM_TEST_IMAGES_BUILD_ARGS for the engine.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).parents[2]
TAG = os.environ.get("STYLEGRAM_TEST_IMAGES", "")
ENGINE = shutil.which("podman") or shutil.which("docker") or ""
SERVICES = ("ingest", "logger", "publisher", "preview", "stylizer")
IMAGES: dict[str, Any] = runpy.run_path(str(ROOT / "docker" / "lock.py"))["IMAGES"]
# As a registry keeps and a node fetches them, compressed, in megabytes.
LIMITS = {"publisher": 250, "logger": 250, "ingest": 400}
PORTS = {"ingest": {8000, 9100}, "logger": {8001, 9100}, "publisher": {8003, 9100}, "preview": {8002, 9100}}
# Written into the folder that an image is built from; none of it belongs into one.
PLANTED = {
    ".env": "PLANTED-of-the-environment",
    "key.json": "PLANTED-of-a-service-account",
    "instagram-session.json": "PLANTED-of-a-session",
    "docker/secrets/api_token": "PLANTED-of-the-api",
    "services/ingest/src/stylegram/ingest/.env": "PLANTED-beside-the-source",
    "services/ingest/src/stylegram/ingest/key.json": "PLANTED-beside-the-source-too",
    "services/common/instagram-session.json": "PLANTED-beside-a-project",
}

pytestmark = [
    pytest.mark.skipif(
        not TAG, reason="STYLEGRAM_TEST_IMAGES does not name the tag of images that `make images` built"
    ),
    pytest.mark.skipif(not ENGINE, reason="neither podman nor docker is installed"),
    pytest.mark.timeout(3600),
]

_IMPORT_ALL = """
import importlib, pkgutil, sys, stylegram
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, sys.argv[1] + "."):
    # A migration is loaded by its runner, and a preview answers over HTTP, which the worker does not.
    if not any(part in module.name for part in (".migrations", ".__main__", *sys.argv[2:])):
        importlib.import_module(module.name)
"""
_INSTALLED = """
import json, sysconfig
from importlib.metadata import distributions
print(json.dumps({each.name: each.version for each in distributions(path=[sysconfig.get_path("purelib")])}))
"""


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_image_runs_as_nobody_in_particular_and_says_what_it_is(service: str) -> None:
    image = _inspect(_name(service))
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["WorkingDir"] == "/var/lib/stylegram"
    assert config["Entrypoint"][:2] == ["python", "-m"]
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["title"] == f"stylegram-{service}"
    assert labels["description"]
    assert labels["version"]
    assert labels["licenses"] == "MIT"
    assert re.fullmatch("[0-9a-f]{40}|unknown", labels["revision"])
    assert datetime.fromisoformat(labels["created"])
    assert {int(port.partition("/")[0]) for port in config["ExposedPorts"]} == PORTS.get(service, {9100})
    health = image.get("Healthcheck") or config["Healthcheck"]
    assert health["Test"] == ["CMD", "python", "-m", "stylegram.common.probe"]


def test_every_module_can_be_imported_under_a_root_that_is_read_only(service: str) -> None:
    """So nothing that it needs was left out of the image, or taken out of it."""
    package = "stylegram.stylizer.preview_service" if service == "preview" else f"stylegram.{service}"
    without = ("stylegram.stylizer.preview_service",) if service == "stylizer" else ()
    done = _run(service, "-c", _IMPORT_ALL, package, *without, entrypoint="python")
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_is_installed_is_what_the_bill_of_materials_says(service: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "docker" / "sbom.py", tmp_path], check=True, capture_output=True)
    name = "stylizer-cpu" if service == "stylizer" else service
    bill = json.loads((tmp_path / f"{name}.cdx.json").read_text())
    listed = {_plain(each["name"]): each["version"] for each in bill["components"]}
    installed = json.loads(_run(service, "-c", _INSTALLED, entrypoint="python").stdout)
    ours = {"stylegram-common", f"stylegram-{IMAGES[name].service}"}
    assert {_plain(each) for each in installed} == listed.keys() | ours
    assert {
        _plain(each): version.partition("+")[0] for each, version in installed.items() if each not in ours
    } == listed


def test_without_settings_it_says_what_to_set(service: str) -> None:
    """Rather than listen to everybody without a token, or end with a traceback."""
    done = _run(service)
    assert done.returncode == 1
    assert "STYLEGRAM_" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_probe_says_why_it_fails(service: str) -> None:
    done = _run(service, "-m", "stylegram.common.probe", entrypoint="python")
    assert done.returncode == 1
    assert "9100" in done.stderr


def test_an_image_has_the_service_alone_and_is_small_enough(service: str, tmp_path: Path) -> None:
    compressed, unwanted = 0, []

    def see(path: str, _: IO[bytes] | None) -> None:
        if re.search(r"stylegram/local/|(^|/)\.cache/|(^|/)build/venv|(^|/)\.git/|(^|/)\.env$|\.pip/", path):
            unwanted.append(path)

    for layer in _layers(service, tmp_path):
        _each_file(layer, see)
        if service in LIMITS:
            compressed += _compressed(layer)
    assert not unwanted
    assert compressed / 1e6 < LIMITS.get(service, 1), f"{compressed / 1e6:.0f} MB"


def test_a_build_is_the_same_again_and_takes_along_no_secret(tmp_path: Path) -> None:
    """In another folder, with nothing kept from before, and with secrets lying about."""
    tree = tmp_path / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", ".dockerignore", "docker", "services"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    for each in listed:
        if (ROOT / each).exists():
            (tree / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / each, tree / each)
    for each, secret in PLANTED.items():
        (tree / each).parent.mkdir(parents=True, exist_ok=True)
        (tree / each).write_text(secret)
    before = _inspect(_name("ingest"))
    made = datetime.fromisoformat(before["Config"]["Labels"]["org.opencontainers.image.created"])
    command: list[str | Path] = [
        sys.executable,
        tree / "docker" / "build.py",
        "--tag",
        "planted",
        "ingest",
        "--",
        "--no-cache",
    ]
    command += os.environ.get("STYLEGRAM_TEST_IMAGES_BUILD_ARGS", "").split()
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(int(made.timestamp()))}
    subprocess.run(command, check=True, env=environment)
    try:
        found: list[str] = []

        def see(path: str, content: IO[bytes] | None) -> None:
            if content and b"PLANTED-" in content.read():
                found.append(path)

        for layer in _layers("ingest", tmp_path, tag="planted"):
            _each_file(layer, see)
        assert not found
        assert _inspect("localhost/stylegram-ingest:planted")["RootFS"]["Layers"] == before["RootFS"]["Layers"], (
            "the image is of other sources, has layers of an older build, or is another one each time"
        )
    finally:
        subprocess.run(
            [ENGINE, "rmi", "--force", "localhost/stylegram-ingest:planted"], check=True, capture_output=True
        )


def _name(service: str, tag: str = TAG) -> str:
    return f"localhost/stylegram-{service}:{tag}" + ("-cpu" if service == "stylizer" else "")


def _inspect(name: str) -> dict[str, Any]:
    done = subprocess.run([ENGINE, "image", "inspect", name], check=True, stdout=subprocess.PIPE, text=True)
    (image,) = json.loads(done.stdout)
    return dict(image)


def _run(service: str, *words: str, entrypoint: str | None = None) -> "subprocess.CompletedProcess[str]":
    """As a cluster would: nothing but a temporary folder can be written, and nothing beyond is reached."""
    command = [ENGINE, "run", "--rm", "--read-only", "--tmpfs", "/tmp", "--user", "10001:10001", "--network", "none"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--no-healthcheck"]
    command += ["--entrypoint", entrypoint] if entrypoint else []
    return subprocess.run([*command, _name(service), *words], check=False, capture_output=True, text=True, timeout=600)


def _layers(service: str, folder: Path, tag: str = TAG) -> Iterator[Path]:
    """An image's layers, one after another, as uncompressed archives."""
    saved = folder / "saved.tar"
    subprocess.run([ENGINE, "save", "--output", saved, _name(service, tag)], check=True, capture_output=True)
    with tarfile.open(saved) as archive:
        saved.unlink()  # it is open, and there may be little room
        manifest = archive.extractfile("manifest.json")
        assert manifest
        for name in json.load(manifest)[0]["Layers"]:
            content, layer = archive.extractfile(name), folder / "layer.tar"
            assert content
            with layer.open("wb") as file:
                shutil.copyfileobj(content, file)
            yield layer
            layer.unlink()


def _each_file(layer: Path, see: Callable[[str, IO[bytes] | None], None]) -> None:
    with tarfile.open(layer) as archive:
        for member in archive:
            see(member.name, archive.extractfile(member) if member.isfile() else None)


def _compressed(layer: Path) -> int:
    squeeze, size = zlib.compressobj(6), 0
    with layer.open("rb") as file:
        while part := file.read(1 << 20):
            size += len(squeeze.compress(part))
    return size + len(squeeze.flush())


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
