"""Every setting of every service has a value of the chart, or a reason not to, and comes through as it is meant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from chart_environment import environment, secret, variables_of
from chart_rendering import CHART, Rendering, deep, example, merged, render
from chart_services import SERVICES
from stylegram.common.service import read_settings
from stylegram.common.settings import PREFIX, Settings
from stylegram.ingest.settings import IngestSettings

PRODUCTION = example("production")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Elsewhere:
    """A setting that follows from values which are not below `settings`.

    Args:
        values: some that change it.
        expected: what the service then reads; of a file what is in it, of JSON what that says.
        services: those that use it.
    """

    values: Mapping[str, Any]
    expected: Any
    services: tuple[str, ...] = tuple(SERVICES)


_WITH_BROKER = ("ingest", "stylizer", "publisher", "logger")
_WITH_DATABASE = ("ingest", "publisher", "logger")
_WITH_STORAGE = ("ingest", "stylizer", "publisher")

ELSEWHERE: Mapping[str, Elsewhere] = {
    "broker_url": Elsewhere(
        {"broker": {"existingSecret": "b", "key": "address"}}, secret("b", "address"), _WITH_BROKER
    ),
    "broker_ca_file": Elsewhere(
        {"broker": {"tls": {"existingSecret": "t", "caKey": "a.pem"}}}, secret("t", "a.pem"), _WITH_BROKER
    ),
    "broker_cert_file": Elsewhere(
        {"broker": {"tls": {"existingSecret": "t", "certKey": "c.pem"}}}, secret("t", "c.pem"), _WITH_BROKER
    ),
    "broker_key_file": Elsewhere(
        {"broker": {"tls": {"existingSecret": "t", "certKey": "c.pem", "keyKey": "k.pem"}}},
        secret("t", "k.pem"),
        _WITH_BROKER,
    ),
    "broker_ack_timeout_seconds": Elsewhere({"broker": {"ackTimeoutSeconds": 7200}}, 7200.0, _WITH_BROKER),
    "storage_url": Elsewhere({"storage": {"url": "gs://other/folder"}}, "gs://other/folder", _WITH_STORAGE),
    "storage_credentials_file": Elsewhere(
        {"storage": {"credentials": {"existingSecret": "s", "key": "k.json"}}}, secret("s", "k.json"), _WITH_STORAGE
    ),
    "database_url": Elsewhere({"database": {"existingSecret": "d", "key": "k"}}, secret("d", "k"), _WITH_DATABASE),
    "migrate_at_start": Elsewhere({"migrations": {"enabled": False}}, True, _WITH_DATABASE),
    "logger_token": Elsewhere({"tokens": {"internalKey": "i"}}, secret("stylegram-tokens", "i"), ("ingest",)),
    "publisher_token": Elsewhere({"tokens": {"internalKey": "i"}}, secret("stylegram-tokens", "i"), ("ingest",)),
    "preview_token": Elsewhere({"tokens": {"internalKey": "i"}}, secret("stylegram-tokens", "i"), ("ingest",)),
    "drive_credentials_file": Elsewhere(
        merged(
            deep("ingest.drive", {"existingSecret": "g", "key": "k.json"}),
            deep("ingest.settings.contentSourceUrl", "gdrive://1AbCdEf"),
        ),
        secret("g", "k.json"),
        ("ingest",),
    ),
    "idle_seconds": Elsewhere(
        merged(
            deep("broker.management.existingSecret", "m"),
            deep("stylizer.scaling", {"mode": "keda-job", "idleSeconds": 77}),
        ),
        77.0,
        ("stylizer",),
    ),
    "caption_template": Elsewhere(
        deep("publisher.captions.template", "{{ style }} in braces"), "{{ style }} in braces", ("publisher",)
    ),
    "style_names": Elsewhere(
        deep("publisher.captions.styleNames", {"a.jpg": "A {{ b }}"}), {"a.jpg": "A {{ b }}"}, ("publisher",)
    ),
    "hashtags": Elsewhere(
        deep("publisher.captions.hashtags", {"always": ["#a"], "styles": {"a.jpg": ["#b"]}, "most": 7}),
        {"always": ["#a"], "styles": {"a.jpg": ["#b"]}, "most": 7},
        ("publisher",),
    ),
    "instagram_login_file": Elsewhere(
        merged(
            deep("publisher.login", {"existingSecret": "l", "key": "k.json"}),
            deep("publisher.persistence.enabled", True),
            deep("publisher.settings.publishUrl", "instagrapi://somebody"),
        ),
        secret("l", "k.json"),
        ("publisher",),
    ),
    "instagram_proxy": Elsewhere(
        merged(
            deep("publisher.proxy", {"existingSecret": "p", "key": "k"}),
            deep("publisher.login.existingSecret", "l"),
            deep("publisher.persistence.enabled", True),
            deep("publisher.settings.publishUrl", "instagrapi://somebody"),
        ),
        secret("p", "k"),
        ("publisher",),
    ),
    "graph_token": Elsewhere(
        merged(
            deep("publisher.graph", {"existingSecret": "h", "key": "k"}),
            deep("publisher.settings.publishUrl", "graph://17841400000000000"),
        ),
        secret("h", "k"),
        ("publisher",),
    ),
}

NO_VALUE: Mapping[str, str] = {
    "api_tokens": "of a Secret that all share, see test_who_takes_which_tokens",
    "http_host": "always 0.0.0.0: a Service leads there",
    "http_port": "the port that Services, probes and policies name",
    "metrics_port": "the port that Services, probes and policies name",
    "weights_dir": "where the image has the model files, or where the chart mounts what was fetched",
    "instagram_session_file": "on the publisher's volume, which outlives its pods",
}
"""What nobody has to change, for this reason."""

NOT_USED: Mapping[str, tuple[str, ...]] = {
    "preview": ("broker_", "storage_", "database_"),
    "stylizer": ("database_",),
    "logger": ("storage_",),
}
"""Settings that a service has from all services, and never looks at: what they begin with."""

SAMPLES: Mapping[str, Any] = {
    "http_prefix": "/stylegram",
    "content_source_url": "gdrive://1AbCdEf?nested=false",
    "style_source_url": "https://drive.google.com/drive/folders/1ZyXwVu",
    "drive_subject": "somebody@example.org",
    "drive_endpoint": "https://drive.example.org",
    "timezone": "Europe/Berlin",
    "daily_hyperparameters": {"size": 640, "content_weight": 1e-7, "evaluations": [40, 20]},
    "logger_url": "http://logger.example.org:8001",
    "publisher_url": "http://publisher.example.org:8003",
    "preview_url": "http://preview.example.org:8002",
    "study": "spring, 'with' \"quotes\" and $(PATH): yes",
    "weights": "vgg19-gatys",
    "device": "cuda:1",
    "publish_url": "graph://17841400000000000",
    "post_kinds": "photo, reel",
    "post_windows": "mon-fri 18:00-20:00, sat 10:00-14:00",
    "instagram_endpoint": "https://instagram.example.org",
    "graph_endpoint": "https://graph.instagram.com",
    "graph_version": "v24.0",
    "logs_csv": "/var/lib/stylegram/logger/runs.csv",
}
"""Of settings that are texts; all others get some other value than their own."""

NEEDED_BESIDE = merged(
    deep("publisher.graph.existingSecret", "graph"),
    deep("logger.persistence.enabled", True),
)
"""Values without which the samples would not go together."""


def _is_used(service: str, name: str) -> bool:
    return not name.startswith(NOT_USED.get(service, ("-",)))


def _settings_below(service: str) -> Mapping[str, str]:
    """The settings that have a value of their own for that service: name → path of the value."""
    fields = SERVICES[service].model_fields
    return {
        name: f"{where}.{to_camel(name)}"
        for where, values in (("settings", VALUES["settings"]), (f"{service}.settings", VALUES[service]["settings"]))
        for name in fields
        if to_camel(name) in values
    }


def _other_value(name: str, about: FieldInfo) -> Any:
    """One that the setting may have and does not have by itself."""
    if name in SAMPLES:
        return SAMPLES[name]
    types = [each for each in (about.annotation, *get_args(about.annotation)) if each is not None]
    default = about.get_default(call_default_factory=True)
    for each in types:
        if get_origin(each) is Literal:
            return next(word for word in reversed(get_args(each)) if word != default)
    if bool in types:
        return not default
    limits = {type(limit): limit for limit in about.metadata}
    if Le in limits:
        least = limits[Ge].ge if Ge in limits else 0
        return limits[Le].le if default != limits[Le].le else least
    # Large enough for Helm to write it as a power of ten, unless it is told not to.
    return 12_345_678 if int in types else 2_345_678.5


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_has_one_value_or_one_reason(service: str) -> None:
    for name in SERVICES[service].model_fields:
        has = {
            "a value below settings": name in _settings_below(service),
            "a value elsewhere": name in ELSEWHERE and service in ELSEWHERE[name].services,
            "a reason": name in NO_VALUE,
            "no use": not _is_used(service, name),
        }
        assert sum(has.values()) == 1, (name, has)


@pytest.mark.parametrize("service", SERVICES)
def test_a_value_below_settings_is_a_setting(service: str) -> None:
    names = {to_camel(name) for name in SERVICES[service].model_fields}
    assert set(VALUES[service]["settings"]) <= names
    assert set(VALUES["settings"]) <= {to_camel(name) for name in Settings.model_fields}


def test_the_tables_name_what_is_there() -> None:
    every = {name for settings in SERVICES.values() for name in settings.model_fields}
    assert set(ELSEWHERE) | set(NO_VALUE) | set(SAMPLES) <= every
    for name, elsewhere in ELSEWHERE.items():
        for service in elsewhere.services:
            assert name in SERVICES[service].model_fields


@dataclass
class Read:
    """What a service reads of its settings.

    Args:
        settings: all of them.
        variables: what the chart says, where its files are elsewhere.
        texts: of a setting that names a file, what is in it.
    """

    settings: Settings
    variables: Mapping[str, str]
    texts: dict[str, str] = field(default_factory=dict)


def _read(rendering: Rendering, service: str, root: Path) -> Read:
    """The settings as that service reads them in its pod."""
    pod = rendering.pod(service)
    with environment(rendering, pod, pod.container(), root) as variables:
        read = Read(read_settings(SERVICES[service]), variables)
    for name in SERVICES[service].model_fields:
        value = getattr(read.settings, name)
        if isinstance(value, Path) and value.is_file():
            read.texts[name] = value.read_text(encoding="utf-8")
    return read


def _all_changed(service: str) -> Mapping[str, Any]:
    """Values that give each of its settings another value."""
    fields = SERVICES[service].model_fields
    changed = [deep(path, _other_value(name, fields[name])) for name, path in _settings_below(service).items()]
    return merged(NEEDED_BESIDE, *changed)


@pytest.mark.parametrize("service", SERVICES)
def test_what_stands_below_settings_is_what_the_service_reads(service: str, tmp_path: Path) -> None:
    read = _read(render(PRODUCTION, values=_all_changed(service)), service, tmp_path)
    settings = SERVICES[service]
    for name in _settings_below(service):
        about = settings.model_fields[name]
        meant = getattr(read_settings(settings, **{name: _other_value(name, about)}), name)
        assert meant != about.get_default(call_default_factory=True), f"{name} is changed to what it is"
        got = getattr(read.settings, name)
        assert (Path(str(got).removeprefix(str(tmp_path))) if isinstance(got, Path) else got) == meant, name


@pytest.mark.parametrize("service", SERVICES)
def test_settings_reach_nobody_else(service: str, tmp_path: Path) -> None:
    own = [name for name, path in _settings_below(service).items() if path.startswith(f"{service}.")]
    changed, usual = render(PRODUCTION, values=_all_changed(service)), render(PRODUCTION, values=NEEDED_BESIDE)
    for other in SERVICES:
        if other == service:
            continue
        for name in own:
            variable = f"{PREFIX}{name.upper()}"
            assert _literal(changed, other, variable) == _literal(usual, other, variable), (other, variable)


def _literal(rendering: Rendering, service: str, variable: str) -> str | None:
    return variables_of(rendering, rendering.pod(service).container()).get(variable)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_not_set_is_left_to_the_service(service: str) -> None:
    rendering = render(PRODUCTION)
    # The chart knows its own Services and which pods have a GPU; in production somebody has said where posts go.
    known = {"logger_url", "publisher_url", "preview_url", "device", "publish_url"}
    for name, path in _settings_below(service).items():
        where, key = path.rsplit(".", 1)
        values = VALUES["settings"] if where == "settings" else VALUES[service]["settings"]
        if values[key] is None and name not in known:
            assert _literal(rendering, service, f"{PREFIX}{name.upper()}") is None


@pytest.mark.parametrize(
    ("service", "name"), [(service, name) for name, each in ELSEWHERE.items() for service in each.services]
)
def test_what_stands_elsewhere_is_what_the_service_reads(service: str, name: str, tmp_path: Path) -> None:
    elsewhere = ELSEWHERE[name]
    before = _read(render(PRODUCTION), service, tmp_path / "before")
    after = _read(render(PRODUCTION, values=elsewhere.values), service, tmp_path / "after")
    if isinstance(elsewhere.expected, dict):
        assert json.loads(after.texts[name]) == elsewhere.expected
    else:
        assert _shown(after, name) == elsewhere.expected
    assert _shown(before, name) != _shown(after, name), "it is so anyway"


def _shown(read: Read, name: str) -> object:
    value = read.texts.get(name, getattr(read.settings, name))
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@pytest.mark.parametrize("service", _WITH_DATABASE)
def test_a_service_may_have_a_database_role_of_its_own(service: str, tmp_path: Path) -> None:
    own = render(PRODUCTION, values=deep(f"{service}.database", {"existingSecret": "own", "key": "address"}))
    for each in _WITH_DATABASE:
        expected = secret("own", "address") if each == service else secret("stylegram-database", "url")
        assert _shown(_read(own, each, tmp_path / each), "database_url") == expected


def test_migrations_may_have_a_database_role_of_their_own(tmp_path: Path) -> None:
    rendering = render(PRODUCTION, values=deep("migrations.database", {"existingSecret": "owner", "key": "address"}))
    migrating = [pod for pod in rendering.pods if "migrate" in pod.name]
    assert migrating
    for index, pod in enumerate(migrating):
        for container in pod.containers:
            service = next(each for each in _WITH_DATABASE if each in f"{pod.name} {container['name']}")
            folder = tmp_path / f"{index}-{container['name']}"
            with environment(rendering, pod, container, folder):
                read = read_settings(SERVICES[service])
            assert read.database_url.get_secret_value() == secret("owner", "address")
    for service in _WITH_DATABASE:
        assert _shown(_read(rendering, service, tmp_path / service), "database_url") == secret(
            "stylegram-database", "url"
        )


def test_who_takes_which_tokens(tmp_path: Path) -> None:
    rendering = render(PRODUCTION, values={"tokens": {"existingSecret": "t", "apiKey": "people", "internalKey": "own"}})
    taken = {
        service: _shown(_read(rendering, service, tmp_path / service), "api_tokens")
        for service in SERVICES
        if "api_tokens" in SERVICES[service].model_fields
    }
    assert taken == {"ingest": secret("t", "people")} | dict.fromkeys(
        ("preview", "publisher", "logger"), secret("t", "own")
    )


def test_ingest_finds_the_services_beside_it_and_only_those_that_are_there(tmp_path: Path) -> None:
    read = _read(render(PRODUCTION, release="pictures"), "ingest", tmp_path / "with").settings
    assert isinstance(read, IngestSettings)
    assert (read.logger_url, read.publisher_url, read.preview_url) == (
        "http://pictures-stylegram-logger:8001",
        "http://pictures-stylegram-publisher:8003",
        "http://pictures-stylegram-preview:8002",
    )
    away = merged(*(deep(f"{service}.enabled", False) for service in ("logger", "publisher", "preview")))
    without = _read(render(PRODUCTION, values=away), "ingest", tmp_path / "without").settings
    assert isinstance(without, IngestSettings)
    assert (without.logger_url, without.publisher_url, without.preview_url) == (None, None, None)


@pytest.mark.parametrize(
    ("service", "port"), [("ingest", 8000), ("logger", 8001), ("preview", 8002), ("publisher", 8003)]
)
def test_services_listen_where_the_chart_looks(service: str, port: int, tmp_path: Path) -> None:
    read: Any = _read(render(PRODUCTION), service, tmp_path).settings
    assert (read.http_host, read.http_port, read.metrics_port) == ("0.0.0.0", port, 9100)


def test_the_session_of_instagram_lies_on_the_volume(tmp_path: Path) -> None:
    rendering = render(example("instagram"))
    pod = rendering.pod("publisher")
    claims = {volume["name"] for volume in pod.spec["volumes"] if "persistentVolumeClaim" in volume}
    folders = [mount["mountPath"] for mount in pod.container()["volumeMounts"] if mount["name"] in claims]
    value = variables_of(rendering, pod.container())["STYLEGRAM_INSTAGRAM_SESSION_FILE"]
    assert any(value.startswith(f"{folder}/") for folder in folders)


def test_an_environment_of_ones_own_wins(tmp_path: Path) -> None:
    own = deep("logger.extraEnv", [{"name": "STYLEGRAM_LOG_LEVEL", "value": "error"}])
    read = _read(render(PRODUCTION, values=merged(own, deep("settings.logLevel", "debug"))), "logger", tmp_path)
    assert read.settings.log_level == "error"
