"""The profile `production`, beside the demo and at its servers: with tables that a hook brings up to date."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from cluster.gallery import FIRST, RELEASE, SECOND, Gallery, tags_of
from cluster.namespace import Namespace, Object

STUDIO = "studio"
SERVICES = ("ingest", "logger", "publisher")
VALUES = Path(__file__).parent / "production.yaml"


class Studio:
    """A release that begins before the databases have any table."""

    def __init__(self, namespace: Namespace, chart: Path) -> None:
        self.namespace = namespace
        self.chart = chart

    def helm(self, verb: str, **values: str) -> None:
        words = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
        words = ["--values", str(VALUES), *words, "--post-renderer", "compat", "--wait", "--timeout", "180s"]
        self.namespace.helm(verb, STUDIO, str(self.chart), *words)

    def hooks(self) -> dict[str, str]:
        """When each Job that brings tables up to date has ended well, last."""
        status = json.loads(self.namespace.helm("status", STUDIO, "--output", "json"))
        jobs = [hook for hook in status["hooks"] if hook["kind"] == "Job"]
        assert {hook["last_run"]["phase"] for hook in jobs} == {"Succeeded"}
        return {hook["name"]: hook["last_run"]["completed_at"] for hook in jobs}

    def pods(self) -> list[Object]:
        found = self.namespace.objects("pods", {"app.kubernetes.io/instance": STUDIO})
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


@pytest.fixture(scope="module")
def studio(gallery: Gallery) -> Iterator[Studio]:
    """A release with a database and a virtual host of its own; it is gone afterwards."""
    namespace = gallery.namespace
    urls = namespace.secret(f"{RELEASE}-stylegram-demo")
    with psycopg.connect(from_here(gallery, urls["database-url"], "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {STUDIO}")
    management = urlsplit(from_here(gallery, urls["management-url"], "http"))
    host = management._replace(path=f"/api/vhosts/{STUDIO}").geturl()
    httpx2.put(host, trust_env=False, timeout=60).raise_for_status()
    own = {name: urlsplit(urls[f"{name}-url"])._replace(path=f"/{STUDIO}").geturl() for name in ("broker", "database")}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": STUDIO}, "stringData": own}
    namespace.kubectl("apply", "--filename=-", given=json.dumps(secret))
    yield Studio(namespace, gallery.chart)
    namespace.helm("uninstall", STUDIO, "--ignore-not-found", "--wait")
    # Helm never takes away hooks: the account that they use, and Jobs that failed, for whoever looks why.
    hooks = ("job,serviceaccount", "--selector", f"app.kubernetes.io/instance={STUDIO}")
    namespace.kubectl("delete", *hooks, "--cascade=foreground")
    namespace.kubectl("delete", "secret", STUDIO)


def from_here(gallery: Gallery, url: str, scheme: str) -> str:
    """The URL of a Service, by its address: names are for the cluster alone."""
    parts = urlsplit(url)
    assert parts.hostname
    address = gallery.namespace.object("service", parts.hostname.partition(".")[0])["spec"]["clusterIP"]
    return parts._replace(scheme=scheme, netloc=parts.netloc.replace(parts.hostname, address)).geturl()


def test_tables_are_there_before_the_services(studio: Studio) -> None:
    studio.helm("install")
    first = studio.hooks()
    assert {name.rpartition("-")[2] for name in first} == set(SERVICES)
    began = min(pod["status"]["startTime"] for pod in studio.pods())
    assert all(moment[:19] <= began[:19] for moment in first.values())
    studio.helm("upgrade", **{"image.tag": SECOND})
    assert all(moment > first[name] for name, moment in studio.hooks().items())
    assert tags_of(studio.pods()) == {SECOND}


def test_an_upgrade_whose_tables_cannot_be_changed_touches_no_service(studio: Studio) -> None:
    before = {pod["metadata"]["uid"] for pod in studio.pods()}
    with pytest.raises(AssertionError, match="pre-upgrade hooks failed"):
        studio.helm("upgrade", **{"image.tag": FIRST, "migrations.database.existingSecret": "absent"})
    assert {pod["metadata"]["uid"] for pod in studio.pods()} == before
