import json
from dataclasses import dataclass
from http import HTTPStatus

import httpx2
import pytest

from stylegram.common.errors import InvalidInput, NotFound, QueueFull, StylegramError, Unavailable
from stylegram.ingest.client import ApiClient
from stylegram.ingest.sync import SyncRunning


@dataclass(frozen=True)
class Answer(httpx2.BaseTransport):
    """The way to somebody who answers so, whatever he is asked."""

    status: int
    body: str

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, text=self.body)


def refusal(status: int, body: str) -> StylegramError:
    """What a client says of an ingest that answers so."""
    with (
        httpx2.Client(base_url="http://ingest", transport=Answer(status, body)) as http,
        pytest.raises(StylegramError) as error,
    ):
        ApiClient(http, "http://ingest", advice="Start it.", where="STYLEGRAM_URL").sync_status()
    return error.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, StylegramError),
        (HTTPStatus.FORBIDDEN, StylegramError),
        (HTTPStatus.NOT_FOUND, NotFound),
        (HTTPStatus.CONFLICT, StylegramError),
        (HTTPStatus.UNPROCESSABLE_ENTITY, InvalidInput),
        (HTTPStatus.TOO_MANY_REQUESTS, QueueFull),
        (HTTPStatus.INTERNAL_SERVER_ERROR, Unavailable),
        (HTTPStatus.SERVICE_UNAVAILABLE, Unavailable),
    ],
)
def test_a_refusal_is_known_by_its_status_and_told_in_the_servers_words(
    status: HTTPStatus, kind: type[StylegramError]
) -> None:
    error = refusal(status, json.dumps({"type": "urn:stylegram:other", "detail": "So it is."}))
    assert type(error) is kind
    assert error.message == "So it is."


def test_a_sync_that_runs_is_told_from_other_conflicts() -> None:
    problem = {"type": f"urn:stylegram:{SyncRunning.code}", "detail": "It runs."}
    error = refusal(HTTPStatus.CONFLICT, json.dumps(problem))
    assert type(error) is SyncRunning


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_before_an_ingest_that_starts_anew_is_asked_again(status: int) -> None:
    error = refusal(status, "<html>Try later</html>")
    assert type(error) is Unavailable
    assert str(error) == f"No Stylegram answers at http://ingest: somebody else says {status}."


@pytest.mark.parametrize("body", ["", "<html>", "[]", '"detail"', "null", "{}"])
@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_who_answers_in_other_words_is_no_stylegram(status: int, body: str) -> None:
    error = refusal(status, body)
    assert type(error) is StylegramError
    assert str(error).endswith(f"it says {status} and no more. Look at STYLEGRAM_URL.")
