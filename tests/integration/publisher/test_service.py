"""The publisher as a whole, put together from its settings."""

import json
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from publisher_fakes import record
from service_processes import PATIENCE, ask, free_port, problems, process_of, wait_until, wait_until_ready
from stylegram.common import artifacts
from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.images import encode_png
from stylegram.common.messages import PostRequest
from stylegram.common.service import run_until_signalled
from stylegram.common.topology import LOGGER_EVENTS
from stylegram.publisher.__main__ import main
from stylegram.publisher.bootstrap import bootstrap
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import PostState

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublisherSettings:
    (tmp_path / "names.json").write_text(json.dumps({"scream.jpg": "The Scream."}))
    (tmp_path / "caption.j2").write_text("{{ style }}!")
    for name, value in {
        "BROKER_URL": f"sqlite://{tmp_path}/queue.sqlite",
        "DATABASE_URL": f"sqlite:///{tmp_path}/stylegram.sqlite",
        "STORAGE_URL": f"file://{tmp_path}/storage",
        "PUBLISH_URL": f"folder://{tmp_path}/outbox",
        "STYLE_NAMES": f"{tmp_path}/names.json",
        "CAPTION_TEMPLATE": f"{tmp_path}/caption.j2",
        "POST_FORMAT": "portrait",
        "POST_FIT": "pad",
        "HTTP_PORT": "0",
    }.items():
        monkeypatch.setenv(f"STYLEGRAM_{name}", value)
    return PublisherSettings()


def test_from_the_queue_to_the_outbox(settings: PublisherSettings, tmp_path: Path) -> None:
    service = bootstrap(settings)
    picture = encode_png(Image.new("RGB", (64, 48), "green"))
    service.storage.write(artifacts.result("7"), picture, content_type="image/png")
    gone = {"content": "assets/gone.png", "style": "assets/gone.png"}
    service.storage.write(artifacts.record("7"), record("7", gone), content_type="application/json")
    service.broker.publish(
        PostRequest(
            job_id="7",
            artifact=artifacts.result("7"),
            record=artifacts.record("7"),
            content_name="a.jpg",
            style_name="SCREAM.jpg",
            hyperparameters=Hyperparameters(),
        )
    )
    stop = threading.Event()

    def wait_for_the_post() -> None:
        if service.broker.receive(LOGGER_EVENTS.name, timeout=10):
            stop.set()

    run_until_signalled(*service.targets(stop), wait_for_the_post, stop=stop)

    [jpeg] = (tmp_path / "outbox").glob("*.jpg")
    assert Image.open(jpeg).size == (1080, 1350)
    assert jpeg.with_suffix(".txt").read_text().startswith("The Scream!\n")
    # A second start finds everything as it was.
    again = bootstrap(settings)
    assert again.ledger.get(jpeg.stem.rpartition("-")[2]).state is PostState.PUBLISHED


@pytest.mark.parametrize(
    ("name", "value"),
    [("POST_FORMAT", "oval"), ("POST_FIT", "bend"), ("POST_QUALITY", "91"), ("POST_QUALITY", "96")],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"STYLEGRAM_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        PublisherSettings()


def test_a_broken_template_keeps_it_from_starting(settings: PublisherSettings, tmp_path: Path) -> None:
    (tmp_path / "caption.j2").write_text("fine\n{{ stile }}")
    with pytest.raises(ConfigurationError, match="line 2: there is no 'stile'"):
        bootstrap(settings)
    assert main([]) == 1


def test_it_tells_how_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    port, answers = free_port(), free_port()
    settings = {
        "BROKER_URL": f"sqlite://{tmp_path}/queue.sqlite",
        "DATABASE_URL": f"sqlite:///{tmp_path}/stylegram.sqlite",
        "STORAGE_URL": f"file://{tmp_path}/storage",
        "PUBLISH_URL": f"folder://{tmp_path}/outbox",
        "METRICS_PORT": str(port),
        "HTTP_PORT": str(answers),
        "API_TOKENS": TOKEN,
    }
    with process_of("stylegram.publisher", settings) as process:
        wait_until_ready(port, process)
        assert json.loads(ask(answers, "/readyz")[1]) == {"status": "ready"}
        assert ask(answers, "/v1/posts")[0] == 401
        assert b"stylegram_posts_total" in ask(port, "/metrics")[1]
        with closing(sqlite3.connect(tmp_path / "stylegram.sqlite")) as database, database:
            database.execute("ALTER TABLE posts RENAME TO lost")
        with closing(sqlite3.connect(tmp_path / "queue.sqlite")) as queue, queue:
            queue.execute("DELETE FROM queues")
        wait_until(lambda: len(problems(port, "/readyz")[1] or ()) == 2)
        assert set(problems(port, "/readyz")[1]) == {"broker", "database"}
        assert ask(port, "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
