"""What people decide, whatever a publisher does at that moment."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from publisher_fakes import House
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, WrongState
from stylegram.publisher.decisions import Decisions
from stylegram.publisher.grids import TILES
from stylegram.publisher.ledger import Hold, Ledger, NewPost
from stylegram.publisher.tables import PostRow, PostState

pytestmark = pytest.mark.every_database
NEW = NewPost("a", "x", "photo", "1", "{}", approved=False)


@pytest.fixture
def ledger(house: House) -> Ledger:
    return Ledger(house.engine, hold_seconds=60)


@pytest.fixture
def decide(house: House) -> Decisions:
    return house.decisions


def hold(ledger: Ledger, key: str) -> Hold:
    with transaction(ledger.engine) as session:
        held = ledger.hold_in(session, key)
    assert held
    return held


def put(ledger: Ledger, key: str, state: PostState) -> None:
    """Have the post in that state, however it came there."""
    with transaction(ledger.engine) as session:
        session.execute(update(PostRow).where(PostRow.key == key).values(state=state))


@pytest.fixture
def grid(ledger: Ledger) -> list[str]:
    return [ledger.enter(replace(NEW, kind=kind)) for kind in TILES]


def states(ledger: Ledger, keys: list[str]) -> set[PostState]:
    return {ledger.get(key).state for key in keys}


def test_a_yes_or_a_no_to_a_tile_is_one_to_its_grid(ledger: Ledger, decide: Decisions, grid: list[str]) -> None:
    other = ledger.enter(replace(NEW, artifact="y", kind="grid-1"))
    decide.approve(grid[3])
    assert all(ledger.get(tile).approved_at for tile in grid)
    assert ledger.get(other).approved_at is None
    decide.reject(grid[0], "no")
    assert states(ledger, grid) == {PostState.FAILED}
    assert ledger.get(other).state is PostState.PREPARED
    decide.retry(grid[5])
    assert states(ledger, grid) == {PostState.PREPARED}


def test_a_no_to_a_tile_that_failed_is_one_to_those_that_wait_for_it(
    ledger: Ledger, decide: Decisions, grid: list[str]
) -> None:
    put(ledger, grid[0], PostState.PUBLISHED)
    put(ledger, grid[1], PostState.FAILED)
    with pytest.raises(WrongState, match="published"):
        decide.reject(grid[0], "no")
    decide.reject(grid[1], "no")
    assert states(ledger, grid[1:]) == {PostState.FAILED}
    assert ledger.get(grid[0]).state is PostState.PUBLISHED
    with pytest.raises(WrongState, match="it is failed"):
        decide.reject(grid[1], "no")


def test_a_no_to_a_grid_leaves_alone_what_is_being_posted(ledger: Ledger, decide: Decisions, grid: list[str]) -> None:
    hold(ledger, grid[0])
    decide.reject(grid[1], "no")
    assert states(ledger, grid[1:]) == {PostState.FAILED}
    assert ledger.get(grid[0]).state is PostState.PREPARED


def test_a_post_is_rejected_and_asked_for_again(ledger: Ledger, decide: Decisions) -> None:
    key = ledger.enter(NEW)
    before = ledger.get(key).sequence
    decide.reject(key, "too blue")
    row = ledger.get(key)
    assert (row.state, row.reason, row.error_code) == (PostState.FAILED, "Rejected: too blue", "rejected")
    assert row.sequence > before
    with pytest.raises(WrongState, match="it is failed"):
        decide.approve(key)
    decide.retry(key)
    row = ledger.get(key)
    assert (row.state, row.reason, row.approved_at is not None) == (PostState.PREPARED, None, True)
    with pytest.raises(WrongState, match="has not failed"):
        decide.retry(key)


def test_what_is_being_posted_cannot_be_stopped(ledger: Ledger, decide: Decisions) -> None:
    key = ledger.enter(NEW)
    hold(ledger, key)
    with pytest.raises(WrongState, match="is being posted"):
        decide.reject(key, "no")
    with pytest.raises(WrongState, match="is being posted"):
        decide.rewrite(key, "other words")
    assert ledger.get(key).state is PostState.PREPARED


def test_a_rejected_post_is_not_posted_by_who_had_died_at_it(ledger: Ledger, decide: Decisions, house: House) -> None:
    key = ledger.enter(NEW)
    lost = hold(Ledger(house.engine, hold_seconds=-1), key)
    decide.reject(key, "no")
    assert not ledger.move(lost, PostState.UPLOADING)


def test_what_waits_may_be_out_once_somebody_doubts_it(ledger: Ledger, decide: Decisions) -> None:
    _, sent, failed, out = keys = [ledger.enter(replace(NEW, artifact=name)) for name in "wsfo"]
    put(ledger, sent, PostState.UPLOADING)
    ledger.note(sent, upload="half", attempts=3, asked=2, not_before=utcnow())
    put(ledger, failed, PostState.FAILED)
    put(ledger, out, PostState.PUBLISHED)
    then = utcnow() - timedelta(hours=3)
    assert decide.doubt(then) == 2
    assert [ledger.get(key).state for key in keys] == [
        PostState.COMMITTING,
        PostState.COMMITTING,
        PostState.FAILED,
        PostState.PUBLISHED,
    ]
    row = ledger.get(sent)
    assert (row.committing_at, row.upload, row.asked, row.attempts, row.not_before) == (then, None, 0, 0, None)
    assert decide.doubt(then) == 0


def test_what_is_worked_on_is_not_doubted_nor_anything_else(ledger: Ledger, decide: Decisions) -> None:
    keys = [ledger.enter(replace(NEW, artifact=name)) for name in "ab"]
    held = hold(ledger, keys[1])
    with pytest.raises(WrongState, match=r"1 of the posts .* dry run, and try again"):
        decide.doubt(utcnow())
    assert states(ledger, keys) == {PostState.PREPARED}
    ledger.release(held)
    assert decide.doubt(utcnow()) == 2


@pytest.mark.parametrize("url", ["https://example.org/p/here", None])
def test_a_person_settles_what_needs_review(ledger: Ledger, decide: Decisions, url: str | None) -> None:
    key = ledger.enter(NEW)
    with pytest.raises(WrongState, match="needs no review"):
        decide.settle(key, url)
    put(ledger, key, PostState.NEEDS_REVIEW)
    decide.settle(key, url)
    row = ledger.get(key)
    assert (row.state, row.url) == (PostState.PUBLISHED if url else PostState.FAILED, url)
    with pytest.raises(WrongState):
        decide.settle(key, url)


def test_a_caption_is_rewritten_while_it_waits(ledger: Ledger, decide: Decisions) -> None:
    key = ledger.enter(NEW)
    decide.rewrite(key, "other words")
    assert ledger.get(key).caption == "other words"


def test_what_is_out_is_decided(ledger: Ledger, decide: Decisions) -> None:
    key = ledger.enter(NEW)
    assert ledger.publish(key, next_post_at=None, url="there")
    for refused in (decide.approve, decide.retry):
        with pytest.raises(WrongState, match="published, at there"):
            refused(key)


def test_an_unknown_post_is_named(decide: Decisions) -> None:
    for unknown in (decide.approve, decide.retry):
        with pytest.raises(NotFound, match="'nobody'"):
            unknown("nobody")
