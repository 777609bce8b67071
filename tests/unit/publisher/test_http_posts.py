"""Posts over HTTP: lists, pages, media, and every decision with what can be wrong about it."""

import threading
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import insert

from publisher_http import ACCOUNT, add_post, open_client, open_publisher
from publisher_http import publisher as publisher
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.publisher.bootstrap import PublisherService
from stylegram.publisher.captions.limits import MAX_LENGTH
from stylegram.publisher.composer import Composer
from stylegram.publisher.http import media
from stylegram.publisher.http.app import create_app
from stylegram.publisher.http.media import MediaMaker
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.tables import FeedbackRow, PostState

NOBODY = "0123456789abcdef"
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def client(publisher: PublisherService) -> TestClient:
    return open_client(publisher)


def keys(client: TestClient, **query: Any) -> list[str]:
    """Keys of the posts on the first page."""
    response = client.get("/v1/posts", params=query)
    assert response.status_code == 200, response.text
    return [post["key"] for post in response.json()["items"]]


def out(publisher: PublisherService, job_id: str, when: datetime, **facts: Any) -> str:
    return add_post(publisher, job_id, approved=True, state=PostState.PUBLISHED, published_at=when, **facts)


# Lists


def test_nothing_was_posted_yet(client: TestClient) -> None:
    response = client.get("/v1/posts")
    assert response.json() == {"items": [], "next": None}
    assert "link" not in response.headers


def test_a_list_says_of_each_post_what_it_waits_for(publisher: PublisherService, client: TestClient) -> None:
    asked = add_post(publisher, "1")
    yes = add_post(publisher, "2", approved=True)
    posts = {post["key"]: post for post in client.get("/v1/posts").json()["items"]}
    assert posts[asked]["waits_for"] == "waits for a yes"
    assert posts[yes]["waits_for"] == "due now"
    assert (posts[asked]["content"], posts[asked]["style"]) == ("me.jpg", "the_scream.jpg")
    assert posts[asked]["media"] == ["image/jpeg"]


def test_a_list_is_of_states_an_account_and_a_yes(publisher: PublisherService, client: TestClient) -> None:
    asked = add_post(publisher, "1")
    yes = add_post(publisher, "2", approved=True)
    failed = add_post(publisher, "3", account="graph://1", state=PostState.FAILED)
    assert set(keys(client, state=["prepared", "failed"])) == {asked, yes, failed}
    assert keys(client, state="failed") == [failed]
    assert keys(client, account="graph://1") == [failed]
    assert keys(client, state="prepared", approved=False) == [asked]
    assert keys(client, state="prepared", approved=True) == [yes]
    assert keys(client, account="graph://2") == []


def test_a_calendar_asks_for_what_went_out_then(publisher: PublisherService, client: TestClient) -> None:
    before = out(publisher, "1", NOVEMBER - timedelta(seconds=1), created_at=NOVEMBER)
    first = out(publisher, "2", NOVEMBER, created_at=NOVEMBER - timedelta(days=9))
    last = out(publisher, "3", NOVEMBER + timedelta(days=30) - timedelta(seconds=1))
    after = out(publisher, "4", NOVEMBER + timedelta(days=30))
    month = {"since": NOVEMBER.isoformat(), "until": (NOVEMBER + timedelta(days=30)).isoformat()}
    assert set(keys(client, **month)) == {first, last}
    assert before in keys(client, until=month["since"])
    assert after in keys(client, since=month["until"])
    # One that is not out counts by when it came.
    waiting = add_post(publisher, "5", created_at=NOVEMBER + timedelta(days=3))
    assert waiting in keys(client, **month)


def test_pages_follow_each_other_without_gap_or_repetition(publisher: PublisherService, client: TestClient) -> None:
    # All nine at one moment, which only their kinds and keys tell apart.
    grid = [add_post(publisher, "1", kind=f"grid-{tile}", created_at=NOVEMBER) for tile in range(1, 10)]
    newest = add_post(publisher, "2")
    found, query = [], "/v1/posts?limit=3&state=prepared"
    while query:
        response = client.get(query)
        found += [post["key"] for post in response.json()["items"]]
        following = response.json()["next"]
        assert ("link" in response.headers) == (following is not None)
        query = response.headers["link"].partition(">")[0][1:] if following else ""
        # What comes meanwhile neither repeats others nor hides them.
        add_post(publisher, f"meanwhile-{len(found)}")
    assert found == [newest, *grid]


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ==", "WyJhIiwiYiIsImMiXQ==", "é"])
def test_a_cursor_of_another_list_is_refused(client: TestClient, cursor: str) -> None:
    response = client.get("/v1/posts", params={"cursor": cursor})
    assert response.status_code == 422
    assert "no cursor of this list" in response.json()["detail"]


@pytest.mark.parametrize("query", ["state=lost", "since=now", "since=2026-11-01T00:00:00", "limit=0", "limit=1001"])
def test_a_question_that_makes_no_sense_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/posts?{query}").status_code == 422


# One post


def test_a_post_tells_all_of_itself(publisher: PublisherService, client: TestClient) -> None:
    key = out(publisher, "1", utcnow(), url="https://www.instagram.com/p/x/")
    with transaction(publisher.ledger.engine) as session:
        for hours, likes in ((2, 31), (1, 12)):
            session.execute(
                insert(FeedbackRow).values(post=key, read_at=NOVEMBER + timedelta(hours=hours), likes=likes, reach=512)
            )
    post = client.get(f"/v1/posts/{key}").json()
    assert (post["state"], post["url"], post["alt_text"]) == ("published", "https://www.instagram.com/p/x/", "A face.")
    assert [(reading["likes"], reading["saves"]) for reading in post["feedback"]] == [(12, None), (31, None)]
    assert post["caption_rules"]["length"] == MAX_LENGTH
    assert post["caption_rules"]["last_line"] == marker_of(key)
    assert post["review"] == []


def test_a_post_of_which_nobody_knows_tells_where_to_look(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher, state=PostState.NEEDS_REVIEW, committing_at=NOVEMBER)
    unknown, look = client.get(f"/v1/posts/{key}").json()["review"]
    assert "2026-11-01 00:00:00 UTC" in unknown
    assert marker_of(key) in look


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/media/1", None),
        ("POST", "/approve", None),
        ("POST", "/reject", {}),
        ("POST", "/retry", None),
        ("PUT", "/caption", {"text": "words"}),
        ("POST", "/settle", {"url": None}),
    ],
)
def test_a_post_that_is_not_there_is_said_not_to_be(
    client: TestClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    response = client.request(method, f"/v1/posts/{NOBODY}{path}", json=body)
    assert response.status_code == 404
    assert NOBODY in response.json()["detail"]


# Media


def test_a_picture_is_as_it_goes_out(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher)
    response = client.get(f"/v1/posts/{key}/media/1")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    [medium] = publisher.composer.post(publisher.ledger.get(key)).media
    assert response.content == medium.data
    assert client.get(f"/v1/posts/{key}/media/2").status_code == 404
    assert client.get(f"/v1/posts/{key}/media/0").status_code == 422


def test_a_browser_that_has_it_gets_nothing(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher)
    version = client.get(f"/v1/posts/{key}/media/1").headers["etag"]
    again = client.get(f"/v1/posts/{key}/media/1", headers={"If-None-Match": version})
    assert (again.status_code, again.content) == (304, b"")
    # Other words change no picture, and another look does.
    client.put(f"/v1/posts/{key}/caption", json={"text": "Other words"})
    assert client.get(f"/v1/posts/{key}/media/1").headers["etag"] == version


def test_another_look_is_another_version(tmp_path: Path) -> None:
    versions, sizes = [], []
    for post_format in ("square", "portrait"):
        publisher = open_publisher(tmp_path, post_format=post_format)
        response = open_client(publisher).get(f"/v1/posts/{add_post(publisher)}/media/1")
        versions.append(response.headers["etag"])
        sizes.append(Image.open(BytesIO(response.content)).size)
        publisher.close()
    assert sizes == [(1080, 1080), (1080, 1350)]
    assert versions[0] != versions[1]


def test_a_carousel_has_three_media_to_leaf_through(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher, kind="carousel")
    assert client.get(f"/v1/posts/{key}").json()["media"] == ["image/jpeg"] * 3
    assert [client.get(f"/v1/posts/{key}/media/{number}").status_code for number in (1, 2, 3, 4)] == [
        200,
        200,
        200,
        404,
    ]


def test_a_picture_that_is_gone_is_said_to_be(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher, kind="reel")  # whose film nobody made
    assert client.get(f"/v1/posts/{key}/media/1").status_code == 404


def test_who_waits_for_media_keeps_nobody_from_an_answer(publisher: PublisherService, tmp_path: Path) -> None:
    publisher.composer.post(publisher.ledger.get(add_post(publisher)))
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> Composer:
        begun.set()
        assert go_on.wait(20)
        return publisher.composer

    app = create_app(publisher)
    app.state.media = MediaMaker(wait, "")

    async def look(client: httpx2.AsyncClient) -> None:
        key = publisher.ledger.posts()[0].key
        async with anyio.create_task_group() as lookers:
            # More than there are threads for plain endpoints.
            for _ in range(60):
                lookers.start_soon(client.get, f"/v1/posts/{key}/media/1")
            await anyio.to_thread.run_sync(begun.wait)
            try:
                with anyio.fail_after(10):
                    assert (await client.get("/v1/accounts")).status_code == 200
            finally:
                go_on.set()

    async def ask() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8003") as client:
            await look(client)

    anyio.run(ask)


def test_films_are_kept_as_far_as_there_is_room(publisher: PublisherService, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (publisher.ledger.get(add_post(publisher, job_id)) for job_id in ("1", "2"))
    made = 0

    def composer() -> Composer:
        nonlocal made
        made += 1
        return publisher.composer

    maker = MediaMaker(composer, "")

    async def look() -> None:
        for row in (first, second, second, first):
            await maker.make(row, 1)

    anyio.run(look)
    assert made == 2
    monkeypatch.setattr(media, "_MOST_BYTES", 1)
    anyio.run(look)
    # Only the newest is kept: what is first made now is there already, and then each has to go for the other.
    assert made == 4


# Decisions


def test_a_yes_and_a_no(publisher: PublisherService, client: TestClient) -> None:
    wanted, unwanted, bad = (add_post(publisher, job_id) for job_id in ("1", "2", "3"))
    assert client.post(f"/v1/posts/{wanted}/approve").json()["approved_at"]
    assert publisher.ledger.get(wanted).approved_at
    assert client.post(f"/v1/posts/{unwanted}/reject").json()["state"] == "failed"
    rejected = client.post(f"/v1/posts/{bad}/reject", json={"reason": "too dark"}).json()
    assert (rejected["reason"], rejected["error_code"]) == ("Rejected: too dark", "rejected")
    assert client.post(f"/v1/posts/{bad}/retry").json()["state"] == "prepared"
    assert publisher.ledger.get(bad).approved_at


def test_a_decision_that_comes_too_late_changes_nothing(publisher: PublisherService, client: TestClient) -> None:
    key = out(publisher, "1", utcnow(), url="https://www.instagram.com/p/x/")
    for method, path, body in (
        ("POST", "approve", None),
        ("POST", "reject", {}),
        ("POST", "retry", None),
        ("PUT", "caption", {"text": "words"}),
        ("POST", "settle", {"url": None}),
    ):
        response = client.request(method, f"/v1/posts/{key}/{path}", json=body)
        assert response.status_code == 409, path
        assert "it is published, at https://www.instagram.com/p/x/" in response.json()["detail"]
    assert publisher.ledger.get(key).state is PostState.PUBLISHED


def test_other_words_end_with_the_line_by_which_the_post_is_found(
    publisher: PublisherService, client: TestClient
) -> None:
    key = add_post(publisher)
    said = client.put(f"/v1/posts/{key}/caption", json={"text": "  Hello  \n\n#art\n"}).json()["caption"]
    assert said == publisher.ledger.get(key).caption == f"Hello\n\n#art\n\n{marker_of(key)}"
    # Given back as it was, it is the same.
    assert client.put(f"/v1/posts/{key}/caption", json={"text": said}).json()["caption"] == said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no caption in it"),
        (" \n ", "no caption in it"),
        ("😀" * 1100, "an emoji counts as two"),
        ("".join(f"#a{number} " for number in range(31)), "hashtags"),
        ("".join(f"@a{number} " for number in range(21)), "mentions"),
    ],
)
def test_words_that_the_account_would_not_take_are_refused(
    publisher: PublisherService, client: TestClient, text: str, words: str
) -> None:
    key = add_post(publisher)
    response = client.put(f"/v1/posts/{key}/caption", json={"text": text})
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert publisher.ledger.get(key).caption == "The Scream"


def test_what_a_person_found_out_settles_a_post(publisher: PublisherService, client: TestClient) -> None:
    there, not_there = (add_post(publisher, job_id, state=PostState.NEEDS_REVIEW) for job_id in ("1", "2"))
    url = "https://www.instagram.com/p/DB3xY/"
    settled = client.post(f"/v1/posts/{there}/settle", json={"url": url}).json()
    assert (settled["state"], settled["url"], settled["review"]) == ("published", url, [])
    settled = client.post(f"/v1/posts/{not_there}/settle", json={"url": None}).json()
    assert (settled["state"], settled["error_code"]) == ("failed", "not-published")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("javascript:alert(1)", "is no address"),
        ("https://example.org/p/1", "is not at Instagram"),
        ("https://instagram.com.evil.example/p/1", "is not at Instagram"),
        ("https://[", "is no address"),
        ("https://www.instagram.com/\u202ep", "is no address"),
        # Where a browser would go is evil.example.
        ("https://evil.example\\@www.instagram.com/p/1", "is no address"),
    ],
)
def test_an_address_where_no_post_of_the_account_is_is_refused(
    publisher: PublisherService, client: TestClient, url: str, words: str
) -> None:
    key = add_post(publisher, state=PostState.NEEDS_REVIEW)
    response = client.post(f"/v1/posts/{key}/settle", json={"url": url})
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert publisher.ledger.get(key).state is PostState.NEEDS_REVIEW


def test_a_settlement_says_what_it_means(publisher: PublisherService, client: TestClient) -> None:
    key = add_post(publisher, state=PostState.NEEDS_REVIEW)
    # That nothing was said is not that it is not out.
    assert client.post(f"/v1/posts/{key}/settle", json={}).status_code == 422
    assert client.post(f"/v1/posts/{key}/settle", json={"url": None, "why": "x"}).status_code == 422
    assert publisher.ledger.get(key).state is PostState.NEEDS_REVIEW


def test_the_account_of_a_post_is_quoted_in_a_query(publisher: PublisherService, client: TestClient) -> None:
    assert keys(client, account=ACCOUNT) == []
    key = add_post(publisher, account="instagrapi://p&i#n@t er/é")
    assert keys(client, account="instagrapi://p&i#n@t er/é") == [key]
