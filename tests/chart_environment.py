"""The environment that a container of the chart has, with the files that are mounted into it."""

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chart_rendering import Pod, Rendering
from stylegram.common.settings import PREFIX


def secret(name: str, key: str) -> str:
    """What a Secret has under that key which somebody else made; as long as a token has to be."""
    return f"what-{name}-has-under-{key}"


@contextmanager
def environment(rendering: Rendering, pod: Pod, container: Mapping[str, Any], root: Path) -> Iterator[dict[str, str]]:
    """The process' environment as the container's: nothing of ours but what the chart says.

    Args:
        rendering: where its ConfigMaps are, and Secrets that the chart makes.
        pod: the container's.
        container: one of them.
        root: an empty folder, into which the mounted files go; paths to them begin with it.

    Yields:
        What the chart says, with those paths.
    """
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
    mounts = container.get("volumeMounts", [])
    for mount in mounts:
        _mount(rendering, volumes[mount["name"]], root / mount["mountPath"].lstrip("/"), mount.get("subPath"))
    variables = variables_of(rendering, container)
    folders = tuple(mount["mountPath"] for mount in mounts)
    for name, value in variables.items():
        if any(value == folder or value.startswith(f"{folder}/") for folder in folders):
            variables[name] = f"{root}{value}"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables


def variables_of(rendering: Rendering, container: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a container whose values the manifests tell."""
    return dict(_variables(rendering, container))


def _variables(rendering: Rendering, container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom", []):
        data = rendering.get("ConfigMap", source["configMapRef"]["name"])["data"]
        yield from ((source.get("prefix", "") + key, value) for key, value in data.items())
    for variable in container.get("env", []):
        origin = variable.get("valueFrom", {})
        if "configMapKeyRef" in origin:
            where = origin["configMapKeyRef"]
            yield variable["name"], rendering.get("ConfigMap", where["name"])["data"][where["key"]]
        elif not origin:
            # Left out, it is there and empty.
            yield variable["name"], variable.get("value", "")


def _mount(rendering: Rendering, volume: Mapping[str, Any], folder: Path, only: str | None) -> None:
    sources = volume.get("projected", {}).get("sources", [volume])
    files = {path: text for source in sources for path, text in _files(rendering, source)}
    if only is not None and files:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text(files[only], encoding="utf-8")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _files(rendering: Rendering, source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files of a Secret or a ConfigMap; of anything else there are none."""
    if where := source.get("secret"):
        data = _secret(rendering, where.get("secretName") or where["name"])
    elif where := source.get("configMap"):
        data = rendering.get("ConfigMap", where["name"])["data"]
    else:
        return
    if "items" in where:
        name = where.get("secretName") or where["name"]
        for item in where["items"]:
            yield item["path"], secret(name, item["key"]) if data is None else data[item["key"]]
    else:
        assert data is not None, f"of {where}, which is not the chart's, files are to be named"
        yield from data.items()


def _secret(rendering: Rendering, name: str) -> Mapping[str, str] | None:
    """What is in a Secret of the chart's; None where it makes none of that name."""
    if not rendering.has("Secret", name):
        return None
    made = rendering.get("Secret", name)
    decoded = {key: base64.b64decode(value).decode() for key, value in made.get("data", {}).items()}
    return decoded | dict(made.get("stringData", {}))
