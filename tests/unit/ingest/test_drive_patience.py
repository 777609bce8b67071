import http.client
import json
import threading
from collections.abc import Callable

import httplib2
import pytest
from google.auth.exceptions import RefreshError, TransportError
from googleapiclient.errors import HttpError

from drive_source import Waits
from stylegram.ingest.sources.drive.patience import Patience


def refusal(status: int, reason: str = "") -> HttpError:
    content = json.dumps({"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}})
    return HttpError(httplib2.Response({"status": str(status)}), content.encode())


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


@pytest.mark.parametrize(
    "error",
    [
        refusal(408),
        refusal(500),
        refusal(503, "backendError"),
        refusal(429, "rateLimitExceeded"),
        refusal(403, "rateLimitExceeded"),
        refusal(403, "userRateLimitExceeded"),
        ConnectionResetError(),
        TimeoutError(),
        http.client.IncompleteRead(b""),
        http.client.BadStatusLine(""),
        httplib2.ServerNotFoundError(),
        TransportError("the token server did not answer"),
        RefreshError("internal failure", retryable=True),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    waits = Waits()
    assert waits.patience().call(failing(error)) == "done"
    assert waits.seconds


@pytest.mark.parametrize(
    "error",
    [
        refusal(400, "invalid"),
        refusal(401, "authError"),
        refusal(404, "notFound"),
        refusal(403, "downloadQuotaExceeded"),
        refusal(403, "storageQuotaExceeded"),
        refusal(403, "dailyLimitExceeded"),
        refusal(403, "sharingRateLimitExceeded"),
        refusal(403, "cannotDownloadFile"),
        refusal(403),
        RefreshError("invalid_grant", {"error": "invalid_grant"}),
    ],
    ids=repr,
)
def test_what_does_not_pass_is_not_tried_again(error: Exception) -> None:
    waits = Waits()
    with pytest.raises(type(error)) as raised:
        waits.patience().call(failing(error))
    assert raised.value is error
    assert not waits.seconds


def test_an_answer_that_is_no_json_is_sorted_by_its_status() -> None:
    page = HttpError(httplib2.Response({"status": "502"}), b"<html>Bad gateway</html>")
    assert Waits().patience().call(failing(page)) == "done"
    with pytest.raises(HttpError):
        Waits().patience().call(failing(HttpError(httplib2.Response({"status": "403"}), b"[]")))


def test_pauses_grow_and_end_with_the_limit() -> None:
    waits = Waits(limit=100.0)
    with pytest.raises(ConnectionResetError):
        waits.patience().call(failing(*[ConnectionResetError()] * 100))
    assert sum(waits.seconds) <= 100.0
    assert len(waits.seconds) < 12
    assert all(0.25 * 2**number <= pause <= 32.0 for number, pause in enumerate(waits.seconds[:6]))


def test_each_pause_is_another_so_that_threads_do_not_come_back_together() -> None:
    pauses = []
    for _ in range(10):
        waits = Waits()
        waits.patience().call(failing(ConnectionResetError()))
        pauses += waits.seconds
    assert len(set(pauses)) > 1


def test_too_fast_slows_every_thread_down_and_it_gets_faster_again() -> None:
    waits = Waits()
    patience = waits.patience()
    patience.call(failing(*[refusal(403, "userRateLimitExceeded")] * 3))
    waits.seconds.clear()

    def calls(count: int) -> float:
        before = waits.now()
        for _ in range(count):
            other = threading.Thread(target=patience.call, args=(failing(),))
            other.start()
            other.join()
        return waits.now() - before

    assert calls(3) > 0.5
    calls(60)
    assert calls(10) == 0.0


def test_threads_that_were_too_fast_together_are_slowed_down_once() -> None:
    waits: list[float] = []
    patience = Patience(sleep=waits.append, clock=lambda: 100.0)
    for _ in range(6):
        patience.call(failing(refusal(429)))
    waits.clear()
    for _ in range(2):
        patience.call(failing())
    assert 0.0 < waits[1] - waits[0] <= 0.1


def test_trouble_that_has_nothing_to_do_with_speed_slows_nobody_down() -> None:
    waits = Waits()
    patience = waits.patience()
    patience.call(failing(refusal(500), ConnectionResetError()))
    waits.seconds.clear()
    for _ in range(5):
        patience.call(failing())
    assert not waits.seconds


def test_an_error_of_the_programmers_is_not_tried_again() -> None:
    with pytest.raises(ZeroDivisionError):
        Patience().call(lambda: 1 // 0)
