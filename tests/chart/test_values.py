"""The values of the chart: each is explained, unknown ones are refused, and so is what does not go together."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from chart_rendering import CHART, deep, example, merged, refusal
from chart_services import SERVICES

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES_TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(VALUES_TEXT)
PRODUCTION = example("production")

FREE: Mapping[str, str] = {
    r"(common|.*\.)?([lL]abels|[aA]nnotations)|.*\.(pod|alert)(Labels|Annotations)": "names are the user's own",
    r".*\.nodeSelector": "labels of the user's own nodes",
    r".*\.(resources|affinity|strategy|behavior)|(pod|container)SecurityContext": "Kubernetes' own, which it checks",
    r".*\.(tolerations|extraEnv|extraVolumes|extraVolumeMounts|topologySpread)\[\]": "likewise",
    r"networkPolicy\.\w+\.(from|to)\[\]": "likewise",
    r"httpRoute\.parentRefs\[\]": "the Gateway API's own object",
    r"monitoring\.\w+\.(relabelings|metricRelabelings)\[\]": "the Prometheus operator's own object",
    r"ingest\.settings\.dailyHyperparameters": "ingest checks it, and says what it does not know",
    r"publisher\.captions\.(styleNames|hashtags\.styles)": "file names of the user's paintings",
    r"global": "what a chart above shares with all of its own",
}
"""Objects with keys that nobody can know, by their paths, and why."""


def _objects(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in the schema with its path."""
    if "object" in schema.get("type", ""):
        yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from _objects(part, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from _objects(schema["items"], f"{path}[]")


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The path of every key, objects' too."""
    for name, value in values.items():
        below = f"{path}.{name}".lstrip(".")
        yield below
        if isinstance(value, dict) and "properties" in _schema_of(below):
            yield from _leaves(value, below)


def _schema_of(path: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = SCHEMA
    for name in path.split("."):
        part = part["properties"][name]
    return part


def _value_of(path: str) -> Any:
    value = VALUES
    for name in path.split("."):
        value = value[name]
    return value


def _comments() -> Mapping[str, str]:
    """What stands above each key of values.yaml: path → text."""
    found: dict[str, str] = {}
    above: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in VALUES_TEXT.splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            above = [text.removeprefix("# -- ")]
        elif text.startswith("#"):
            if above:
                above.append(text.removeprefix("# "))
        elif key := re.match(r"( *)([A-Za-z]\w*):", line):
            indent = len(key[1])
            parents = [parent for parent in parents if parent[0] < indent]
            path = ".".join([*(name for _indent, name in parents), key[2]])
            parents.append((indent, key[2]))
            if above:
                found[path] = " ".join(above)
            above = []
    return found


COMMENTS = _comments()
PATHS = list(_leaves(VALUES))


def test_a_value_is_explained_alike_in_both_places() -> None:
    for path in PATHS:
        assert COMMENTS.get(path), f"values.yaml says nothing of {path}"
        assert _schema_of(path).get("description") == COMMENTS[path], path


def test_a_value_has_a_type_and_its_default() -> None:
    for path in PATHS:
        schema = _schema_of(path)
        assert "type" in schema or "enum" in schema, path
        if "properties" not in schema:
            assert schema["default"] == _value_of(path), path


def test_the_schema_knows_no_value_that_is_not_there() -> None:
    known = {f"{path}.{name}".lstrip(".") for path, each in _objects(SCHEMA) for name in each.get("properties", {})}
    assert {path for path in known if "[]" not in path} - set(PATHS) == {"global"}


@pytest.mark.parametrize(
    ("path", "schema"), list(_objects(SCHEMA)), ids=lambda each: each if isinstance(each, str) else ""
)
def test_an_object_takes_no_unknown_key_but_for_a_reason(path: str, schema: Mapping[str, Any]) -> None:
    reasons = [reason for pattern, reason in FREE.items() if re.fullmatch(pattern, path)]
    assert (schema.get("additionalProperties", True) is False) != bool(reasons), reasons


def test_the_reasons_are_of_objects_that_are_there() -> None:
    paths = [path for path, _schema in _objects(SCHEMA)]
    for pattern in FREE:
        assert any(re.fullmatch(pattern, path) for path in paths), pattern


@pytest.mark.parametrize(
    "path", ["", "image", "ingest.settings", "publisher.captions.hashtags", "monitoring.podMonitor"]
)
def test_helm_refuses_a_misspelt_value(path: str) -> None:
    wrong = f"{path}.tyop".lstrip(".")
    assert "tyop" in refusal(PRODUCTION, values=deep(wrong, 1))


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_is_explained_as_the_service_does(service: str) -> None:
    fields = {name.replace("_", "").lower(): about for name, about in SERVICES[service].model_fields.items()}
    for name in VALUES[service]["settings"]:
        assert COMMENTS[f"{service}.settings.{name}"] == fields[name.lower()].description


WRONG: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no tokens": ({"tokens": {"existingSecret": ""}}, r"tokens\.existingSecret"),
    "no broker": ({"broker": {"existingSecret": ""}}, r"broker\.existingSecret"),
    "no database": ({"database": {"existingSecret": ""}}, r"database\.existingSecret"),
    "no storage": ({"storage": {"url": None}}, r"storage\.url"),
    "a profile that is none": ({"profile": "staging"}, r"/profile"),
    "a level that is none": (deep("settings.logLevel", "chatty"), r"/settings/logLevel"),
    "a storage of another cloud": (deep("storage.url", "s3://bucket"), r"/storage/url"),
    "a folder on no volume": (deep("storage.url", "file:///var/lib/stylegram/data/storage"), r"storage\.existingClaim"),
    "scaled by a broker that KEDA cannot ask": (
        deep("stylizer.scaling.mode", "keda-deployment"),
        r"broker\.management\.existingSecret",
    ),
    "Jobs by a broker that KEDA cannot ask": (
        deep("stylizer.scaling.mode", "keda-job"),
        r"broker\.management\.existingSecret",
    ),
    "no such mode": (deep("stylizer.scaling.mode", "hpa"), r"/stylizer/scaling/mode"),
    "an Ingress for no host": (deep("ingress.enabled", True), r"ingress\.hosts"),
    "a route of no Gateway": (deep("httpRoute.enabled", True), r"httpRoute\.parentRefs"),
    "Instagram without a login": (deep("publisher.settings.publishUrl", "instagrapi://me"), r"publisher\.login"),
    "Graph without a token": (
        deep("publisher.graph.existingSecret", ""),
        r"publisher\.graph\.existingSecret",
    ),
    "two monitors": (
        deep("monitoring", {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}),
        r"monitoring\.(service|pod)Monitor",
    ),
    "posts into a folder that ends with its pod": (
        deep("publisher.settings.publishUrl", "folder:///var/lib/stylegram/publisher/outbox"),
        r"publisher\.persistence",
    ),
    "a list that ends with its pod": (
        deep("logger.settings.logsCsv", "/var/lib/stylegram/logger/runs.csv"),
        r"logger\.persistence",
    ),
    "fewer at most than at least": (
        deep("ingest.autoscaling", {"enabled": True, "minReplicas": 5, "maxReplicas": 3}),
        r"ingest\.autoscaling\.m",
    ),
    "fewer workers at most than at least": (
        merged(
            deep("broker.management.existingSecret", "m"),
            deep("stylizer.scaling", {"mode": "keda-deployment", "minReplicas": 5, "maxReplicas": 3}),
        ),
        r"stylizer\.scaling\.m",
    ),
    "nothing to forget": (deep("forget.enabled", True), r"logger\.settings\.keep"),
    "an unknown time zone": (deep("daily.timeZone", "nowhere at all"), r"/daily/timeZone"),
    "no schedule": (deep("daily.schedule", "every day"), r"/daily/schedule"),
    "a prefix without its slash": (deep("ingest.settings.httpPrefix", "stylegram"), r"/ingest/settings/httpPrefix"),
    "a share of more than all": (deep("ingest.settings.explorationRate", 1.5), r"/ingest/settings/explorationRate"),
    "half a process": (deep("ingest.settings.hygieneProcesses", 1.5), r"/ingest/settings/hygieneProcesses"),
    "a name of a Secret that is none": (deep("tokens.existingSecret", "My Tokens"), r"/tokens/existingSecret"),
}
"""What is wrong → values, and what helm has to name."""


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_are_refused_by_name(wrong: str) -> None:
    values, named = WRONG[wrong]
    said = refusal(PRODUCTION, values=values)
    assert re.search(named, said), said


@pytest.mark.parametrize("wrong", [wrong for wrong, (_values, named) in WRONG.items() if not named.startswith("/")])
def test_what_the_chart_itself_refuses_is_told_in_sentences(wrong: str) -> None:
    sentences = re.findall(r"(?m)^  - (.+)$", refusal(PRODUCTION, values=WRONG[wrong][0]))
    assert sentences
    assert all(sentence.endswith(".") for sentence in sentences)


def test_without_any_values_helm_says_all_that_is_missing() -> None:
    said = refusal(values={})
    for value in ("tokens.existingSecret", "broker.existingSecret", "database.existingSecret", "storage.url"):
        assert value in said
    assert "profile=demo" in said or "profile: demo" in said


@pytest.mark.parametrize("service", SERVICES)
def test_the_schema_takes_the_numbers_and_words_that_the_service_takes(service: str) -> None:
    """So that what the service would refuse is refused before it is installed."""
    fields = {field.replace("_", "").lower(): field for field in SERVICES[service].model_fields}
    described = SERVICES[service].model_json_schema()["properties"]
    for name in VALUES[service]["settings"]:
        about = described[fields[name.lower()]]
        own = next(each for each in about.get("anyOf", [about]) if each.get("type") != "null")
        schema = _schema_of(f"{service}.settings.{name}")
        for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"):
            if bound in own:
                assert schema.get(bound) == own[bound], (name, bound)
        if "enum" in own:
            assert [word for word in schema["enum"] if word is not None] == own["enum"], name
