from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from ingest_http import open_client
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest


def without_database(ingest: Ingest, tmp_path: Path) -> Ingest:
    return replace(ingest, engine=create_engine(f"sqlite:///{tmp_path}/no/such/folder.sqlite"))


def without_broker(ingest: Ingest, tmp_path: Path) -> Ingest:
    ingest.broker.close()
    return ingest


def without_storage(ingest: Ingest, tmp_path: Path) -> Ingest:
    (tmp_path / "storage").rename(tmp_path / "elsewhere")
    return ingest


def test_a_whole_service_is_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (without_database, "The database did not answer"),
        (without_broker, "The message queue's file did not answer"),
        (without_storage, "The storage folder"),
    ],
)
def test_a_service_that_lacks_something_lives_but_is_not_ready(
    ingest: Ingest, tmp_path: Path, broken: Callable[[Ingest, Path], Ingest], reason: str
) -> None:
    client = open_client(broken(ingest, tmp_path))
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["detail"].startswith(reason)


def test_a_process_that_lost_a_part_does_not_live(ingest: Ingest) -> None:
    def dead() -> NoReturn:
        raise RuntimeError("password=hunter2")

    response = open_client(ingest, alive=dead).get("/healthz")
    assert response.status_code == 503
    assert "A part of this process has ended" in response.json()["detail"]
    assert "hunter2" not in response.text


def test_metrics_are_for_prometheus(client: TestClient, ingest: Ingest) -> None:
    ingest.pause("stylizer.batch")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE stylegram_jobs_total counter" in response.text
    assert 'stylegram_queue_messages{queue="stylizer.jobs",state="waiting"} 0.0' in response.text
    assert 'stylegram_queue_paused{queue="stylizer.batch"} 1.0' in response.text


def test_the_schema_documents_hyperparameters_from_their_model(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    size = schema["components"]["schemas"]["Hyperparameters"]["properties"]["size"]
    assert size["description"] == Hyperparameters.model_fields["size"].description
    assert (size["minimum"], size["maximum"]) == (32, 4096)
    assert schema["components"]["schemas"]["JobSubmission"]["examples"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_loads_from_other_hosts(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_defect_says_nothing_of_itself(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> NoReturn:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Ingest, "quarantine", fail)
    client = open_client(ingest)
    response = client.get("/v1/quarantine")
    assert response.status_code == 500
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "This is a defect in Stylegram; its log tells more.",
        "instance": "/v1/quarantine",
    }
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    page = client.get("/library", headers={"Accept": "text/html"})
    assert page.status_code == 500
    assert "hunter2" not in page.text
