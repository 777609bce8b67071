"""Databases that are copied while services work, lost, and put back, by the commands of docs/operations/backup.md."""

import os
import random
import shlex
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import MetaData, create_engine, make_url, text

import postgres_server
from backup_town import Town, open_town, paint
from documentation import commands, run_commands
from graph_bench import graph_bench
from ingest_http import TOKEN
from ingest_samples import png
from instagram_fake import FakeAccount
from instagrapi_posts import world
from postgres_server import PostgresServer
from rabbitmq_node import RabbitNode
from service_processes import free_port, process_of, wait_until_ready
from stylegram.common.clock import utcnow
from stylegram.common.database import open_database
from stylegram.common.messages import JobStarted
from stylegram.common.ports import Outlet
from stylegram.common.topology import STYLIZER_JOBS
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState
from stylegram.logger.preferences.repository import PreferenceRepository
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.tables import PostState

PAGE = "docs/operations/backup.md"


@dataclass
class Backup:
    """A database, and what the page says of copying it and of putting it back.

    Args:
        folder: where the copy goes.
        url: of the database that services work on.
        restored_url: of what it is put back as.
        names: of its commands: to copy it, to put it back, to run `SQL`.
        variables: what the first is told; and the others.
    """

    folder: Path
    url: str
    restored_url: str
    names: tuple[str, str, str]
    variables: tuple[Mapping[str, str], Mapping[str, str]]
    taken_at: datetime = field(init=False)

    def take(self) -> None:
        """While the services work."""
        self._run(commands(PAGE, self.names[0]), self.variables[0])
        self.taken_at = utcnow()

    def put_back(self) -> None:
        """While nothing works."""
        self._run(commands(PAGE, self.names[1]), self.variables[1])

    def tell(self, name: str) -> None:
        """Run the statements of that name on what was put back."""
        self._run(f"{self._since()}\n{commands(PAGE, name)}\n{commands(PAGE, self.names[2])}", self.variables[1])

    def doubt(self) -> None:
        """Have the account asked for what waits, as the page says."""
        settings = {
            "STYLEGRAM_DATABASE_URL": self.restored_url,
            "STYLEGRAM_STORAGE_URL": f"file://{self.folder}/storage",
        }
        self._run(f"{self._since()}\n{commands(PAGE, 'ask-the-account')}", settings)

    def _since(self) -> str:
        return f"SINCE='{self.taken_at - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}+00'"

    def _run(self, lines: str, variables: Mapping[str, str]) -> None:
        programs = postgres_server.find_programs()
        path = [str(Path(sys.executable).parent), *([str(programs)] if programs else []), os.environ["PATH"]]
        run_commands(lines, self.folder, {"PATH": ":".join(path), "HOME": str(self.folder), **variables})


@pytest.fixture(scope="module")
def another_postgresql(postgresql: PostgresServer) -> Iterator[PostgresServer]:
    """A server that has nothing yet."""
    with tempfile.TemporaryDirectory(prefix="postgres") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def backup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backup]:
    if request.param == "sqlite":
        yield on_sqlite(tmp_path, "sqlite-vacuum")
        return
    here, there = (request.getfixturevalue(name) for name in ("postgresql", "another_postgresql"))
    with on_postgresql(tmp_path, here, there) as made:
        yield made


def on_sqlite(folder: Path, copies: str) -> Backup:
    if not shutil.which("sqlite3"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("NOT TESTED, as sqlite3 is not installed")
    url, variables = f"sqlite:///{folder}/stylegram.sqlite", {"STATE": str(folder)}
    return Backup(folder, url, url, (copies, "sqlite-restore", "sqlite"), (variables, variables))


@contextmanager
def on_postgresql(folder: Path, here: PostgresServer, there: PostgresServer) -> Iterator[Backup]:
    with here.database() as url, there.database() as some:
        server, restored = make_url(some).set(database="postgres"), make_url(some).set(database="stylegram")
        yield Backup(
            folder,
            url,
            restored.render_as_string(hide_password=False),
            ("dump", "restore", "postgresql"),
            ({"DATABASE": _libpq(url)}, {"DATABASE": _libpq(restored), "SERVER": _libpq(server)}),
        )
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS stylegram WITH (FORCE)"))
        engine.dispose()


def _libpq(url: Any) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def town(folder: Path, database_url: str, **options: Any) -> Iterator[Town]:
    opened = open_town(folder, database_url, **options)
    try:
        yield opened
    finally:
        opened.close()


def stock(folder: Path, *names: str) -> None:
    """Put pictures where the library has them from."""
    for role in ("photos", "paintings"):
        (folder / role).mkdir(exist_ok=True)
        for name in names:
            (folder / role / name).write_bytes(png(random.Random(role + name).randrange(1000)))


def rows(url: str) -> dict[str, list[str]]:
    """Everything in the database, by table; of sequences, how far they are."""
    engine = open_database(url)
    tables = MetaData()
    tables.reflect(engine)
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for name, table in tables.tables.items():
            found[name] = sorted(map(repr, connection.execute(table.select())))
        if engine.dialect.name == "postgresql":
            sequences = connection.execute(text("SELECT sequencename, last_value FROM pg_sequences"))
            found["sequences"] = sorted(map(repr, sequences))
    engine.dispose()
    return found


def empty_queues(folder: Path) -> None:
    """Have a new broker, as whoever puts a database back has."""
    for file in folder.glob("broker.sqlite*"):
        file.unlink()


def test_everything_is_there_again_and_goes_on(backup: Backup, tmp_path: Path) -> None:
    stock(tmp_path, "a.png", "b.png")
    with town(tmp_path, backup.url) as before:
        before.ingest.sync_all()
        out, other = before.submit(), before.submit()
        before.live()
        liked = PreferenceRepository(before.engine)
        liked.save("1", out.id, other.id)
        liked.rate(out.id, 5)
        waits = before.submit()
        before.live(posts=False)
        queued = before.submit()
        before.live(paints=False, posts=False)
        as_it_was = rows(backup.url)
        backup.take()
        before.submit()
    backup.put_back()
    assert rows(backup.restored_url) == as_it_was
    assert all(as_it_was[table] for table in ("assets", "jobs", "runs", "comparisons", "accounts", "posts"))

    stock(tmp_path, "c.png")
    empty_queues(tmp_path)
    with town(tmp_path, backup.restored_url) as after:
        # New rows get numbers that no restored one has.
        after.ingest.sync_all()
        assert len(after.ingest.assets(limit=9).items) == 6
        jobs = (out, other, waits, queued, after.submit())
        after.ingest.reconcile()
        after.live()
        assert {after.ingest.job(job.id).state for job in jobs} == {JobState.SUCCEEDED}
        assert {row.state for row in after.posts().values()} == {PostState.PUBLISHED}
        assert len(list((tmp_path / "outbox").glob("*.jpg"))) == len(jobs)


def test_services_start_on_what_was_put_back(backup: Backup, tmp_path: Path) -> None:
    stock(tmp_path, "a.png")
    with town(tmp_path, backup.url) as before:
        before.ingest.sync_all()
        done = before.submit()
        before.live()
        backup.take()
    backup.put_back()
    empty_queues(tmp_path)
    addresses = {}
    with ExitStack() as processes:
        for name in ("ingest", "logger", "publisher"):
            port, metrics = free_port(), free_port()
            settings = {
                "DATABASE_URL": backup.restored_url,
                "BROKER_URL": f"sqlite://{tmp_path}/broker.sqlite",
                "STORAGE_URL": f"file://{tmp_path}/storage",
                "CONTENT_SOURCE_URL": f"file://{tmp_path}/photos",
                "STYLE_SOURCE_URL": f"file://{tmp_path}/paintings",
                "PUBLISH_URL": f"folder://{tmp_path}/outbox",
                "API_TOKENS": TOKEN,
                "HTTP_PORT": str(port),
                "METRICS_PORT": str(metrics),
            }
            process = processes.enter_context(process_of(f"stylegram.{name}", settings))
            wait_until_ready(metrics, process)
            addresses[name] = f"http://127.0.0.1:{port}/v1"
        with httpx2.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60, trust_env=False) as client:
            assert client.get(f"{addresses['logger']}/runs/{done.id}").json()["outcome"] == "succeeded"
            [post] = client.get(f"{addresses['publisher']}/posts").json()["items"]
            assert (post["job_id"], post["state"]) == (done.id, PostState.PUBLISHED)
            pair = {"content": done.content.sha256, "style": done.style.sha256}
            assert client.post(f"{addresses['ingest']}/jobs", json=pair).status_code == 202


@pytest.mark.parametrize("copies", ["sqlite-vacuum", "sqlite-backup"])
def test_a_copy_of_a_file_that_is_written_to_is_whole(copies: str, tmp_path: Path) -> None:
    backup = on_sqlite(tmp_path, copies)
    stock(tmp_path, "a.png")
    written, stop = 0, threading.Event()
    with town(tmp_path, backup.url) as busy:
        busy.ingest.sync_all()

        def write() -> None:
            nonlocal written
            while not stop.wait(0.02):
                busy.submit()
                written += 1

        writer = threading.Thread(target=write)
        writer.start()
        while written < 20:
            stop.wait(0.01)
        at_least = written
        backup.take()
        # One may have been committed and not yet counted.
        at_most = written + 1
        stop.set()
        writer.join()
    backup.put_back()
    with closing(sqlite3.connect(tmp_path / "stylegram.sqlite")) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with town(tmp_path, backup.restored_url) as after:
        assert at_least <= after.ingest.count_queued() <= at_most


@dataclass
class Account:
    """Where posts go.

    Args:
        outlet: None for the folder that posts go to by default.
        captions: of all that are out.
        remembers: whether it is asked in vain to post something twice.
    """

    outlet: Outlet | None
    captions: Callable[[], list[str]]
    remembers: bool

    def times(self, town: Town, job: Job) -> int:
        """How often that job's picture is out."""
        marker = marker_of(town.posts()[job.id].key)
        return sum(marker in caption for caption in self.captions())


@pytest.fixture(params=["folder", "instagrapi", "graph"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Account]:
    match request.param:
        case "folder":
            yield Account(None, lambda: [path.read_text() for path in (tmp_path / "outbox").glob("*.txt")], True)
        case "instagrapi":
            with world(tmp_path) as instagram:
                yield Account(instagram.outlet, lambda: _captions(instagram.account), False)
        case _:
            with graph_bench() as bench:
                yield Account(bench.outlet, lambda: _captions(bench.account), False)


def _captions(account: FakeAccount) -> list[str]:
    return [post.caption for post in account.posts]


@dataclass
class History:
    """Jobs with a past, of which the backup knows only a part."""

    out: Job
    """Its post was out when the backup was taken."""
    waited: Job
    """Its post waited then, and went out since."""
    waits: Job
    """Its post waited then, and still did when the database was lost."""
    painted: Job
    """It was queued then, and its post went out since."""


@pytest.fixture
def history(backup: Backup, account: Account, tmp_path: Path) -> History:
    """The database is put back, and nothing runs yet."""
    stock(tmp_path, "a.png")
    with town(tmp_path, backup.url, outlet=account.outlet) as before:
        before.ingest.sync_all()
        out = before.submit()
        before.live()
        waited, waits = before.submit(), before.submit()
        before.live(posts=False)
        painted = before.submit()
        before.live(paints=False, posts=False)
        backup.take()
        before.publisher.desk().decisions.reject(before.posts()[waits.id].key, "wait")
        before.live()
        assert [account.times(before, job) for job in (out, waited, waits, painted)] == [1, 1, 0, 1]
    backup.put_back()
    empty_queues(tmp_path)
    return History(out, waited, waits, painted)


def test_an_older_ledger_posts_nothing_twice(
    backup: Backup, account: Account, history: History, tmp_path: Path
) -> None:
    out, waited, waits, painted = history.out, history.waited, history.waits, history.painted
    everything = (out, waited, waits, painted)
    with town(tmp_path, backup.restored_url, outlet=account.outlet, dry_run=True) as rehearsal:
        # Nothing is painted: that the picture is there is found in storage.
        rehearsal.live(paints=False)
        rehearsal.ingest.reconcile()
        rehearsal.live(paints=False)
        backup.tell("said-again")
        rehearsal.live(paints=False)
        states = {job.id: rehearsal.posts()[job.id].state for job in everything}
        assert states == {job.id: PostState.PUBLISHED if job is out else PostState.PREPARED for job in everything}

        backup.doubt()
        rehearsal.live(paints=False)
        found = rehearsal.posts()
        assert {found[job.id].state for job in (out, waited, painted)} == {PostState.PUBLISHED}
        assert all(found[job.id].url for job in (waited, painted))
        unsure = PostState.PREPARED if account.remembers else PostState.NEEDS_REVIEW
        assert found[waits.id].state == unsure
        assert [account.times(rehearsal, job) for job in everything] == [1, 1, 0, 1]
        assert rehearsal.ingest.job(painted.id).post_state == "published"
    with town(tmp_path, backup.restored_url, outlet=account.outlet) as after:
        if not account.remembers:
            after.live()
            assert account.times(after, waits) == 0
            decisions, key = after.publisher.desk().decisions, after.posts()[waits.id].key
            decisions.settle(key, None)
            decisions.retry(key)
        after.live()
        assert [account.times(after, job) for job in everything] == [1, 1, 1, 1]
        assert {row.state for row in after.posts().values()} == {PostState.PUBLISHED}


def test_why_an_older_ledger_must_not_be_started_as_it_is(
    backup: Backup, account: Account, history: History, tmp_path: Path
) -> None:
    with town(tmp_path, backup.restored_url, outlet=account.outlet) as after:
        after.live(paints=False)
        assert account.times(after, history.out) == 1
        assert account.times(after, history.waited) == (1 if account.remembers else 2)


def test_an_empty_broker_costs_no_job(rabbitmq: RabbitNode, tmp_path: Path) -> None:
    backup = on_sqlite(tmp_path, "sqlite-vacuum")
    broker_url = rabbitmq.url.replace("%2F", "stylegram")
    rabbitmq.control("add_vhost", "stylegram")
    _permit(rabbitmq)
    stock(tmp_path, "a.png")
    with town(tmp_path, backup.url, broker_url=broker_url) as before:
        before.ingest.sync_all()
        approved, out, asked, ended, running, _ = jobs = [before.submit() for _ in range(6)]
        ingest, publisher, stop = before.ingest, before.publisher, threading.Event()
        ingest.relay().relay_once()
        assert all(ingest.broker.receive(STYLIZER_JOBS.name, timeout=10) for _ in jobs)
        ingest.broker.publish(JobStarted(job_id=running.id, worker="gone", attempt=1))
        publisher.accounts.enter(publisher.outlet.account, approval=True)
        paint(before, approved.id)
        before.live(paints=False)
        publisher.accounts.set_approval(publisher.outlet.account, False)
        publisher.desk().decisions.approve(before.posts()[approved.id].key)
        paint(before, out.id)
        paint(before, asked.id)
        while ingest.consumer(stop).step(timeout=1):
            pass
        ingest.relay().relay_once()
        assert publisher.consumer(stop).step(timeout=10)
        # That these two are out is heard by nobody, nor is what is said from here on.
        while publisher.publisher().step():
            pass
        paint(before, ended.id)
        backup.take()
        assert {row.state for row in before.posts().values()} == {PostState.PUBLISHED}
        said = [ingest.job(job.id).post_state for job in (approved, out, asked)]
        assert said == ["waiting", None, None]
    for line in commands(PAGE, "broker").splitlines():
        rabbitmq.control(*shlex.split(line)[1:])
    _permit(rabbitmq)
    backup.put_back()

    with town(tmp_path, backup.restored_url, broker_url=broker_url) as after:
        # One whose worker is gone takes two looks: it is queued, and then its message is found to be lost.
        for _ in range(2):
            after.ingest.reconcile()
            after.live()
        assert {after.ingest.job(job.id).state for job in jobs} == {JobState.SUCCEEDED}
        assert [after.ingest.job(job.id).post_state for job in (approved, out, asked)] == said
        backup.tell("said-again")
        after.live()
        assert {after.ingest.job(job.id).post_state for job in jobs} == {"published"}
        assert len(after.posts()) == len(jobs)


def _permit(rabbitmq: RabbitNode) -> None:
    rabbitmq.control("set_permissions", "-p", "stylegram", "guest", ".*", ".*", ".*")
