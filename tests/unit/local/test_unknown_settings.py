import pytest

from stylegram.common.settings import PREFIX
from stylegram.local.unknown_settings import unknown_settings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DRYRUN", "DRY_RUN"),
        ("POST_KIND", "POST_KINDS"),
        ("POST_WINDOW", "POST_WINDOWS"),
        ("INSTAGRAM_PASWORD", "INSTAGRAM_PASSWORD"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_one_that_is_meant(name: str, meant: str) -> None:
    [told] = unknown_settings({f"{PREFIX}{name}": "planted"})
    assert told.startswith(f"{PREFIX}{name} is no setting")
    assert told.endswith(f"Is {PREFIX}{meant} meant?")
    assert "planted" not in told


@pytest.mark.parametrize(
    "name",
    ["DRY_RUN", "GRAPH_TOKEN_FILE", "STATE", "URL", "TOKEN_FILE", "HTTP_PORT", "INSTAGRAM_TOTP_SEED", "CHAOS_JOBS"],
)
def test_what_somebody_reads_is_passed_over(name: str) -> None:
    assert list(unknown_settings({f"{PREFIX}{name}": "x", "DRYRUN": "x"})) == []


def test_what_is_like_nothing_is_only_named() -> None:
    assert list(unknown_settings({f"{PREFIX}XYZ": ""})) == [f"{PREFIX}XYZ is no setting, and counts for nothing."]
