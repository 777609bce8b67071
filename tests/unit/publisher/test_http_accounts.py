"""Accounts over HTTP: how they stand, and what people decide about them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from publisher_http import ACCOUNT, add_post, open_client, open_publisher
from publisher_http import publisher as publisher
from stylegram.common.clock import utcnow
from stylegram.publisher.bootstrap import PublisherService
from stylegram.publisher.policy import Policy, written
from stylegram.publisher.tables import PostState


@pytest.fixture
def client(publisher: PublisherService) -> TestClient:
    return open_client(publisher)


def only_account(client: TestClient) -> dict[str, Any]:
    [account] = client.get("/v1/accounts").json()["items"]
    view: dict[str, Any] = account
    return view


def test_there_are_no_accounts_before_the_first_post(client: TestClient) -> None:
    assert client.get("/v1/accounts").json() == {"items": []}


def test_an_account_tells_how_it_stands(publisher: PublisherService, client: TestClient) -> None:
    add_post(publisher, "1")
    key = add_post(publisher, "2", approved=True)
    add_post(publisher, "3", state=PostState.NEEDS_REVIEW)
    account = only_account(client)
    assert (account["account"], account["state"], account["approval"]) == (ACCOUNT, "active", True)
    assert (account["waiting"], account["waiting_for_approval"], account["needs_review"]) == (2, 1, 1)
    assert account["next_post"] == key
    assert account["outlook"] == "the next may go out at once"
    assert account["timezone"] == "UTC"


def test_a_pause_tells_when_the_next_post_is_due(tmp_path: Path) -> None:
    publisher = open_publisher(tmp_path, post_spacing_minutes=60, timezone="Europe/Berlin")
    client, now = open_client(publisher), utcnow()
    add_post(publisher, "1", approved=True, state=PostState.PUBLISHED, published_at=now)
    add_post(publisher, "2", approved=True)
    account = only_account(client)
    assert abs(datetime.fromisoformat(account["next_due_at"]) - now - timedelta(hours=1)) < timedelta(seconds=2)
    assert account["timezone"] == "Europe/Berlin"
    # What the account's own publisher has written down counts for more.
    publisher.accounts.keep_policy(ACCOUNT, written(Policy(dry_run=True)))
    assert only_account(client)["next_due_at"] is None
    publisher.close()


def test_an_account_is_stopped_and_goes_on(publisher: PublisherService, client: TestClient) -> None:
    add_post(publisher, approved=True)
    stopped = client.post("/v1/accounts/stop", params={"account": ACCOUNT}, json={"reason": "holidays"}).json()
    assert (stopped["state"], stopped["reason"], stopped["next_post"]) == ("stopped", "holidays", None)
    assert stopped["outlook"] == "none while the account is stopped"
    resumed = client.post("/v1/accounts/resume", params={"account": ACCOUNT}).json()
    assert (resumed["state"], resumed["reason"]) == ("active", None)
    assert client.post("/v1/accounts/stop", params={"account": ACCOUNT}, json={}).status_code == 422


def test_posts_wait_for_a_yes_or_do_not(publisher: PublisherService, client: TestClient) -> None:
    add_post(publisher)
    for on in (False, True):
        changed = client.put("/v1/accounts/approval", params={"account": ACCOUNT}, json={"on": on}).json()
        assert changed["approval"] is on
        assert publisher.accounts.get(ACCOUNT).approval is on


@pytest.mark.parametrize("name", ["file:///var/lib/out%20box/é", "instagrapi://p&i#n@t+er", "graph://1?x=2"])
def test_an_account_of_any_name_is_found(publisher: PublisherService, client: TestClient, name: str) -> None:
    add_post(publisher, account=name)
    publisher.accounts.stop(name, "why not")
    assert client.post("/v1/accounts/resume", params={"account": name}).json()["account"] == name
    assert publisher.accounts.get(name).state == "active"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "resume", None), ("POST", "stop", {"reason": "x"}), ("PUT", "approval", {"on": True})],
)
def test_an_account_that_is_not_there_is_said_not_to_be(
    client: TestClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    response = client.request(method, f"/v1/accounts/{path}", params={"account": "graph://1"}, json=body)
    assert response.status_code == 404
    assert "graph://1" in response.json()["detail"]
    assert client.request(method, f"/v1/accounts/{path}", json=body).status_code == 422
