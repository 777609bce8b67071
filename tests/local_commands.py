"""`stylegram jobs` and `stylegram queue` for tests: a state folder without workers, served or not, and the command."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest_samples import FAST, add_asset, completed
from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.messages import JobFailed, JobProgress, JobStarted, Message, Priority
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest, bootstrap
from stylegram.ingest.http.app import create_app
from stylegram.ingest.schemas import Job
from stylegram.local.cli import main
from stylegram.local.state_folder import ingest_settings


class Outcome(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The `stylegram` command, in this process, on a wide screen that is no terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["stylegram", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Outcome(int(end.value.code or 0), *capsys.readouterr())

    return run


def open_state(folder: Path) -> Ingest:
    """Ingest on a state folder, as a house has it."""
    folder.mkdir(exist_ok=True)
    return bootstrap(ingest_settings(folder))


@contextmanager
def served(ingest: Ingest, port: int = 0, tokens: Collection[str] = ()) -> Iterator[str]:
    """The URL at which the API answers meanwhile; nobody works."""
    listener, stop = listen("127.0.0.1", port), threading.Event()
    url = url_of(listener)
    server = threading.Thread(target=serve, args=(create_app(ingest, tokens=tokens), listener, stop))
    server.start()
    try:
        yield url
    finally:
        stop.set()
        server.join()


class Worker:
    """Says of jobs what a stylizer would, and has ingest hear it.

    Args:
        ingest: whose jobs.
    """

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self._consumer = ingest.consumer(threading.Event())
        self._pair = add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)

    def submit(self, priority: Priority = Priority.INTERACTIVE) -> Job:
        """A job that waits in its queue."""
        job = self.ingest.submit(*self._pair, FAST, publish=False, priority=priority)
        self.ingest.relay().relay_once()
        return job

    def start(self, job: Job) -> None:
        """Begin with the job."""
        self.say(JobStarted(job_id=job.id, worker="w", attempt=1))

    def paint(self, job: Job, evaluation: int) -> None:
        """Be so far with it."""
        self.say(JobProgress(job_id=job.id, evaluation=evaluation, evaluations=2, size=64, loss=0.25))

    def finish(self, job: Job) -> None:
        """Be done with it."""
        self.say(completed(job))

    def fail(self, job: Job) -> None:
        """Fail for good."""
        self.say(JobFailed(job_id=job.id, reason="The weights are corrupt.", error_code="weights-corrupt"))

    def say(self, message: Message) -> None:
        """Say something and have it heard, and whatever was said before."""
        self.ingest.broker.publish(message)
        self.listen()

    def listen(self) -> None:
        """Have ingest publish what is due, and hear what was said."""
        self.ingest.relay().relay_once()
        while self._consumer.step():
            pass
