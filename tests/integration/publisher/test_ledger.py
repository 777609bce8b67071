import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from publisher_fakes import House
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, StylegramError, WrongState
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


@pytest.mark.parametrize("target", set(PostState))
def test_published_is_the_end(ledger: Ledger, target: PostState) -> None:
    key = enter(ledger)
    held = hold(ledger, key)
    assert held
    assert ledger.publish(key, next_post_at=None, url="there")
    assert not ledger.move(held, target, url="elsewhere")
    assert not ledger.publish(key, next_post_at=None, url="elsewhere")
    assert ledger.get(key).url == "there"
    for decide in (ledger.approve, ledger.retry):
        with pytest.raises(WrongState, match="published, at there"):
            decide(key)


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


def test_a_yes_to_a_tile_is_one_to_its_grid(ledger: Ledger) -> None:
    tiles = [enter(ledger, kind=f"grid-{number}") for number in range(1, 10)]
    other = enter(ledger, artifact="y", kind="grid-1")
    ledger.approve(tiles[3])
    assert all(ledger.get(tile).approved_at for tile in tiles)
    assert ledger.get(other).approved_at is None
    ledger.reject(tiles[0], "no")
    assert {ledger.get(tile).state for tile in tiles} == {PostState.FAILED}
    assert ledger.get(other).state is PostState.PREPARED


def test_a_post_is_rejected_and_asked_for_again(ledger: Ledger) -> None:
    key = enter(ledger)
    ledger.reject(key, "too blue")
    row = ledger.get(key)
    assert (row.state, row.reason, row.error_code) == (PostState.FAILED, "Rejected: too blue", "rejected")
    with pytest.raises(WrongState, match="it is failed"):
        ledger.approve(key)
    ledger.retry(key)
    row = ledger.get(key)
    assert (row.state, row.reason, row.approved_at is not None) == (PostState.PREPARED, None, True)
    with pytest.raises(WrongState, match="has not failed"):
        ledger.retry(key)


def test_what_is_being_posted_cannot_be_stopped(ledger: Ledger) -> None:
    key = enter(ledger)
    assert hold(ledger, key)
    with pytest.raises(WrongState):
        ledger.reject(key, "no")
    with pytest.raises(WrongState):
        ledger.rewrite(key, "other words")
    assert ledger.get(key).state is PostState.PREPARED


@pytest.mark.parametrize("url", ["https://example.org/p/here", None])
def test_a_person_settles_what_needs_review(ledger: Ledger, url: str | None) -> None:
    key = enter(ledger)
    with pytest.raises(WrongState, match="needs no review"):
        ledger.settle(key, url)
    put(ledger, key, PostState.NEEDS_REVIEW)
    ledger.settle(key, url)
    row = ledger.get(key)
    assert (row.state, row.url) == (PostState.PUBLISHED if url else PostState.FAILED, url)
    with pytest.raises(WrongState):
        ledger.settle(key, url)


def test_a_caption_is_rewritten_while_it_waits(ledger: Ledger) -> None:
    key = enter(ledger)
    ledger.rewrite(key, "other words")
    assert ledger.get(key).caption == "other words"


def test_a_post_is_found_by_how_its_key_begins(ledger: Ledger) -> None:
    keys = [enter(ledger, artifact=str(number)) for number in range(40)]
    assert ledger.find(keys[0]).key == keys[0]
    with pytest.raises(InvalidInput, match="Several"):
        ledger.find("")
    with pytest.raises(NotFound, match="'%'"):
        ledger.find("%")


def test_an_unknown_post_is_named(ledger: Ledger) -> None:
    for ask in (ledger.get, ledger.approve, ledger.retry):
        with pytest.raises(NotFound, match="'nobody'"):
            ask("nobody")
