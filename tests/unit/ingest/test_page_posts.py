"""The pages of posts without a browser: what they say where nobody publishes, wrong addresses, and the calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from ingest_http import ingest as ingest
from ingest_http import open_client
from publisher_http import ACCOUNT, add_post, open_publisher
from stylegram.common.clock import utcnow
from stylegram.common.views.posts import PostView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import PUBLISHER, Address, forwarding_part
from stylegram.ingest.pages.posts.calendar import MOST_SHOWN, Month, span_of
from stylegram.ingest.pages.posts.shown import ShownPost, folder_of
from stylegram.publisher.bootstrap import PublisherService
from stylegram.publisher.http.app import publisher_part
from stylegram.publisher.tables import PostState

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[PublisherService]:
    service = open_publisher(tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(ingest: Ingest, publisher: PublisherService) -> TestClient:
    app = create_app(ingest, publisher_part(publisher))
    return TestClient(app, base_url="http://127.0.0.1:8000", headers={"Accept": "text/html"}, follow_redirects=False)


# Where nobody publishes


def test_where_nobody_publishes_the_page_says_so(ingest: Ingest) -> None:
    for client in (open_client(ingest), TestClient(create_app(ingest, forwarding_part(Address(PUBLISHER, None))))):
        client.base_url = "http://127.0.0.1:8000"
        page = client.get("/posts")
        assert page.status_code == 200
        assert "STYLEGRAM_PUBLISHER_URL" in page.text


def test_a_publisher_that_is_away_is_said_to_be(ingest: Ingest) -> None:
    address = Address(PUBLISHER, "http://127.0.0.1:9", SecretStr("a-token"), 1)
    client = TestClient(create_app(ingest, forwarding_part(address)), base_url="http://127.0.0.1:8000")
    page = client.get("/posts")
    assert page.status_code == 503
    assert "The publisher did not answer." in page.text


def test_where_nothing_was_posted_yet_the_page_says_how_to_begin(client: TestClient) -> None:
    assert "Nothing was posted yet." in client.get("/posts").text
    assert "Nothing went out in" in client.get("/posts?view=calendar").text


# Addresses that somebody changed


@pytest.mark.parametrize(
    "query",
    [
        "show=nonsense",
        "view=nonsense",
        "day=2026-13-01",
        "day=0001-01-01",
        "day=9999-12-31",
        "view=calendar&month=2026-13",
        "view=calendar&month=0000-01",
        "view=calendar&month=9999-12",
        "view=calendar&month=٢٠٢٦-١١",
        "who=knows",
    ],
)
def test_words_that_mean_nothing_are_as_if_they_were_not_there(
    client: TestClient, publisher: PublisherService, query: str
) -> None:
    add_post(publisher)
    assert client.get(f"/posts?{query}").status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/posts?cursor=x", 422), ("/posts/nobody", 404), ("/posts/a%3Fb", 422)])
def test_what_leads_nowhere_is_a_page_that_says_so(client: TestClient, path: str, status: int) -> None:
    page = client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_hostile_words_are_only_words(client: TestClient, publisher: PublisherService) -> None:
    hostile = '</textarea><script>alert("x")</script>\n\n\x00\u202eevil {{ 7 * 7 }}'
    key = add_post(publisher, caption=hostile, reason="<b>why</b>", not_before=utcnow() + timedelta(days=1))
    for path in ("/posts", f"/posts/{key}"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;/textarea&gt;&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;\n\n" in text
        assert "\x00" not in text
        assert "<b>why" not in text
        assert "49" not in text.partition("evil")[2][:40]


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://example.org/p/1", True),
        ("HTTP://EXAMPLE.ORG", True),
        ("javascript:alert(1)", False),
        ("http", False),
        ("http://[broken", True),
        ("", False),
    ],
)
def test_only_what_a_browser_may_follow_is_a_link(url: str, linked: bool) -> None:
    post = shown(utcnow(), url=url)
    assert (post.link is not None) == linked
    assert post.file is None


# Decisions


def test_a_form_goes_back_where_it_came_from(client: TestClient, publisher: PublisherService) -> None:
    first, second = add_post(publisher, "1"), add_post(publisher, "2")
    answer = client.post(f"/posts/{first}/approve", data={"back": "list"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/posts")
    answer = client.post(f"/posts/{second}/reject", data={"back": "https://evil.example", "reason": " "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/posts/{second}")
    assert publisher.ledger.get(first).approved_at
    assert publisher.ledger.get(second).reason == "Rejected: not wanted"


def test_a_caption_comes_as_forms_send_it(client: TestClient, publisher: PublisherService) -> None:
    key = add_post(publisher)
    answer = client.post(f"/posts/{key}/caption", data={"text": "One\r\n\r\nTwo", "then": "approve"})
    assert answer.status_code == 303
    row = publisher.ledger.get(key)
    assert (row.caption or "").startswith("One\n\nTwo\n\nNo. ")
    assert row.approved_at


def test_a_caption_that_is_refused_is_not_lost(client: TestClient, publisher: PublisherService) -> None:
    key = add_post(publisher)
    words = "word " * 500
    answer = client.post(f"/posts/{key}/caption", data={"text": words, "then": "approve"})
    assert answer.status_code == 422
    assert words.strip() in answer.text
    assert "Instagram takes 2200" in answer.text
    assert publisher.ledger.get(key).approved_at is None


@pytest.mark.parametrize("url", ["", "https://example.org/p/1"])
def test_an_address_that_is_refused_settles_nothing(client: TestClient, publisher: PublisherService, url: str) -> None:
    key = add_post(publisher, state=PostState.NEEDS_REVIEW)
    assert client.post(f"/posts/{key}/settle", data={"found": "out", "url": url}).status_code == 422
    assert publisher.ledger.get(key).state is PostState.NEEDS_REVIEW


def test_an_account_is_stopped_resumed_and_asks(client: TestClient, publisher: PublisherService) -> None:
    add_post(publisher)
    client.post("/posts/accounts/stop", data={"account": ACCOUNT, "reason": ""})
    assert publisher.accounts.get(ACCOUNT).reason == "Stopped by hand."
    client.post("/posts/accounts/resume", data={"account": ACCOUNT})
    client.post("/posts/accounts/approval", data={"account": ACCOUNT, "on": "false"})
    row = publisher.accounts.get(ACCOUNT)
    assert (row.state, row.approval) == ("active", False)


def test_a_grid_is_asked_about_once(client: TestClient, publisher: PublisherService) -> None:
    for tile in range(1, 10):
        add_post(publisher, kind=f"grid-{tile}")
    add_post(publisher)
    assert client.get("/posts").text.count("card asked") == 2


def test_of_many_that_wait_the_newest_are_asked_about_first(client: TestClient, publisher: PublisherService) -> None:
    for job_id in range(12):
        add_post(publisher, str(job_id))
    assert "more wait for a yes" not in client.get("/posts").text
    newest = add_post(publisher, "newest")
    text = client.get("/posts").text
    assert text.count("card asked") == 12
    assert "more wait for a yes" in text
    assert text.index(f"/posts/{newest}/approve") < text.index("All posts")


def test_an_account_that_is_no_address_is_only_a_name() -> None:
    assert [shown(utcnow(), account=account).account for account in ("http://[", "instagrapi://[x", "file://[")] == [
        "http://[",
        "@[x",
        "Outbox folder",
    ]
    assert folder_of("file://[") is None


# The calendar


def shown(when: datetime, **values: object) -> ShownPost:
    view = {"key": "k", "account": ACCOUNT, "kind": "photo", "job_id": "1", "artifact": "a", "attempts": 0}
    nothing = dict.fromkeys(PostView.model_fields) | {"media": [], "feedback": []}
    times = {"created_at": when, "published_at": when}
    return ShownPost(PostView.model_validate({**nothing, **view, "state": "published", **times, **values}))


def test_a_month_has_its_own_days_and_those_that_fill_the_weeks() -> None:
    days = Month(2026, 11, UTC).days([], [])
    assert (days[0].date, days[-1].date, len(days)) == (date(2026, 10, 26), date(2026, 12, 6), 42)
    assert [day.is_of_month for day in days[:7]] == [False] * 6 + [True]
    assert days[6].title == "Sunday 1 November"


def test_a_post_stands_on_the_day_of_the_accounts_clock() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    for zone, day in ((UTC, 20), (BERLIN, 21)):
        [found] = [each for each in Month(2026, 11, zone).days([shown(late)], []) if each.posts]
        assert found.date.day == day


def test_a_day_shows_as_many_as_there_is_room_for_in_order() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    posts = [shown(noon + timedelta(minutes=minute)) for minute in reversed(range(MOST_SHOWN + 3))]
    [day] = [day for day in Month(2026, 11, UTC).days(posts, []) if day.posts]
    assert len(day.posts) == MOST_SHOWN + 3
    assert [post.moment.minute for post in day.shown] == list(range(MOST_SHOWN))


def test_what_is_due_stands_on_its_day() -> None:
    now = utcnow()
    later = (now + timedelta(days=1)).replace(hour=12, minute=5)
    for moment, words in ((now, "due now"), (later, "due 12:05")):
        days = Month(moment.year, moment.month, UTC).days([], [(moment, shown(now))])
        [day] = [day for day in days if day.due]
        assert (day.date, [when for when, _ in day.due]) == (moment.date(), [words])


def test_a_month_begins_and_ends_at_midnight_there() -> None:
    october = Month(2026, 10, BERLIN)
    # In summer time and in winter time.
    assert (october.begin, october.end) == (
        datetime(2026, 9, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    )
    assert str(Month(2026, 1, UTC).previous) == "2025-12"
    assert str(Month(2026, 12, UTC).following) == "2027-01"
    assert span_of("2026-10-25", BERLIN) == (
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(2026, 10, 25, 23, tzinfo=UTC),
    )
