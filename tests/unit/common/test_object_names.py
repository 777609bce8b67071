"""The rule itself; that every storage keeps it is in tests/contract/test_storage.py."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegram.common import artifacts, object_names
from stylegram.common.errors import InvalidObjectName

PLAIN = string.ascii_letters + string.digits + "_"


@settings(deadline=None)
@given(st.lists(st.builds(str.__add__, st.sampled_from(PLAIN), st.text(PLAIN + ".=+@-", max_size=20)), min_size=1))
def test_plain_segments_are_taken(segments: list[str]) -> None:
    name = "/".join(segments[:40])
    assert object_names.check(name) == name


@settings(deadline=None)
@given(st.text())
def test_whatever_is_taken_stays_below_the_root(name: str) -> None:
    try:
        object_names.check(name)
    except InvalidObjectName:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("\\:*?\"'<>|$`;&%#~ ")
    assert all(segment and not segment.startswith((".", "-")) for segment in name.split("/"))


def test_the_limits_are_exact() -> None:
    object_names.check("x" * 200)
    object_names.check("/".join(["x" * 99] * 9))
    for name in ("x" * 201, "/".join(["x" * 99] * 9) + "/y"):
        with pytest.raises(InvalidObjectName):
            object_names.check(name)


def test_the_error_says_what_to_do_and_repeats_only_the_start() -> None:
    with pytest.raises(InvalidObjectName) as caught:
        object_names.check("../" + "secret" * 10_000)
    assert "single slashes" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_artifacts_have_names_that_storages_take() -> None:
    names = (
        artifacts.result("42"),
        artifacts.record("42"),
        artifacts.snapshot("42", 100),
        artifacts.cancellation("42"),
    )
    for name in names:
        assert object_names.check(name).startswith("runs/42/")
    assert artifacts.snapshot("42", 9) < artifacts.snapshot("42", 10), "snapshots list in the order of their making"
