"""Everything below a path, as behind a proxy that serves others too."""

from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest_http import TOKEN, open_client, submission
from stylegram.common.http.prefix import Prefix
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.settings import IngestSettings

PREFIX = "/art/stylegram"
HTML = {"Accept": "text/html"}
Pair = tuple[AssetReference, AssetReference]


@pytest.fixture
def client(ingest: Ingest) -> TestClient:
    return open_client(ingest, prefix=PREFIX)


@pytest.mark.parametrize("before", [PREFIX, ""])
def test_all_is_there_with_the_prefix_and_without(client: TestClient, before: str) -> None:
    for place in ("/", "/gallery", "/v1/jobs", "/healthz", "/openapi.json", "/static/stylegram.css"):
        assert client.get(before + place).status_code == 200


def test_the_prefix_itself_is_the_first_page(client: TestClient) -> None:
    assert client.get(PREFIX, headers=HTML).status_code == 200


@pytest.mark.parametrize(
    "path", ["/art", "/art/", "/art/stylegrams", f"{PREFIX}x/v1/jobs", f"{PREFIX}{PREFIX}/v1/jobs"]
)
def test_what_only_looks_like_the_prefix_is_none(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_pages_lead_below_the_prefix(client: TestClient) -> None:
    shown = client.get("/nowhere", headers=HTML).text
    assert f'href="{PREFIX}/gallery"' in shown
    assert f'href="{PREFIX}/static/stylegram.css"' in shown
    for attribute in ('href="/', 'src="/', 'action="/'):
        assert attribute not in shown.replace(f'="{PREFIX}/', '="')


def test_the_api_leads_below_the_prefix(client: TestClient, pair: Pair) -> None:
    jobs = [client.post(f"{PREFIX}/v1/jobs", json=submission(pair)) for _ in range(2)]
    assert jobs[0].headers["location"] == f"{PREFIX}/v1/jobs/{jobs[0].json()['id']}"
    page = client.get(f"{PREFIX}/v1/jobs", params={"limit": 1})
    assert page.headers["link"].startswith(f"<{PREFIX}/v1/jobs?limit=1&cursor=")
    assert client.get(page.headers["link"].partition(">")[0][1:]).json()["items"][0]["id"] == jobs[0].json()["id"]


def test_the_login_is_below_the_prefix(ingest: Ingest) -> None:
    client = open_client(ingest, prefix=PREFIX, tokens=[TOKEN])
    response = client.get(f"{PREFIX}/gallery", headers=HTML)
    assert response.headers["location"] == f"{PREFIX}/login?next=%2Fgallery"
    back = client.post(response.headers["location"], data={"token": TOKEN})
    assert back.headers["location"] == f"{PREFIX}/gallery"
    assert f"Path={PREFIX};" in back.headers["set-cookie"]
    # The first page has no slash behind it where somebody types its address.
    for place in ("/queue", "/", ""):
        assert client.get(PREFIX + place, headers=HTML).status_code == 200


@pytest.mark.parametrize(
    ("asked", "path", "raw_path"),
    [
        ("/art/stylegram/v1/runs/a%2Fb", "/v1/runs/a/b", b"/v1/runs/a%2Fb"),
        ("/art/stylegram", "/", b"/"),
        ("/art/%73tylegram/v1/runs/a%20b", "/v1/runs/a b", b"/v1/runs/a%20b"),
        ("/art/stylegram%2Fv1/runs", "/v1/runs", b"/v1/runs"),
        ("/art/stylegrams", "/art/stylegrams", b"/art/stylegrams"),
    ],
)
def test_a_path_is_the_same_as_it_was_sent(asked: str, path: str, raw_path: bytes) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await Response()(scope, receive, send)

    TestClient(Prefix(app, PREFIX)).get(asked)
    assert [(scope["path"], scope["raw_path"]) for scope in scopes] == [(path, raw_path)]


def settings(**values: str) -> IngestSettings:
    required: Mapping[str, str] = {"storage_url": "file:///tmp/x"}
    secrets = {"database_url": SecretStr("sqlite:////tmp/x"), "broker_url": SecretStr("memory://")}
    return IngestSettings(**required, **secrets, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "meant"), [("", ""), ("/", ""), ("/stylegram", "/stylegram"), ("/a/b-1/", "/a/b-1")])
def test_a_prefix_is_a_path(given: str, meant: str) -> None:
    assert settings(http_prefix=given).http_prefix == meant


@pytest.mark.parametrize("given", ["stylegram", "//x", "/a//b", "/a b", "/a/../b", "https://x/y", "/<x>", "/a?b"])
def test_what_is_no_path_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="as in /stylegram"):
        settings(http_prefix=given)
