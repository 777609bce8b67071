"""The record over HTTP: lists, one run, comparisons, the best and what matters."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from logger_http import logger as logger
from logger_http import open_client
from logger_runs import a_row, insert_rows, some_rows
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.queries.filters import filter_names

LISTS = ["/v1/runs", "/v1/leaderboard"]


@pytest.fixture
def client(logger: LoggerService) -> Iterator[TestClient]:
    insert_rows(logger.engine, some_rows(60, seed=4))
    with open_client(logger) as client:
        yield client


def ids(answer: Any) -> list[str]:
    return [run["job_id"] for run in answer.json()["items"]]


@pytest.mark.parametrize("asked", ["/v1/runs?", "/v1/leaderboard?by=score&"])
def test_a_list_goes_on_by_its_link(client: TestClient, asked: str) -> None:
    whole = ids(client.get(f"{asked}origin=&limit=1000"))
    answer = client.get(f"{asked}origin=&limit=2")
    found = ids(answer)
    while link := answer.headers.get("link"):
        match = re.fullmatch(r'<(.*)>; rel="next"', link)
        assert match
        answer = client.get(match[1])
        found += ids(answer)
    assert found == whole
    assert len(found) > 2


def test_runs_are_filtered_and_sorted(client: TestClient) -> None:
    query = "/v1/runs?optimizer=adam&score.max=3&outcome=succeeded&outcome=failed&sort=score"
    found = client.get(query).json()["items"]
    assert found
    scores = [run["score"] for run in found]
    assert scores == sorted(scores)
    assert scores[-1] <= 3
    assert {run["hyperparameters"]["optimizer"] for run in found} == {"adam"}
    other_way = client.get(f"{query}&order=descending").json()["items"]
    assert [run["score"] for run in other_way] == scores[::-1]


def test_a_run_is_shown_with_what_is_known_of_it(client: TestClient, logger: LoggerService) -> None:
    insert_rows(logger.engine, [a_row(500, 0.5, 0.25, learning_rate=None, rating=4, post_likes=7)])
    job_id = a_row(500)["job_id"]
    run = client.get(f"/v1/runs/{job_id}").json()
    assert (run["score"], run["rating"], run["likes"], run["origin"]) == (1.875, 4, 7, None)
    assert run["metrics"] == {"ssim": 0.5}
    assert "learning_rate" not in run["hyperparameters"]
    assert run["hyperparameters"]["evaluations"] == [40, 40, 20]
    assert client.get(f"/v1/runs/{job_id}/curve").json() == {"items": []}


def test_runs_are_compared_side_by_side(client: TestClient) -> None:
    first, second = ids(client.get("/v1/runs?limit=2"))
    compared = client.get("/v1/runs/compare", params={"ids": f"{first},{second}"}).json()
    assert [run["job_id"] for run in compared["runs"]] == [first, second]


def test_what_matters_is_told(client: TestClient) -> None:
    told = client.get("/v1/importance", params={"of": "relative_style_error", "optimizer": "adam"}).json()
    assert told["hyperparameters"] == []
    assert "too few" in told["too_few"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/runs?optimizr=adam", 422, "like it are optimizer"),
        ("/v1/leaderboard?sort=score", 422, "/openapi.json lists all"),
        ("/v1/importance?score.least=1", 422, "score.min"),
        ("/v1/runs?optimizer=sgd", 422, "lbfgs, adam"),
        ("/v1/runs?score.max=low", 422, "score.max='low'"),
        ("/v1/runs?sort=seed", 422, "post_likes"),
        ("/v1/runs?order=up", 422, "ascending"),
        ("/v1/runs?cursor=abc", 422, "cursor"),
        ("/v1/runs?limit=0", 422, "limit"),
        ("/v1/leaderboard?by=beauty", 422, "pareto"),
        ("/v1/leaderboard?cursor=abc", 422, "cursor"),
        ("/v1/runs/nobody", 404, "GET /v1/runs"),
        ("/v1/runs/nobody/curve", 404, "nobody"),
        ("/v1/runs/compare", 422, "ids"),
        ("/v1/runs/compare?ids=a", 422, "2 to 10"),
        ("/v1/runs/compare?ids=a,a", 422, "twice"),
        ("/v1/runs/compare?ids=a,b", 404, "a, b"),
        ("/v1/importance?limit=2001", 422, "limit"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(client: TestClient, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("path", [*LISTS, "/v1/importance"])
def test_every_filter_is_described(client: TestClient, path: str) -> None:
    operation = client.get("/openapi.json").json()["paths"][path]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert not {name for name in parameters if "filter_" in name}
    described = parameters["filters"]["schema"]["properties"]
    assert set(described) == set(filter_names())
    assert {*Hyperparameters.model_fields, "ssim", "score.min"} <= set(described)
    assert described["optimizer"]["enum"] == ["lbfgs", "adam"]
    assert described["ssim"]["description"] == Metrics.model_fields["ssim"].description
    assert "relu4_2" in json.dumps(described["style_layers"])
