from pathlib import Path

import pytest

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.service import read_settings
from stylegram.common.timezones import timezone_of
from stylegram.ingest.settings import IngestSettings


def test_a_time_zone_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(timezone_of(read_settings(IngestSettings).timezone)) == "UTC"
    monkeypatch.setenv("STYLEGRAM_TIMEZONE", "Europe/Berlin")
    assert str(timezone_of(read_settings(IngestSettings).timezone)) == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Atlantis/Poseidonis", "", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
def test_a_time_zone_that_is_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"STYLEGRAM_TIMEZONE: .* is no time zone"):
        read_settings(IngestSettings, timezone=name)


def test_tokens_come_from_a_file_and_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "Xk3v" * 4, "Q8zz" * 8
    (tmp_path / "tokens").write_text(f"{first}\n {second},\n")
    monkeypatch.setenv("STYLEGRAM_API_TOKENS_FILE", str(tmp_path / "tokens"))
    settings = read_settings(IngestSettings)
    assert settings.tokens == [first, second]
    assert "Xk3v" not in repr(settings)
    assert read_settings(IngestSettings, api_tokens=None).tokens == []


def test_a_token_that_could_be_guessed_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match=r"STYLEGRAM_API_TOKENS: .* of the 2 tokens is too short") as error:
        read_settings(IngestSettings, api_tokens="hunter2hunter2!! hunter2hunter2!")
    assert "hunter2" not in str(error.value)
    assert read_settings(IngestSettings, api_tokens="hunter2hunter2!!").tokens == ["hunter2hunter2!!"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "has no token"),
        (" ,\n", "has no token"),
        ("schlüssel-für-den-garten", "not ASCII"),
        ("a\0" * 16, "not ASCII"),
    ],
)
def test_tokens_that_cannot_be_meant_are_refused(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"STYLEGRAM_API_TOKENS: .*{words}"):
        read_settings(IngestSettings, api_tokens=value)


@pytest.mark.parametrize("name", ["logger_token", "publisher_token", "preview_token"])
def test_a_neighbour_is_told_one_token(name: str) -> None:
    for several in ("hunter2\nhunter3", "hunter2,hunter3"):
        with pytest.raises(ConfigurationError, match=f"STYLEGRAM_{name.upper()}: it has 2 tokens") as error:
            read_settings(IngestSettings, **{name: several})
        assert "hunter" not in str(error.value)
    with pytest.raises(ConfigurationError, match=f"STYLEGRAM_{name.upper()}: .*not ASCII"):
        read_settings(IngestSettings, **{name: "schlüssel"})
    assert getattr(read_settings(IngestSettings, **{name: " hunter2\n"}), name).get_secret_value() == "hunter2"
    assert not getattr(read_settings(IngestSettings, **{name: ""}), name)


def test_an_empty_file_of_tokens_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokens").write_text("\n")
    monkeypatch.setenv("STYLEGRAM_API_TOKENS_FILE", str(tmp_path / "tokens"))
    with pytest.raises(ConfigurationError, match="has no token"):
        read_settings(IngestSettings)


def test_the_daily_picture_has_the_hyperparameters_that_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_DAILY_HYPERPARAMETERS", '{"size": 64}')
    assert read_settings(IngestSettings).daily_hyperparameters == Hyperparameters(size=64)
    for wrong in ('{"size": 5}', '{"sise": 64}'):
        monkeypatch.setenv("STYLEGRAM_DAILY_HYPERPARAMETERS", wrong)
        with pytest.raises(ConfigurationError, match="STYLEGRAM_DAILY_HYPERPARAMETERS"):
            read_settings(IngestSettings)
