"""`python -m stylegram.ingest daily|sync|reconcile`, as a cluster's clock runs them: processes that ask a process."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ingest_http import TOKEN
from ingest_process import service
from ingest_samples import completed, open_ingest, png, say
from service_processes import PATIENCE, environment_of, free_port, wait_until
from stylegram.common.clock import utcnow
from stylegram.common.messages import JobFailed, Message, PostFailed, PostPublished, PostWaiting
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job
from stylegram.ingest.sync import SyncReport
from stylegram.ingest.sync_record import STOPPED, SyncRecord


@dataclass
class Errand:
    """An errand that runs, and what it has said so far."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        self.said.extend(iter(self.process.stdout.readline, ""))

    @property
    def words(self) -> str:
        """All of it."""
        return "".join(self.said)

    def says(self, words: str) -> None:
        """Returns when it has said that."""
        wait_until(lambda: words in self.words or self.process.poll() is not None)
        assert words in self.words

    def end(self) -> int:
        """How it ended."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert "Traceback" not in self.words
        return code


@contextmanager
def errand(port: int, *words: str, **settings: str) -> Iterator[Errand]:
    """`python -m stylegram.ingest` with these words, at the ingest that listens at that port."""
    environment = environment_of({"URL": f"http://127.0.0.1:{port}"} | settings)
    # As a pod's, which is no terminal; so that what it says counts only once it can be read.
    environment.pop("PYTHONUNBUFFERED", None)
    with subprocess.Popen(
        [sys.executable, "-m", "stylegram.ingest", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Errand(process)
        finally:
            process.kill()


def run(port: int, *words: str, **settings: str) -> tuple[int, str]:
    """The exit status of an errand, and what it said."""
    with errand(port, *words, **settings) as running:
        return running.end(), running.words


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def ingest(tmp_path: Path, port: int) -> Iterator[Ingest]:
    """A replica of the ingest whose process is at that port, with a photograph and a painting at its sources."""
    with service(tmp_path, HTTP_PORT=str(port)), ExitStack() as undo:
        (tmp_path / "photos" / "photo.png").write_bytes(png(1))
        (tmp_path / "paintings" / "painting.png").write_bytes(png(2))
        replica = open_ingest(tmp_path)
        undo.callback(replica.close)
        yield replica


def test_the_days_picture_is_queued_once(ingest: Ingest, port: int) -> None:
    code, said = run(port, "daily")
    assert code == 0, said
    (job,) = ingest.jobs(limit=10).items
    assert said == (
        f"The sync has begun.\nphotographs: 1 new\npaintings: 1 new\nphoto.png × painting.png: job {job.id}, queued.\n"
    )
    code, said = run(port, "daily", "--no-sync")
    assert (code, said) == (0, f"photo.png × painting.png: job {job.id}, queued.\n")
    assert len(ingest.jobs(limit=10).items) == 1


def test_without_pictures_there_is_none(tmp_path: Path, port: int) -> None:
    with service(tmp_path, HTTP_PORT=str(port)):
        code, said = run(port, "daily")
    assert code == 1
    assert "There are no photographs to choose from." in said.splitlines()[-1]


def test_a_source_that_is_away_fails_the_sync_and_not_the_picture(ingest: Ingest, port: int, tmp_path: Path) -> None:
    assert run(port, "sync")[0] == 0
    shutil.rmtree(tmp_path / "photos")
    code, said = run(port, "sync")
    assert code == 1
    assert "The sync failed: " in said
    assert "photos" in said
    assert "paintings: 1 known" in said, "the other is synced all the same"
    code, said = run(port, "daily")
    assert code == 0
    assert "The sync failed: " in said
    assert said.splitlines()[-1].endswith("queued.")


def test_jobs_are_put_right(ingest: Ingest, port: int) -> None:
    assert run(port, "reconcile") == (0, "Jobs put right: none.\n")


def test_a_token_is_read_from_a_file_and_without_one_it_ends_at_once(tmp_path: Path, port: int) -> None:
    for name, content in (("good", f"{TOKEN}\n"), ("bad", "nobody-knows-this-token")):
        (tmp_path / name).write_text(content)
    with service(tmp_path, HTTP_PORT=str(port), API_TOKENS=TOKEN):
        assert run(port, "reconcile", TOKEN_FILE=str(tmp_path / "good"))[0] == 0
        for word, settings in (("daily", {}), ("sync", {"TOKEN_FILE": str(tmp_path / "bad")})):
            code, said = run(port, word, **settings)
            assert code == 1
            assert said.startswith("This needs a token that Stylegram knows. Put a token into STYLEGRAM_TOKEN")
            assert "nobody-knows" not in said
    code, said = run(port, "sync", TOKEN_FILE=str(tmp_path / "missing"))
    assert code == 1
    assert "STYLEGRAM_TOKEN_FILE" in said


def test_no_secret_is_in_what_it_says(tmp_path: Path, port: int) -> None:
    (tmp_path / "several").write_text(f"{TOKEN}\nanother-token-of-the-api\n")
    code, said = run(port, "sync", TOKEN_FILE=str(tmp_path / "several"))
    assert (code, said) == (1, "These settings are wrong: STYLEGRAM_TOKEN: it has 2 tokens in it; give one of them.\n")
    code, said = run(port, "sync", "--wait", "0", URL=f"http://somebody:hunter2@127.0.0.1:{port}")
    assert code == 1
    assert said.startswith(f"No Stylegram answers at http://127.0.0.1:{port}: ")
    assert "hunter2" not in said


def test_an_ingest_that_is_away_at_first_is_waited_for(tmp_path: Path, port: int) -> None:
    with errand(port, "sync") as running:
        running.says("Asked again in")
        with service(tmp_path, HTTP_PORT=str(port)):
            assert running.end() == 0
    assert "STYLEGRAM_URL" in running.words
    assert "photographs: none\npaintings: none\n" in running.words


def test_an_ingest_that_stays_away_is_given_up(port: int) -> None:
    code, said = run(port, "daily", "--wait", "1.5")
    assert code == 1
    assert "Asked again in 1 seconds." in said
    assert f"No Stylegram answers at http://127.0.0.1:{port}" in said.splitlines()[-1]


def test_sigterm_ends_it_at_once(port: int) -> None:
    with errand(port, "daily") as running:
        running.says("Asked again in")
        running.process.send_signal(signal.SIGTERM)
        assert running.end() == 128 + signal.SIGTERM


class SyncElsewhere:
    """A sync of another process, which says that it lives until it is told to end."""

    def __init__(self, ingest: Ingest) -> None:
        self._record = SyncRecord(ingest.engine)
        self._status = self._record.begin()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while not self._end.wait(1):
            self._record.write(self._status)

    def end(self, problem: str | None = None) -> None:
        """Seven photographs were new."""
        self._end.set()
        self._thread.join()
        report = SyncReport(Role.CONTENT, added=7)
        self._record.write(
            replace(self._status, running=False, finished_at=utcnow(), reports=(report,), problem=problem)
        )


def test_a_sync_that_runs_already_is_followed_while_ingest_starts_anew(
    ingest: Ingest, port: int, tmp_path: Path
) -> None:
    sync = SyncElsewhere(ingest)
    with errand(port, "sync") as running:
        running.says("A sync runs already.")
        with service(tmp_path, HTTP_PORT="0"):
            pass  # another replica comes and goes
        assert running.process.poll() is None
        sync.end()
        assert running.end() == 0
    assert running.words == "A sync runs already.\nphotographs: 7 new\n"


def test_ingest_may_start_anew_in_the_middle(tmp_path: Path, port: int) -> None:
    with ExitStack() as undo:
        with service(tmp_path, HTTP_PORT=str(port)):
            replica = open_ingest(tmp_path)
            undo.callback(replica.close)
            sync = SyncElsewhere(replica)
            running = undo.enter_context(errand(port, "sync"))
            running.says("A sync runs already.")
        running.says("Asked again in")
        with service(tmp_path, HTTP_PORT=str(port)):
            sync.end()
            assert running.end() == 0
    assert running.words.endswith("photographs: 7 new\n")


def test_a_sync_that_ended_with_its_process_is_begun_again(ingest: Ingest, port: int) -> None:
    sync = SyncElsewhere(ingest)
    with errand(port, "sync") as running:
        running.says("A sync runs already.")
        sync.end(STOPPED)
        assert running.end() == 0
    assert running.words == (
        f"A sync runs already.\n{STOPPED} It is begun.\nThe sync has begun.\nphotographs: 1 new\npaintings: 1 new\n"
    )


def post(job: Job, kind: type[PostPublished | PostWaiting | PostFailed]) -> Message:
    common = {"job_id": job.id, "account": "folder:///outbox", "post": "0123456789abcdef"}
    if kind is PostPublished:
        return PostPublished(**common, media_id="1", url="file:///outbox/1")
    if kind is PostWaiting:
        return PostWaiting(**common, reason="It waits for a yes.")
    return PostFailed(**common, reason="The outbox is full.", error_code="refused")


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        (PostPublished, 0, "The post is out: file:///outbox/1"),
        (PostWaiting, 0, "The post waits: It waits for a yes."),
        (PostFailed, 1, "The post failed: The outbox is full."),
    ],
)
def test_the_picture_is_followed_until_its_post_is_out_or_waits(
    ingest: Ingest, port: int, kind: type[PostPublished | PostWaiting | PostFailed], code: int, words: str
) -> None:
    ingest.sync_all()
    with errand(port, "daily", "--no-sync", "--follow", "300") as running:
        running.says(", queued.")
        (job,) = ingest.jobs(limit=10).items
        say(ingest, completed(job))
        running.says("The job is succeeded.")
        assert running.process.poll() is None, "the post is what matters"
        say(ingest, post(job, kind))
        assert running.end() == code
    assert running.words.splitlines()[-1] == words


def test_a_job_that_fails_is_no_success_where_it_is_followed(ingest: Ingest, port: int) -> None:
    ingest.sync_all()
    with errand(port, "daily", "--no-sync", "--follow", "300") as running:
        running.says(", queued.")
        (job,) = ingest.jobs(limit=10).items
        say(ingest, JobFailed(job_id=job.id, reason="Not enough\nmemory.", error_code="out-of-memory"))
        assert running.end() == 1
    assert running.words.splitlines()[-1] == "The job is failed: Not enough\N{REPLACEMENT CHARACTER}memory."
    code, said = run(port, "daily", "--no-sync")
    assert (code, said.splitlines()[-1]) == (0, f"photo.png × painting.png: job {job.id}, failed.")


def test_when_the_time_is_over_nothing_is_wrong(ingest: Ingest, port: int) -> None:
    ingest.sync_all()
    code, said = run(port, "daily", "--no-sync", "--follow", "1")
    assert code == 0
    assert said.splitlines()[-1] == "After 1 seconds the job is queued; it goes on by itself."


def test_the_time_runs_on_while_ingest_is_away(tmp_path: Path, port: int) -> None:
    with ExitStack() as undo:
        with service(tmp_path, HTTP_PORT=str(port)):
            (tmp_path / "photos" / "photo.png").write_bytes(png(1))
            (tmp_path / "paintings" / "painting.png").write_bytes(png(2))
            running = undo.enter_context(errand(port, "daily", "--follow", "15"))
            running.says(", queued.")
        running.says("Asked again in")
        assert running.end() == 0
    assert running.words.splitlines()[-1] == "After 15 seconds the job is queued; it goes on by itself."


@pytest.mark.parametrize("words", [("nothing",), ("daily", "--follow", "long"), ("sync", "--fast")])
def test_what_is_no_errand_is_told(port: int, words: tuple[str, ...]) -> None:
    code, said = run(port, *words)
    assert code == 2
    assert "usage: python -m stylegram.ingest" in said
