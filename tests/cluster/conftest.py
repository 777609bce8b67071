"""A release that all tests of a run share, and what is kept of it where one fails."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api import Api
from cluster.gallery import Gallery, chart_for_old_clusters
from cluster.monitors import watching
from cluster.namespace import Namespace, use_cluster
from cluster.report import write_report
from prometheus_server import PrometheusServer

_REPORTS = Path(__file__).parents[2] / "var" / "cluster"
_NAMESPACE = Namespace("stylegram-test")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
        folder = _REPORTS / item.name
        write_report(_NAMESPACE, folder)
        item.add_report_section(call.when, "cluster", f"What the cluster looked like then: {folder}")


@pytest.fixture(scope="session")
def cluster() -> None:
    """A cluster that is there to be broken, and surely no other one."""
    kubeconfig = os.environ.get("STYLEGRAM_TEST_CLUSTER")
    if not kubeconfig:
        pytest.skip("NOT TESTED, as there is no cluster to break: make test-cluster")
    use_cluster(kubeconfig)


@pytest.fixture(scope="session")
def namespace(cluster: None) -> Iterator[Namespace]:
    """An empty one; what a run that broke off left is gone."""
    _NAMESPACE.delete()
    _NAMESPACE.create()
    yield _NAMESPACE
    _NAMESPACE.delete()


@pytest.fixture(scope="session")
def empty(namespace: Namespace) -> set[str]:
    """What a namespace has before anything is installed."""
    return namespace.inventory()


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart's folder, as this cluster takes it."""
    return chart_for_old_clusters(tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="session")
def gallery(namespace: Namespace, empty: set[str], chart: Path) -> Iterator[Gallery]:
    """The release, installed, with every pod ready; the last test of its story takes it away."""
    release = Gallery(namespace, chart)
    release.install()
    yield release
    release.uninstall()


@pytest.fixture(scope="session")
def api(gallery: Gallery) -> Iterator[Api]:
    client = gallery.api()
    yield client
    client.close()


@pytest.fixture(scope="session")
def watcher(
    gallery: Gallery, namespace: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A Prometheus that sees the release from its beginning."""
    with watching(tmp_path_factory.mktemp("prometheus"), namespace) as server:
        yield server
