"""What Kubernetes takes, by its own schemas, with nothing in them that it does not know."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import all_versions, major_minor, schema_contents
from packaging.version import Version
from referencing import Registry, Resource

# As the package's own `validate` does it, which reads a megabyte of schemas for each object.
NEWEST = sorted(set(map(major_minor, all_versions())), key=Version)[-3:]
"""The newest versions that are known."""


def problems(manifest: Mapping[str, Any], version: str) -> Iterator[str]:
    """What that version of Kubernetes has against an object: a type, a field that is missing, one that there is not.

    Args:
        manifest: an object of Kubernetes itself.
        version: as in 1.37.
    """
    for problem in _problems(json.dumps(manifest, sort_keys=True), version):
        yield f"{manifest['kind']} {manifest['metadata']['name']}, {problem}"


@cache
def _problems(manifest: str, version: str) -> tuple[str, ...]:
    each = json.loads(manifest)
    # rbac.authorization.k8s.io/v1 has the schemas rbac-v1.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", each["apiVersion"])
    validator = _validator(version, f"{each['kind'].lower()}-{group}")
    return tuple(f"{error.json_path}: {error.message}" for error in validator.iter_errors(each))


@cache
def _validator(version: str, name: str) -> Draft202012Validator:
    schema = schema_contents(f"{_folder(version)}/{name}.json", version)
    return Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    definitions = Resource.from_contents(schema_contents(f"{_folder(version)}/_definitions.json", version))
    return (definitions @ Registry()).crawl()


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"
