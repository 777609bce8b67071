"""Which outlet a URL stands for."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.errors import ConfigurationError
from stylegram.publisher.outlets import open_outlet
from stylegram.publisher.settings import PublisherSettings


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "storage")


@pytest.mark.parametrize(
    "url", ["instagram://me", "folder://relative", "", "folder:///", "instagrapi://", "graph://", "instagrapi:me"]
)
def test_other_urls_are_wrong_settings(url: str, storage: FolderStorage) -> None:
    with pytest.raises(ConfigurationError):
        open_outlet(PublisherSettings(publish_url=url), storage)


def test_a_folder(tmp_path: Path, storage: FolderStorage) -> None:
    outlet = open_outlet(PublisherSettings(publish_url=f"folder://{tmp_path}/out%20box"), storage)
    assert outlet.account == (tmp_path / "out box").as_uri()


def test_instagram_asks_nothing_before_it_is_used(tmp_path: Path, storage: FolderStorage) -> None:
    settings = PublisherSettings(publish_url="instagrapi://painter", instagram_session_file=tmp_path / "none.json")
    outlet = open_outlet(settings, storage)
    assert "painter" in outlet.account
    assert outlet.is_public
    assert not outlet.find_is_certain


def test_the_graph_api_needs_a_token_and_a_bucket(storage: FolderStorage) -> None:
    with pytest.raises(ConfigurationError, match="STYLEGRAM_GRAPH_TOKEN"):
        open_outlet(PublisherSettings(publish_url="graph://17841400000000000"), storage)
    settings = PublisherSettings(publish_url="graph://17841400000000000", graph_token=SecretStr("planted"))
    with pytest.raises(ConfigurationError, match="gs://"):
        open_outlet(settings, storage)
