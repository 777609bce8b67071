"""The profile demo: all that it takes is in it, and its parts know one another."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chart_environment import environment, variables_of
from chart_rendering import Rendering, example, render
from chart_services import SERVICES
from stylegram.common.service import read_settings

DEMO = example("demo")
FOLDER = "/var/lib/stylegram/data"


def test_everything_is_in_it() -> None:
    rendering = render(DEMO)
    assert set(rendering.names("Deployment")) == {f"stylegram-{service}" for service in SERVICES}
    assert set(rendering.names("StatefulSet")) == {"stylegram-rabbitmq", "stylegram-postgresql"}
    assert set(rendering.names("Secret")) == {"stylegram-tokens", "stylegram-demo"}
    assert set(rendering.names("CronJob")) == {"stylegram-daily", "stylegram-sync"}


def _read(rendering: Rendering, owner: str, file: str, root: Path) -> str:
    """What is in the file that a container's variable names."""
    pod = rendering.pod(owner)
    with environment(rendering, pod, pod.container(), root) as variables:
        return Path(variables[file]).read_text(encoding="utf-8")


def test_its_parts_know_one_another(tmp_path: Path) -> None:
    rendering = render(DEMO)
    secrets = rendering.get("Secret", "stylegram-demo")
    for service, settings in SERVICES.items():
        pod = rendering.pod(service)
        with environment(rendering, pod, pod.container(), tmp_path / service) as variables:
            read = read_settings(settings)
        if "STYLEGRAM_BROKER_URL_FILE" in variables:
            broker = urlsplit(read.broker_url.get_secret_value())
            assert (broker.scheme, broker.hostname, broker.port or 5672) == ("amqp", "stylegram-rabbitmq", 5672)
            assert broker.username and broker.password
        if "STYLEGRAM_DATABASE_URL_FILE" in variables:
            database = urlsplit(read.database_url.get_secret_value())
            assert (database.scheme, database.hostname) == ("postgresql+psycopg", "stylegram-postgresql")
            assert database.password
        if "STYLEGRAM_STORAGE_URL" in variables:
            assert read.storage_url == f"file://{FOLDER}/storage"
    assert {"broker-url", "database-url", "management-url"} <= {
        *secrets.get("data", {}),
        *secrets.get("stringData", {}),
    }
    ingest = variables_of(rendering, rendering.pod("ingest").container())
    assert ingest["STYLEGRAM_CONTENT_SOURCE_URL"] == f"file://{FOLDER}/photos"
    assert ingest["STYLEGRAM_STYLE_SOURCE_URL"] == f"file://{FOLDER}/paintings"
    publisher = variables_of(rendering, rendering.pod("publisher").container())
    assert publisher["STYLEGRAM_PUBLISH_URL"] == f"folder://{FOLDER}/outbox"


def test_a_token_that_one_shows_is_one_that_the_other_takes(tmp_path: Path) -> None:
    rendering = render(DEMO)
    taken = _read(rendering, "ingest", "STYLEGRAM_API_TOKENS_FILE", tmp_path / "ingest")
    assert _read(rendering, "CronJob/daily", "STYLEGRAM_TOKEN_FILE", tmp_path / "daily") == taken
    assert len(taken) >= 32
    for service in ("logger", "publisher", "preview"):
        shown = _read(rendering, "ingest", f"STYLEGRAM_{service.upper()}_TOKEN_FILE", tmp_path / f"to-{service}")
        assert _read(rendering, service, "STYLEGRAM_API_TOKENS_FILE", tmp_path / service) == shown
        assert shown != taken, "who comes in from outside is no service"


def test_two_installations_have_no_secret_in_common() -> None:
    first, second = render(DEMO), render(DEMO, release="stylegram-too")
    texts = [
        {text for secret in each.of_kind("Secret") for key, text in secret["data"].items() if "conf" not in key}
        if all("data" in secret for secret in each.of_kind("Secret"))
        else {text for secret in each.of_kind("Secret") for text in secret["stringData"].values()}
        for each in (first, second)
    ]
    assert texts[0] and not texts[0] & texts[1]


@pytest.mark.parametrize("component", ["ingest", "stylizer", "publisher"])
def test_who_sees_pictures_has_the_volume(component: str) -> None:
    pod = render(DEMO).pod(component)
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod.spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert list(claims.values()) == ["stylegram-demo-data"]
    (mount,) = [each for each in pod.container()["volumeMounts"] if each["name"] in claims]
    assert mount["mountPath"] == FOLDER
