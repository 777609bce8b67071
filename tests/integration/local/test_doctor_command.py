import json
from pathlib import Path

import pytest

from ingest_samples import png
from local_commands import Command, Outcome
from stylegram.common.database import open_database
from stylegram.publisher.accounts import Accounts


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number, folder in enumerate(("photos", "paintings")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(png(number))
    return tmp_path


def examine(stylegram: Command, folders: Path, *options: str) -> Outcome:
    photos, styles = str(folders / "photos"), str(folders / "paintings")
    return stylegram("doctor", "--photos", photos, "--styles", styles, "--state", str(folders / "state"), *options)


def verdicts(outcome: Outcome) -> dict[str, str]:
    return {finding["name"]: finding["verdict"] for finding in map(json.loads, outcome.out.splitlines())}


def test_what_is_well_is_said_to_be(stylegram: Command, folders: Path) -> None:
    told = examine(stylegram, folders, "--json")
    assert told.code == 0
    found = verdicts(told)
    assert list(found) == ["photographs", "paintings", "storage", "broker", "database", "posts", "weights", "device"]
    assert {found.pop("device")} <= {"good", "doubtful"}, "a machine without a GPU can paint too"
    assert set(found.values()) == {"good"}
    stored = folders / "state" / "storage"
    assert [path for path in stored.rglob("*") if path.is_file() and path.name != ".lock"] == [], "a probe was left"


def test_what_is_wrong_is_said_with_how_to_mend_it(
    stylegram: Command, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "paintings" / "a.png").unlink()
    monkeypatch.setenv("STYLEGRAM_WEIGHTS_DIR", str(folders / "nothing"))
    monkeypatch.setenv("STYLEGRAM_DEVICE", "cuda:7")
    told = examine(stylegram, folders)
    assert told.code == 1
    lines = told.out.splitlines()
    wrong = [line.split()[1] for line in lines if line.startswith("✗")]
    assert wrong == ["paintings", "weights", "device"]
    assert "Put some there" in told.out
    assert "stylegram weights fetch" in told.out


def test_what_the_settings_name_is_looked_at(
    stylegram: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLEGRAM_CONTENT_SOURCE_URL", (tmp_path / "away").as_uri())
    monkeypatch.setenv("STYLEGRAM_STYLE_SOURCE_URL", (tmp_path / "away").as_uri())
    monkeypatch.setenv("STYLEGRAM_STORAGE_URL", f"file://{tmp_path}/storage")
    monkeypatch.setenv("STYLEGRAM_PUBLISH_URL", f"folder://{tmp_path}/outbox")
    monkeypatch.setenv("STYLEGRAM_BROKER_URL", "amqp://me:secretpassword@127.0.0.1:1/")
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", "postgresql+psycopg://me:secretpassword@127.0.0.1:1/x")
    told = stylegram("doctor", "--json")
    assert told.code == 1
    found = verdicts(told)
    assert [name for name in found if found[name] == "bad"][:4] == ["photographs", "paintings", "broker", "database"]
    assert "secretpassword" not in told.out + told.err
    told = stylegram("doctor")
    assert "→ Look at STYLEGRAM_DATABASE_URL" in told.out
    assert "→ Look at STYLEGRAM_BROKER_URL" in told.out
    assert len(told.out.splitlines()) == 2 * len(found) - 2, "a finding has more lines than itself and the advice"


def test_a_setting_that_is_wrong_ends_the_examination(stylegram: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_STYLE_SOURCE_URL", "ftp://nowhere")
    told = stylegram("doctor")
    assert told.code == 2
    assert "No source adapter for 'ftp:'" in told.err


def test_where_posts_go_is_looked_at(stylegram: Command, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "✓ posts        go to file:///" in examine(stylegram, folders).out
    monkeypatch.setenv("STYLEGRAM_PUBLISH_URL", "instagrapi://painter")
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_SESSION_FILE", str(folders / "none.json"))
    assert "stylegram auth instagram" in examine(stylegram, folders).out
    monkeypatch.setenv("STYLEGRAM_PUBLISH_URL", "graph://17841400000000000")
    assert "STYLEGRAM_GRAPH_TOKEN" in examine(stylegram, folders).out
    monkeypatch.delenv("STYLEGRAM_PUBLISH_URL")
    (folders / "caption.j2").write_text("{{ stile }}")
    monkeypatch.setenv("STYLEGRAM_CAPTION_TEMPLATE", str(folders / "caption.j2"))
    told = examine(stylegram, folders)
    assert (told.code, "there is no 'stile'" in told.out) == (1, True)


def test_an_account_that_was_stopped_is_told_of(stylegram: Command, folders: Path) -> None:
    examine(stylegram, folders)
    account = (folders / "state" / "outbox").as_uri()
    engine = open_database(f"sqlite:///{folders}/state/stylegram.sqlite")
    Accounts(engine).enter(account, approval=True)
    assert "new ones wait for a yes" in examine(stylegram, folders).out
    Accounts(engine).stop(account, "A challenge.")
    engine.dispose()
    told = examine(stylegram, folders)
    assert "! posts " in told.out
    assert "A challenge." in told.out
