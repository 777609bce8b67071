import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from publisher_fakes import House
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, StylegramError
from stylegram.publisher.ledger import Hold, Ledger, NewPost
from stylegram.publisher.tables import PostRow, PostState

pytestmark = pytest.mark.every_database


@pytest.fixture
def ledger(house: House) -> Ledger:
    return Ledger(house.engine, hold_seconds=60)


def enter(
    ledger: Ledger,
    account: str = "a",
    artifact: str = "x",
    kind: str = "photo",
    job_id: str = "1",
    failure: StylegramError | None = None,
) -> str:
    return ledger.enter(NewPost(account, artifact, kind, job_id, "{}", approved=False, failure=failure))


def hold(ledger: Ledger, key: str) -> Hold | None:
    with transaction(ledger.engine) as session:
        return ledger.hold_in(session, key)


def put(ledger: Ledger, key: str, state: PostState) -> None:
    """Have the post in that state, however it came there."""
    with transaction(ledger.engine) as session:
        session.execute(update(PostRow).where(PostRow.key == key).values(state=state))


def test_a_post_is_one_per_account_artifact_and_kind(ledger: Ledger) -> None:
    key = enter(ledger)
    assert enter(ledger, job_id="other") == key
    assert ledger.get(key).job_id == "1"
    others = {enter(ledger, account="b"), enter(ledger, artifact="y"), enter(ledger, kind="reel")}
    assert len(others | {key}) == 4
    assert {row.key for row in ledger.posts()} == others | {key}
    assert [row.key for row in ledger.posts(account="b")] == [enter(ledger, account="b")]


def test_a_post_that_is_asked_for_again_is_news(ledger: Ledger) -> None:
    key = enter(ledger)
    before = ledger.get(key).sequence
    enter(ledger)
    assert ledger.get(key).sequence == before + 1


def test_a_post_that_cannot_go_out_is_entered_as_failed(ledger: Ledger) -> None:
    row = ledger.get(enter(ledger, failure=NotFound("No such picture.")))
    assert (row.state, row.reason, row.error_code) == (PostState.FAILED, "No such picture.", "not-found")


def test_a_post_that_many_enter_at_once_is_one(ledger: Ledger) -> None:
    start = threading.Barrier(6)

    def enter_and_hold(number: int) -> tuple[str, bool]:
        start.wait()
        key = enter(ledger, job_id=str(number))
        return key, hold(ledger, key) is not None

    with ThreadPoolExecutor(6) as pool:
        entered = list(pool.map(enter_and_hold, range(6)))
    assert len({key for key, _ in entered}) == 1
    assert [held for _, held in entered].count(True) == 1


def test_only_one_holds_a_post(ledger: Ledger) -> None:
    key = enter(ledger)
    first = hold(ledger, key)
    assert first
    assert hold(ledger, key) is None
    ledger.release(first)
    assert hold(ledger, key)


@pytest.mark.parametrize("target", list(PostState))
def test_published_is_the_end(ledger: Ledger, target: PostState) -> None:
    key = enter(ledger)
    held = hold(ledger, key)
    assert held
    assert ledger.publish(key, next_post_at=None, url="there")
    assert not ledger.move(held, target, url="elsewhere")
    assert not ledger.publish(key, next_post_at=None, url="elsewhere")
    assert ledger.get(key).url == "there"


@pytest.mark.parametrize("target", [PostState.COMMITTING, PostState.NEEDS_REVIEW])
def test_nothing_is_committed_before_it_is_uploading(ledger: Ledger, target: PostState) -> None:
    key = enter(ledger)
    held = hold(ledger, key)
    assert held
    assert not ledger.move(held, target)
    assert ledger.get(key).state is PostState.PREPARED


@pytest.mark.parametrize(
    ("state", "targets"),
    [
        (PostState.UPLOADING, {PostState.PREPARED, PostState.UPLOADING, PostState.COMMITTING, PostState.FAILED}),
        (PostState.COMMITTING, {PostState.PREPARED, PostState.FAILED, PostState.NEEDS_REVIEW}),
        (PostState.NEEDS_REVIEW, set()),
        (PostState.FAILED, set()),
    ],
)
def test_a_publisher_goes_no_other_ways(ledger: Ledger, state: PostState, targets: set[PostState]) -> None:
    reached = set()
    for target in set(PostState) - {PostState.PUBLISHED}:
        key = enter(ledger, artifact=target)
        held = hold(ledger, key)
        assert held
        put(ledger, key, state)
        if ledger.move(held, target):
            reached.add(target)
    assert reached == targets


def test_who_lost_the_hold_moves_nothing(ledger: Ledger, house: House) -> None:
    key = enter(ledger)
    lost = hold(Ledger(house.engine, hold_seconds=-1), key)
    assert lost
    assert hold(ledger, key)
    assert not ledger.move(lost, PostState.UPLOADING)


def test_a_post_is_found_by_how_its_key_begins(ledger: Ledger) -> None:
    keys = [enter(ledger, artifact=str(number)) for number in range(40)]
    assert ledger.find(keys[0]).key == keys[0]
    with pytest.raises(InvalidInput, match="Several"):
        ledger.find("")
    with pytest.raises(NotFound, match="'%'"):
        ledger.find("%")


def test_an_unknown_post_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        ledger.get("nobody")


def test_a_request_that_comes_again_is_the_one_that_counts(ledger: Ledger) -> None:
    """Of what an older version wrote a newer one may be able to read nothing."""
    key = enter(ledger)
    ledger.enter(NewPost("a", "x", "photo", "1", '{"newer": true}', approved=True, caption="other words"))
    row = ledger.get(key)
    assert (row.request, row.approved_at) == ('{"newer": true}', None)


@pytest.mark.parametrize("caption", [None, "as it is out"])
def test_a_row_of_an_older_version_gets_what_it_lacks(ledger: Ledger, caption: str | None) -> None:
    key = enter(ledger)
    with transaction(ledger.engine) as session:
        session.execute(update(PostRow).values(request=None, caption=caption))
    ledger.enter(NewPost("a", "x", "photo", "1", "{}", approved=True, caption="new words", alt_text="It shows."))
    row = ledger.get(key)
    assert (row.request, row.caption, row.alt_text) == ("{}", caption or "new words", "It shows.")
    assert row.approved_at


def test_a_yes_of_a_person_outlasts_another_request(ledger: Ledger, house: House) -> None:
    key = enter(ledger)
    with transaction(ledger.engine) as session:
        session.execute(update(PostRow).values(request=None))
    house.decisions.approve(key)
    enter(ledger)
    assert ledger.get(key).approved_at
