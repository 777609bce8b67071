import json
import logging
import os
from pathlib import Path

import pytest
import structlog
from pydantic import Field, SecretStr, ValidationError
from sqlalchemy.engine import make_url

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.logs import configure_logs
from stylegram.common.settings import Settings

SECRET = "hunter2"
URL = f"postgresql+psycopg://user:{SECRET}@host/name"


class ServiceSettings(Settings):
    """A service's own, as services have them."""

    styles: list[str] = Field(default_factory=list)
    api_token: SecretStr | None = None


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("STYLEGRAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "database"
    path.write_text(f"{URL}\n")
    return path


def test_the_defaults_need_no_environment() -> None:
    assert Settings().log_level == "info"
    assert Settings().metrics_port is None


def test_by_default_everything_lies_in_one_folder_and_outlives_the_process() -> None:
    settings, folder = Settings(), Path("/var/lib/stylegram")
    assert url_path(settings.broker_url.get_secret_value()) == folder / "broker.sqlite"
    assert url_path(settings.storage_url) == folder / "storage"
    assert make_url(settings.database_url.get_secret_value()).database == str(folder / "stylegram.sqlite")


def test_a_variable_sets_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_METRICS_PORT", "9000")
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", URL)
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert Settings().metrics_port == 9000
    assert Settings().database_url.get_secret_value() == URL
    assert Settings().log_level == "info", "without the prefix it is somebody else's"


def test_a_file_sets_a_field_without_its_last_newline(monkeypatch: pytest.MonkeyPatch, secret_file: Path) -> None:
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL_FILE", str(secret_file))
    assert Settings().database_url.get_secret_value() == URL


def test_a_file_sets_a_services_own_fields(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "styles").write_text('["a", "b"]')
    (tmp_path / "port").write_text("9000")
    (tmp_path / "token").write_text(SECRET)
    monkeypatch.setenv("STYLEGRAM_STYLES_FILE", str(tmp_path / "styles"))
    monkeypatch.setenv("STYLEGRAM_METRICS_PORT_FILE", str(tmp_path / "port"))
    monkeypatch.setenv("STYLEGRAM_API_TOKEN_FILE", str(tmp_path / "token"))
    settings = ServiceSettings()
    assert settings.styles == ["a", "b"]
    assert settings.metrics_port == 9000
    assert settings.api_token == SecretStr(SECRET)


def test_arguments_win_over_variables_and_these_over_files(monkeypatch: pytest.MonkeyPatch, secret_file: Path) -> None:
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL_FILE", str(secret_file))
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", "from the variable")
    assert Settings().database_url.get_secret_value() == "from the variable"
    assert Settings(database_url=SecretStr("argument")).database_url.get_secret_value() == "argument"


def test_an_empty_file_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL_FILE", "")
    assert Settings().database_url.get_secret_value().startswith("sqlite:")


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"\xff" + SECRET.encode(), "not UTF-8")], ids=["missing", "binary"]
)
def test_a_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "database"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL_FILE", str(path))
    with pytest.raises(ConfigurationError, match=words) as caught:
        Settings()
    assert f"STYLEGRAM_DATABASE_URL_FILE names '{path}'" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("METRICS_PORT", "70000"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("VISIBILITY_SECONDS", "0")],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"STYLEGRAM_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().log_level = "debug"  # type: ignore[misc]


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", URL)
    monkeypatch.setenv("STYLEGRAM_BROKER_URL", f"amqp://user:{SECRET}@host")
    monkeypatch.setenv("STYLEGRAM_API_TOKEN", SECRET)
    settings = ServiceSettings()
    for shown in (repr(settings), str(settings), f"{settings.model_dump()}", settings.model_dump_json()):
        assert SECRET not in shown
    for as_json in (True, False):
        configure_logs(json=as_json)
        structlog.get_logger().info("settings", settings=settings, values=settings.model_dump())
        logging.getLogger("library").warning("settings %r", settings)
    logged = capsys.readouterr().err
    assert logged.count("settings") >= 4
    assert SECRET not in logged


@pytest.mark.parametrize(("log_format", "json_logs"), [("auto", None), ("json", True), ("console", False)])
def test_the_log_format_says_json_or_not(monkeypatch: pytest.MonkeyPatch, log_format: str, json_logs: bool) -> None:
    monkeypatch.setenv("STYLEGRAM_LOG_FORMAT", log_format)
    assert Settings().json_logs is json_logs


def test_every_setting_is_documented() -> None:
    assert json.dumps(Settings.model_json_schema())
    for name, field in Settings.model_fields.items():
        assert field.description, name
