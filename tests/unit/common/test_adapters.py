from pathlib import Path

import pytest

from stylegram.common.adapters import open_broker, open_storage, url_path
from stylegram.common.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b", "/a/b"),
        ("file:/a/b", "/a/b"),
        ("sqlite:///a/b.sqlite", "/a/b.sqlite"),
        ("file:///two%20words", "/two words"),
        ("file:///two words", "/two words"),
        ("file:///Z%C3%BCrich", "/Zürich"),
        ("file:///Zürich", "/Zürich"),
        ("file:///100%25", "/100%"),
        ("file:///a%23b%3Fc", "/a#b?c"),
        ("file:///a+b", "/a+b"),
    ],
)
def test_a_url_names_a_path(url: str, path: str) -> None:
    assert url_path(url) == Path(path)


def test_a_path_survives_the_journey_through_its_url(tmp_path: Path) -> None:
    path = tmp_path / "my #1 pictures? 100% Zürich"
    assert url_path(path.as_uri()) == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:",
        "file:///",
        "file://folder",
        "file://host/folder",
        "file:relative",
        "sqlite:relative.sqlite",
        "file://[",
        "file:///a%00b",
        "file:///a#b",
        "file:///a?b",
    ],
)
def test_a_url_that_names_no_path_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        url_path(url)
    assert "path" in str(caught.value)


@pytest.mark.parametrize("url", ["", "mqtt://user:hunter2@host", "hunter2", "/a/path", "redis://x", "SQLITE3:///a"])
def test_a_scheme_without_an_adapter_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="STYLEGRAM_BROKER_URL takes") as caught:
        open_broker(url)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="STYLEGRAM_STORAGE_URL takes"):
        open_storage(url)


def test_an_unescaped_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="Percent-encode") as caught:
        open_broker("amqp://user:hunter[2@host")
    assert "hunter" not in str(caught.value)


def test_the_adapters_make_their_folders(tmp_path: Path) -> None:
    open_broker(f"sqlite://{tmp_path}/a/b/queue.sqlite").close()
    open_storage(f"file://{tmp_path}/c/d")
    assert (tmp_path / "a/b/queue.sqlite").is_file()
    assert (tmp_path / "c/d").is_dir()
