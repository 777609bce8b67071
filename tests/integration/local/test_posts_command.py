"""`stylegram posts` and `stylegram account`, as a person runs them on a state folder."""

import json
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_commands import Command
from publisher_fakes import picture, record
from stylegram.common import artifacts
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostRequest
from stylegram.common.service import read_settings
from stylegram.ingest.bootstrap import Ingest
from stylegram.local.state_folder import embedded_settings
from stylegram.publisher.bootstrap import PublisherService, bootstrap
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import PostState


@pytest.fixture
def publisher(ingest: Ingest, state: Path) -> PublisherService:
    """The publisher of the state folder, whose posts wait for a yes."""
    outbox = (state / "outbox").as_uri().replace("file:", "folder:", 1)
    settings = read_settings(PublisherSettings, **embedded_settings(state), publish_url=outbox, post_approval=True)
    return bootstrap(settings, broker=ingest.broker, storage=ingest.storage, engine=ingest.engine)


@contextmanager
def running(publisher: PublisherService) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=target) for target in publisher.targets(stop)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def ask(publisher: PublisherService, job_id: str) -> str:
    """Have a picture posted; the post's key."""
    assets = {role: f"assets/{role}-{job_id}.png" for role in ("content", "style")}
    for name in (*assets.values(), artifacts.result(job_id)):
        publisher.storage.write(name, picture("L"), content_type="image/png")
    publisher.storage.write(artifacts.record(job_id), record(job_id, assets), content_type="application/json")
    publisher.broker.publish(
        PostRequest(
            job_id=job_id,
            artifact=artifacts.result(job_id),
            record=artifacts.record(job_id),
            content_name="me.jpg",
            style_name="the_scream.jpg",
            hyperparameters=Hyperparameters(),
        )
    )
    publisher.consumer(threading.Event()).step(timeout=5)
    [row] = [row for row in publisher.ledger.posts() if row.job_id == job_id]
    return row.key


def until_published(publisher: PublisherService, key: str) -> str:
    """The post's URL, once it is out."""
    deadline = time.monotonic() + 30
    while (row := publisher.ledger.get(key)).state is not PostState.PUBLISHED or row.url is None:
        assert time.monotonic() < deadline, row.state
        time.sleep(0.05)
    return row.url


def test_a_yes_is_heard_by_a_publisher_that_runs(stylegram: Command, publisher: PublisherService, state: Path) -> None:
    key, other = ask(publisher, "51"), ask(publisher, "52")
    with running(publisher):
        assert "waits for a yes" in stylegram("posts", "list", "--state", str(state)).out
        done = stylegram("posts", "approve", key[:8], "--state", str(state))
        assert done.code == 0, done.err
        url = until_published(publisher, key)
        assert url in stylegram("posts", "list", "--state", str(state)).out
    assert publisher.ledger.get(other).state is PostState.PREPARED


def test_without_a_publisher_the_ledger_is_there_all_the_same(
    stylegram: Command, publisher: PublisherService, state: Path, tmp_path: Path
) -> None:
    key = ask(publisher, "51")
    place = ("--state", str(state))
    shown = stylegram("posts", "show", key, "--out", str(tmp_path / "out"), *place)
    assert shown.code == 0, shown.err
    assert (tmp_path / "out" / f"{key}.jpg").is_file()
    [post] = map(json.loads, stylegram("posts", "list", "--json", *place).out.splitlines())
    assert (post["key"], post["waits_for"]) == (key, "waits for a yes")
    # A folder's account is its URL.
    assert stylegram("account", "stop", publisher.outlet.account, "--why", "enough", *place).code == 0
    assert "enough" in stylegram("account", "show", *place).out


def test_the_commands_that_it_advises_work_as_they_stand(
    stylegram: Command, publisher: PublisherService, state: Path
) -> None:
    key = ask(publisher, "51")
    shown = stylegram("posts", "show", key, "--state", str(state)).out
    approve, reject = (shlex.split(line)[1:] for line in shown.splitlines() if line.startswith("  stylegram "))
    assert stylegram(*reject).code == 0
    assert publisher.ledger.get(key).state is PostState.FAILED
    refused = stylegram(*approve)
    assert (refused.code, refused.out) == (1, "")
    assert f"Error: Post {key} is not waiting for a yes: it is failed" in refused.err


@pytest.mark.parametrize("words", [("posts", "list"), ("posts", "approve", "--all"), ("account", "show")])
def test_a_folder_that_is_no_state_folder_is_wrong_usage(
    stylegram: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    refused = stylegram(*words, "--state", str(tmp_path))
    assert (refused.code, refused.out) == (2, "")
    assert "is no state folder" in refused.err
    assert list(tmp_path.iterdir()) == [], "and none is made of it"
    missing = stylegram(*words)
    assert (missing.code, "--state" in missing.err) == (2, True)
