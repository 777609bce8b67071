"""Publishers as processes of their own, and the commands that people run beside them; forked from a process that has
loaded everything, so that a new one is there at once.

    with Nursery(log, settings) as nursery:
        publisher = nursery.publish()
        os.kill(publisher, signal.SIGKILL)
        nursery.wait(publisher)
        print(nursery.publisher_command("posts", "list").out)

They are the real ones, `python -m stylegram.publisher` and `stylegram auth instagram`, but that they try again sooner.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

# Whatever the processes will need, here once for all of them.
_LOADED = (
    "alembic.command",
    "alembic.ddl.postgresql",
    "jinja2.sandbox",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "stylegram.common.adapters.gcs",
    "stylegram.local.auth_instagram",
    "stylegram.local.cli",
    "stylegram.publisher.account_command",
    "stylegram.publisher.bootstrap",
    "stylegram.publisher.outlets.graph_api",
    "stylegram.publisher.outlets.instagrapi_api",
    "stylegram.publisher.outlets.instagrapi_api.login",
    "stylegram.publisher.outlook",
    "stylegram.publisher.posts_command",
    "stylegram.publisher.posts_display",
    "stylegram.publisher.views",
)
# Seconds for each look whether a post is out, and before a first attempt is repeated.
_SIGHTINGS = (0.05, 0.1, 0.2)
_FIRST_PAUSE = 0.02


class Outcome(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


class Nursery:
    """Where processes come from, all of them with the same settings.

    Args:
        log: what publishers write.
        settings: by the names of their variables, without the prefix; read when a process begins.
        environment: other variables.
    """

    def __init__(self, log: Path, settings: dict[str, str], environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self.settings = settings
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("STYLEGRAM_")}
        self._environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "1000", **(environment or {})}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        # Its children with it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def publish(self) -> int:
        """Start a publisher; returns its process id."""
        return int(self._ask(do="publish", out=str(self.log), err=str(self.log)))

    def wait(self, pid: int) -> int:
        """Wait until the publisher has ended; returns the exit status, below 0 for a signal."""
        return int(self._ask(do="wait", pid=pid))

    def publisher_command(self, *words: str) -> Outcome:
        """`python -m stylegram.publisher WORDS`."""
        return self._run("publisher", words)

    def stylegram_command(self, *words: str) -> Outcome:
        """`stylegram WORDS`."""
        return self._run("stylegram", words)

    def _run(self, program: str, words: tuple[str, ...]) -> Outcome:
        out, err = self.log.with_suffix(".out"), self.log.with_suffix(".err")
        out.write_bytes(b"")
        err.write_bytes(b"")
        code = int(self._ask(do=program, words=words, out=str(out), err=str(err)))
        return Outcome(code, out.read_text(), err.read_text())

    def _ask(self, **order: Any) -> str:
        assert self._process.stdin and self._process.stdout
        variables = {f"STYLEGRAM_{name}": value for name, value in self.settings.items()}
        self._process.stdin.write(json.dumps({**order, "variables": variables}) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def _publish() -> int:
    from stylegram.common.health import Health
    from stylegram.common.service import Service, serve
    from stylegram.publisher.bootstrap import bootstrap
    from stylegram.publisher.dispatch import Pace
    from stylegram.publisher.settings import PublisherSettings

    pace = Pace(
        sightings=[timedelta(seconds=seconds) for seconds in _SIGHTINGS], first_pause=timedelta(seconds=_FIRST_PAUSE)
    )

    def publish(settings: PublisherSettings, health: Health) -> Service:
        publisher = bootstrap(settings, pace=pace)
        publisher = replace(publisher, outlet=_hasty(publisher.outlet, settings, publisher.storage))
        return Service(publisher.targets(health.stop), publisher.checks())

    return serve(PublisherSettings, publish)


def _hasty(outlet: Any, settings: Any, storage: Any) -> Any:
    """The outlet that the settings name, but that it waits for less."""
    from stylegram.publisher.outlets.graph_api import GraphOutlet
    from stylegram.publisher.outlets.instagrapi_api import InstagrapiOutlet

    name = str(urlsplit(settings.publish_url).netloc)
    if isinstance(outlet, GraphOutlet):
        return GraphOutlet(
            name,
            token=settings.graph_token,
            endpoint=settings.graph_endpoint,
            version=settings.graph_version,
            storage=storage,
            pause_seconds=0.02,
            patience_seconds=5.0,
        )
    assert isinstance(outlet, InstagrapiOutlet)
    return InstagrapiOutlet(
        name,
        session_file=settings.instagram_session_file,
        proxy=settings.instagram_proxy,
        pause_seconds=settings.instagram_pause_seconds,
        transport=settings.instagram_transport,
        endpoint=settings.instagram_endpoint,
        sleep=lambda seconds: time.sleep(seconds / 1000),
    )


def _publisher_command(words: list[str]) -> int:
    from stylegram.publisher.__main__ import main

    return main(words)


def _stylegram_command(words: list[str]) -> int:
    from stylegram.local.cli import main

    sys.argv = ["stylegram", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _fork(work: Callable[[], int], order: Mapping[str, Any]) -> int:
    """The process id of a child that does the work, with the order's variables and files."""
    if pid := os.fork():
        return pid
    code = 70
    try:
        os.environ.update(order["variables"])
        for number, path in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(descriptor, number)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _obey(order: Mapping[str, Any]) -> int:
    match order["do"]:
        case "publish":
            return _fork(_publish, order)
        case "wait":
            pid = order["pid"]
        case "publisher":
            pid = _fork(lambda: _publisher_command(order["words"]), order)
        case _:
            pid = _fork(lambda: _stylegram_command(order["words"]), order)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _main() -> None:
    for module in _LOADED:
        importlib.import_module(module)
    for line in sys.stdin:
        print(_obey(json.loads(line)), flush=True)  # noqa: T201
    # Whoever asks is gone, and nobody else waits for the publishers.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _main()
