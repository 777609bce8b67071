import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from publisher_fakes import House
from stylegram.common.errors import NotFound
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import PostState

pytestmark = pytest.mark.every_database


@pytest.fixture
def ledger(house: House) -> Ledger:
    return Ledger(house.engine, hold_seconds=60)


def test_a_post_is_one_per_account_artifact_and_kind(ledger: Ledger) -> None:
    key = ledger.enter("a", "runs/1/result.png", "photo", "1")
    assert ledger.enter("a", "runs/1/result.png", "photo", "other") == key
    assert ledger.get(key).job_id == "1"
    others = {
        ledger.enter("b", "runs/1/result.png", "photo", "1"),
        ledger.enter("a", "runs/2/result.png", "photo", "2"),
        ledger.enter("a", "runs/1/result.png", "reel", "1"),
    }
    assert len(others | {key}) == 4


def test_a_post_that_many_enter_at_once_is_one(ledger: Ledger) -> None:
    start = threading.Barrier(6)

    def enter_and_hold(number: int) -> tuple[str, bool]:
        start.wait()
        key = ledger.enter("a", "x", "photo", str(number))
        return key, ledger.hold(key) is not None

    with ThreadPoolExecutor(6) as pool:
        entered = list(pool.map(enter_and_hold, range(6)))
    assert len({key for key, _ in entered}) == 1
    assert [held for _, held in entered].count(True) == 1


def test_only_one_holds_a_post(ledger: Ledger) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    hold = ledger.hold(key)
    assert hold
    assert ledger.hold(key) is None
    ledger.release(hold)
    assert ledger.hold(key)


@pytest.mark.parametrize("target", set(PostState) - {PostState.PREPARED})
def test_published_is_the_end(ledger: Ledger, target: PostState) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    assert ledger.move(key, PostState.PUBLISHED, by=None, url="there")
    assert not ledger.move(key, target, by=None, url="elsewhere")
    assert ledger.get(key).url == "there"
    assert ledger.hold(key) is None


@pytest.mark.parametrize("target", [PostState.COMMITTING, PostState.NEEDS_REVIEW])
def test_nothing_is_committed_before_it_is_uploading(ledger: Ledger, target: PostState) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    assert not ledger.move(key, target, by=ledger.hold(key))
    assert ledger.get(key).state is PostState.PREPARED


def test_who_lost_the_hold_moves_nothing(ledger: Ledger, house: House) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    lost = Ledger(house.engine, hold_seconds=-1).hold(key)
    assert ledger.hold(key)
    assert not ledger.move(key, PostState.UPLOADING, by=lost)


def test_an_unknown_post_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        ledger.get("nobody")
