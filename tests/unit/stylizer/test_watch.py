import threading
from collections.abc import Callable

import pytest

from stylegram.common.errors import Cancelled, DeadlineExceeded, Unavailable
from stylegram.stylizer import watch as watch_module
from stylegram.stylizer.watch import Watch

PATIENCE = 20.0
"""Seconds; far more than anything here takes."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(watch_module, "_ALIVE_SECONDS", 0.001)


def not_cancelled() -> bool:
    return False


def say_nothing() -> None:
    pass


def becomes_true_after(trouble: Exception | None = None) -> Callable[[], bool]:
    """No at first, then perhaps no answer, then yes."""
    answers: list[bool | Exception] = [False, False, *([trouble] if trouble else [])]

    def is_cancelled() -> bool:
        answer = answers.pop(0) if answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer

    return is_cancelled


def wait_for_the_end(watch: Watch) -> None:
    turn = threading.Event()
    while True:
        watch.check()
        turn.wait(0.001)


@pytest.mark.parametrize("trouble", [None, Unavailable("The storage is away."), KeyError("a defect")])
def test_a_job_that_is_cancelled_ends_whatever_trouble_there_was_on_the_way(trouble: Exception | None) -> None:
    watch = Watch(becomes_true_after(trouble), say_nothing, limit_seconds=PATIENCE)
    with pytest.raises(Cancelled), watch:
        wait_for_the_end(watch)


def test_others_hear_of_the_job_again_and_again_whatever_trouble_there_was() -> None:
    said, often = [], threading.Event()

    def say_alive() -> None:
        said.append("alive")
        if len(said) == 2:
            raise Unavailable("The broker is away.")
        if len(said) == 4:
            often.set()

    with Watch(not_cancelled, say_alive, limit_seconds=PATIENCE):
        assert often.wait(PATIENCE)
    count = len(said)
    threading.Event().wait(0.02)
    assert len(said) == count, "nobody is at the job any more"


def test_a_job_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(not_cancelled, say_nothing, limit_seconds=0.02)
    with pytest.raises(DeadlineExceeded, match=r"the 0\.02 seconds that it may\. Choose a smaller size"), watch:
        wait_for_the_end(watch)


def test_a_job_that_nobody_wants_is_not_too_late() -> None:
    looked = threading.Event()

    def is_cancelled() -> bool:
        looked.set()
        return True

    watch = Watch(is_cancelled, say_nothing, limit_seconds=0)
    with watch:
        assert looked.wait(PATIENCE)
    with pytest.raises(Cancelled):
        watch.check()


def test_a_job_that_hangs_takes_its_process_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_GRACE_SECONDS", 0.01)
    ended = threading.Event()
    with Watch(not_cancelled, say_nothing, limit_seconds=0.01, end_process=ended.set):
        assert ended.wait(PATIENCE)


@pytest.mark.parametrize("hanging", ["storage", "broker"])
def test_neither_a_storage_nor_a_broker_that_hangs_hides_the_rest(
    hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_GRACE_SECONDS", 0.0)
    monkeypatch.setattr(watch_module, "_PATIENCE_SECONDS", 0.01)
    release, looked, said, ended = (threading.Event() for _ in range(4))

    def is_cancelled() -> bool:
        looked.set()
        return hanging == "storage" and release.wait(PATIENCE)

    def say_alive() -> None:
        said.set()
        if hanging == "broker":
            release.wait(PATIENCE)

    with Watch(is_cancelled, say_alive, limit_seconds=0.01, end_process=ended.set):
        for each in (looked, said, ended):
            assert each.wait(PATIENCE)
    release.set()


def test_a_job_that_ends_in_time_leaves_its_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_GRACE_SECONDS", 0.0)
    ended = threading.Event()
    with Watch(not_cancelled, say_nothing, limit_seconds=1.0, end_process=ended.set):
        pass
    assert not ended.wait(1.5)


def test_a_limit_beyond_all_clocks_is_none() -> None:
    with Watch(not_cancelled, say_nothing, limit_seconds=float("inf")) as watch:
        watch.check()
