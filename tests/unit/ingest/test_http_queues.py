from contextlib import closing
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client
from ingest_samples import FAST
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.messages import CancelJob
from stylegram.common.ports import DeadLetter
from stylegram.common.records import AssetReference
from stylegram.common.topology import INGEST_EVENTS, QUEUES, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest

Pair = tuple[AssetReference, AssetReference]
EVENTS = f"/v1/queues/{INGEST_EVENTS.name}"


@pytest.fixture
def two_dead(ingest: Ingest) -> list[str]:
    """The job ids of two messages that nobody could use; a third one waits."""
    for number in ("1", "2", "3"):
        ingest.broker.publish(CancelJob(job_id=number))
    for number in ("1", "2"):
        delivery = ingest.broker.receive(INGEST_EVENTS.name)
        assert delivery
        ingest.broker.reject(delivery, f"Nobody knows {number}.")
    return ["1", "2"]


def status(client: TestClient, name: str) -> tuple[int, int, bool]:
    (queue,) = (queue for queue in client.get("/v1/queues").json()["items"] if queue["name"] == name)
    return queue["waiting"], queue["dead"], queue["paused"]


def test_every_queue_says_how_it_stands(client: TestClient, ingest: Ingest, pair: Pair, two_dead: list[str]) -> None:
    ingest.submit(*pair, FAST)
    ingest.relay().relay_once()
    assert [queue["name"] for queue in client.get("/v1/queues").json()["items"]] == [queue.name for queue in QUEUES]
    assert status(client, INGEST_EVENTS.name) == (1, 2, False)
    assert status(client, STYLIZER_JOBS.name) == (1, 0, False)


def test_a_queue_is_held_up_and_let_go(client: TestClient, ingest: Ingest) -> None:
    for action, paused in (("pause", True), ("pause", True), ("resume", False), ("resume", False)):
        response = client.post(f"{EVENTS}/{action}")
        assert (response.status_code, response.json()["paused"]) == (200, paused)
        assert ingest.broker.paused(INGEST_EVENTS.name) is paused


def test_dead_letters_are_shown_and_stay(client: TestClient, two_dead: list[str]) -> None:
    for _ in range(2):
        first, second = client.get(f"{EVENTS}/dead").json()["items"]
        assert (first["queue"], first["reason"], first["count"]) == (INGEST_EVENTS.name, "Nobody knows 1.", 1)
        assert '"job_id":"1"' in first["body"]
        assert '"job_id":"2"' in second["body"]
        assert first["died_at"] <= second["died_at"]


def test_dead_letters_are_taken_out(client: TestClient, two_dead: list[str]) -> None:
    drained = client.post(f"{EVENTS}/drain-dead").json()["items"]
    assert [letter["reason"] for letter in drained] == ["Nobody knows 1.", "Nobody knows 2."]
    assert client.post(f"{EVENTS}/drain-dead").json() == {"items": []}
    assert status(client, INGEST_EVENTS.name) == (1, 0, False)


def test_dead_letters_are_put_back(client: TestClient, two_dead: list[str]) -> None:
    assert len(client.post(f"{EVENTS}/drain-dead?requeue=true").json()["items"]) == 2
    assert status(client, INGEST_EVENTS.name) == (3, 0, False)


def test_a_letter_that_is_no_text_is_shown_all_the_same(ingest: Ingest) -> None:
    class Strange(SqliteBroker):
        def dead_letters(self, queue: str) -> list[DeadLetter]:
            return [DeadLetter(queue, b"\xff\x00 {", "x", 1, utcnow())]

    with closing(Strange(None)) as broker:
        response = open_client(replace(ingest, broker=broker)).get(f"{EVENTS}/dead")
    assert response.json()["items"][0]["body"] == "\ufffd\x00 {"


@pytest.mark.parametrize("name", ["nothing", "stylizer", "..", "x" * 300, "%00"])
def test_an_unknown_queue_is_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/v1/queues/{name}/dead").status_code == 404
    for action in ("pause", "resume", "drain-dead"):
        assert client.post(f"/v1/queues/{name}/{action}").status_code == 404


def test_reconciling_says_what_it_did(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    ingest.submit(*pair, FAST)
    report = client.post("/v1/reconcile").json()
    assert report
    assert set(report.values()) == {0}
