from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel

from stylegram.common.http.app import Part, assemble

router = APIRouter(prefix="/v1")


class Filter(BaseModel):
    """Which ones."""

    size: int | None = None
    style: Annotated[list[str], Query(alias="style_name")] = []


def _limit(limit: int = 5) -> int:
    return limit


@router.get("/runs/{run}")
def runs(
    run: Annotated[str, Path()],
    wanted: Annotated[Filter, Query()],
    limit: Annotated[int, Depends(_limit)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> dict[str, object]:
    """Everything that may stand in a query, and what may not."""
    return {"run": run, "limit": limit, "last": last_event_id, **wanted.model_dump()}


@pytest.fixture
def client() -> TestClient:
    app = assemble(Part(routers=[router]), title="Runs", version="1", description="Runs.")
    return TestClient(app, base_url="http://127.0.0.1")


def test_names_in_models_and_in_dependencies_are_known(client: TestClient) -> None:
    response = client.get("/v1/runs/7?size=64&style_name=a&style_name=b&limit=3")
    assert response.json() == {"run": "7", "limit": 3, "last": None, "size": 64, "style": ["a", "b"]}


@pytest.mark.parametrize("name", ["run", "last-event-id", "wanted", "style"])
def test_names_of_what_stands_elsewhere_are_not(client: TestClient, name: str) -> None:
    response = client.get(f"/v1/runs/7?{name}=1")
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"where": f"query/{name}", "detail": "Not known here; known: size, style_name, limit."}
    ]
