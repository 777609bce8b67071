"""The record's files over HTTP."""

import sys
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from exchange_samples import SAMPLE, exported, run, table
from logger_http import logger as logger
from logger_http import open_client
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.exchange.report import MOST_PROBLEMS


@pytest.fixture
def client(logger: LoggerService) -> Iterator[TestClient]:
    with open_client(logger) as client:
        yield client


def test_in_and_out(client: TestClient, logger: LoggerService) -> None:
    answer = client.post("/v1/logs", content=SAMPLE)
    assert (answer.status_code, answer.json()["added"], answer.json()["format"]) == (200, 60, "NST_instagram")
    assert client.post("/v1/logs", content=SAMPLE).json()["known"] == 60
    file = client.get("/v1/logs")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="logs.csv"'
    assert file.content == exported(logger.engine)
    assert [cells[:13] for cells in table(file.content)] == table(SAMPLE)
    file = client.get("/v1/logs", params={"format": "parquet"})
    assert file.headers["content-type"] == "application/vnd.apache.parquet"
    assert file.headers["content-disposition"] == 'attachment; filename="logs.parquet"'
    assert client.post("/v1/logs", content=file.content).json()["known"] == 60


def test_whose_they_are_and_what_is_private(client: TestClient, logger: LoggerService) -> None:
    logger.runs.save(run())
    whole = client.get("/v1/logs").content
    refused = client.post("/v1/logs", content=whole)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:stylegram:problem:invalid-input")
    assert client.post("/v1/logs", params={"own": True}, content=whole).json()["known"] == 1
    shared = client.get("/v1/logs", params={"share": True, "origin": "my-studio"}).content
    assert b"my-studio" in shared
    assert b"the_scream" in whole
    assert b"the_scream" not in shared
    assert client.post("/v1/logs", params={"origin": "a-friend"}, content=shared).json()["known"] == 1


def test_a_dry_run(client: TestClient, logger: LoggerService) -> None:
    answer = client.post("/v1/logs", params={"dry_run": True, "origin": "first"}, content=SAMPLE).json()
    assert (answer["added"], answer["dry_run"]) == (60, True)
    assert len(table(exported(logger.engine))) == 1


def test_the_first_problems_are_told_and_all_are_counted(client: TestClient) -> None:
    rows = SAMPLE.splitlines(keepends=True)
    answer = client.post("/v1/logs", content=rows[0] + b"x\n" * 1500 + rows[1]).json()
    assert (answer["added"], answer["refused"], len(answer["problems"])) == (1, 1500, MOST_PROBLEMS)
    assert answer["problems"][0] == {"line": 2, "kind": "refused", "reason": "it has 1 cells for 13 columns"}


@pytest.mark.parametrize(
    ("method", "query", "body", "status"),
    [
        ("GET", {"format": "xls"}, b"", 422),
        ("GET", {"origin": " "}, b"", 422),
        ("GET", {"origins": "a"}, b"", 422),
        ("POST", {"origin": "\n"}, SAMPLE, 422),
        ("POST", {"origin": "a", "own": "true"}, SAMPLE, 422),
        ("POST", {}, b"", 422),
        ("POST", {}, b"hello", 422),
        ("POST", {}, b"PAR1nonsense", 422),
    ],
)
def test_what_is_refused(client: TestClient, method: str, query: dict[str, str], body: bytes, status: int) -> None:
    answer = client.request(method, "/v1/logs", params=query, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_file_may_be_too_large(logger: LoggerService) -> None:
    with open_client(logger, max_upload_megabytes=0.01) as client:
        assert client.post("/v1/logs", content=SAMPLE).status_code == 413
        assert client.post("/v1/logs", content=iter([SAMPLE])).status_code == 413
    assert len(table(exported(logger.engine))) == 1


def test_without_pyarrow_there_is_csv(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for answer in (client.get("/v1/logs", params={"format": "parquet"}), client.post("/v1/logs", content=b"PAR1" * 9)):
        assert answer.status_code == 503
        assert "need pyarrow, which is not installed. Install stylegram-logger[parquet]" in answer.json()["detail"]
    assert client.get("/v1/logs").status_code == 200
