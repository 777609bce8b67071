"""Nothing that is secret is where anybody looks: the publishers of both APIs and the commands beside them run through
whatever can go wrong, at the most talkative level of logs, and then everything that they left is searched."""

import base64
import json
import os
import signal
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import Engine, create_engine, inspect, make_url, text

import instagrapi_fake_faults
import postgres_server
from gcs_fake_http import Fault as BucketFault
from gcs_fake_http import Request
from instagram_fake import Fault
from publisher_process import Outcome
from publishing_storm import USERNAME, Front, Job, app_front, graph_front, leave, leave_assets
from service_processes import ask, free_port, wait_until
from stylegram.common.database import migrate
from stylegram.common.messages import PostKind
from stylegram.common.topology import LOGGER_EVENTS, PUBLISHER_POSTS
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import AccountState, PostRow, PostState

PASSWORD = "Planted:Passw0rd+ü/&%"
WRONG_PASSWORD = "Another:Planted+Passw0rd"
TOTP_SEED = "PLANTEDSEEDPLANTEDSEEDPLANTED234"
WRONG_SEED = "ANOTHERPLANTEDSEEDANOTHERPLANTED"
PROXY_PASSWORD = "planted-pr0xy-passw0rd"
DATABASE_PASSWORD = "planted-datab4se-passw0rd"
BROKEN_TOKEN = "EAAplantedBrokenT0ken"
BROKEN_LOGIN = "49000000000:planted-broken-l0gin"
CONTROL = "what everybody may read"
KINDS = (PostKind.PHOTO, PostKind.CAROUSEL, PostKind.STORY)
# What a leak would have to be at least of, where only the end of it was cut off.
_RECOGNISABLE = 14


def traces(secret: str) -> set[bytes]:
    """What the secret looks like, as it is and as it is encoded on its way."""
    plain = secret.encode()
    found = {plain, quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode()}
    found |= {json.dumps(secret)[1:-1].encode(), plain.hex().encode(), repr(plain)[2:-1].encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode):
        bits, size = (5, 8) if encode is base64.b32encode else (6, 4)
        for shift in range(size):
            # Of the characters that hold bits of what is before and after it, none.
            whole = encode(b"\0" * shift + plain).rstrip(b"=")
            first, last = -(-shift * 8 // bits), (shift + len(plain)) * 8 // bits
            found.add(whole[first:last])
    # Whatever shows only a part of it shows too much.
    return {trace[:_RECOGNISABLE] for trace in found if trace}


@dataclass
class Evidence:
    """All that was left, by where it was, and what must not be there."""

    left: defaultdict[str, bytes] = field(default_factory=lambda: defaultdict(bytes))
    planted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, where: str, what: bytes | str) -> None:
        self.left[where] += (what.encode() if isinstance(what, str) else what) + b"\n"

    def places(self, secrets: set[str]) -> set[str]:
        """Where any of them was left."""
        wanted = set().union(*map(traces, secrets))
        return {where for where, what in self.left.items() if any(trace in what for trace in wanted)}


@dataclass
class Office:
    """A publisher, and a person who looks after it.

    Args:
        front: its account.
        engine: of the ledger's database.
        evidence: grows by whatever they leave.
        port: of its metrics.
    """

    front: Front
    engine: Engine
    evidence: Evidence
    port: int
    publisher: int = 0

    def start(self) -> None:
        self.publisher = self.front.nursery.publish()

    def end(self) -> None:
        os.kill(self.publisher, signal.SIGTERM)
        assert self.front.nursery.wait(self.publisher) == 0

    def command(self, *words: str, program: str = "publisher", fails: bool = False) -> Outcome:
        """A command, of which every word is kept."""
        nursery = self.front.nursery
        done = (nursery.publisher_command if program == "publisher" else nursery.stylegram_command)(*words)
        self.evidence.add(f"{self.front.name}: what `{' '.join(words[:2])}` said", done.out + done.err)
        assert (done.code != 0) == fails, done.err
        return done

    @contextmanager
    def settings(self, **values: str) -> Iterator[None]:
        """Other settings for a while."""
        settings = self.front.nursery.settings
        before = dict(settings)
        settings.update(values)
        yield
        settings.clear()
        settings.update(before)

    def rows(self) -> dict[str, PostRow]:
        return {row.key: row for row in Ledger(self.engine).posts(account=self.front.ledger_account, limit=1000)}

    def post(self, kind: PostKind = PostKind.PHOTO) -> str:
        """Ask for one more post; returns its key."""
        number = len(self.front.jobs)
        job = Job(number, f"{self.front.name}-{number}", (kind,))
        leave(job, self.front.storage)
        self.front.jobs.append(job)
        self.front.broker.publish(job.request())
        return self.front.key(job, str(kind))

    def wait_for(self, key: str) -> None:
        """Returns when nothing becomes of the post for now, or nothing more."""

        def rests() -> bool:
            row = self.rows().get(key)
            ends = (PostState.PUBLISHED, PostState.FAILED, PostState.NEEDS_REVIEW)
            return row is not None and (row.state in ends or self.state() is not AccountState.ACTIVE)

        wait_until(rests)

    def state(self) -> AccountState:
        return Accounts(self.engine).get(self.front.ledger_account).state

    def go_through(self, call: str, fault: Fault, kind: PostKind = PostKind.PHOTO) -> None:
        """Have a fault, and a person make up for it."""
        self.front.faults.add(fault, call=call)
        before = self.front.faults.happened[fault.name]
        key = self.post(kind)
        self.wait_for(key)
        assert self.front.faults.happened[fault.name] > before, f"{fault.name} on {call} did not happen"
        self.look_after(key)

    def look_after(self, key: str) -> None:
        account = self.front.ledger_account
        if self.rows()[key].state is not PostState.PUBLISHED:
            self.command("posts", "show", key)
        match self.state():
            case AccountState.LOGIN_NEEDED:
                self.log_in()
                wait_until(lambda: self.state() is AccountState.ACTIVE)
            case AccountState.COOLING | AccountState.STOPPED:
                self.command("account", "show", account)
                self.command("account", "resume", account)
        self.wait_for(key)
        match self.rows()[key].state:
            case PostState.NEEDS_REVIEW if out := self.front.out().get(key):
                self.command("posts", "resolve", key, "--published", f"https://www.instagram.com/p/{out[0].code}/")
            case PostState.NEEDS_REVIEW:
                self.command("posts", "resolve", key, "--not-published")
        if self.rows()[key].state is PostState.FAILED:
            self.command("posts", "retry", key)
            self.wait_for(key)

    def log_in(self) -> None:
        if self.front.name == "instagrapi":
            self.command("auth", "instagram", "--username", USERNAME, program="stylegram")
        else:
            self.front.log_in()
            if self.publisher:
                self.end()
                self.start()
        self.plant_logins()

    def plant_logins(self) -> None:
        for token in self.front.account.tokens:
            self.evidence.planted["login"].add(token)

    def gather(self) -> None:
        """Keep all that is left of what they did."""
        front, evidence = self.front, self.evidence
        for page in ("/metrics", "/readyz", "/healthz"):
            evidence.add(f"{front.name}: {page}", ask(self.port, page)[1])
        self.end()
        evidence.add(f"{front.name}: the publisher's log", front.nursery.log.read_bytes())
        with self.engine.connect() as connection:
            for table in inspect(self.engine).get_table_names():
                for row in connection.execute(text(f"SELECT * FROM {table}")):
                    evidence.add(f"{front.name}: table {table}", str(tuple(row)))
        for letter in front.broker.dead_letters(PUBLISHER_POSTS.name):
            evidence.add(f"{front.name}: dead letters", letter.body + letter.reason.encode())
        while delivery := front.broker.receive(LOGGER_EVENTS.name):
            evidence.add(f"{front.name}: events", delivery.body)
            front.broker.ack(delivery)
        for stored in front.storage.list():
            evidence.add(f"{front.name}: storage", f"{stored}".encode() + front.storage.read(stored.name))
        for post in front.account.posts:
            evidence.add(f"{front.name}: posts", b"".join((post.caption.encode(), *post.files)))


@contextmanager
def office(open_front: Callable[..., object], folder: Path, url: str, evidence: Evidence) -> Iterator[Office]:
    with ExitStack() as stack:
        front: Front = stack.enter_context(open_front(folder, url))  # type: ignore[arg-type]
        engine = create_engine(url)
        stack.callback(engine.dispose)
        migrate(engine, "publisher")
        leave_assets(front.storage)
        port = free_port()
        front.nursery.settings |= {"LOG_LEVEL": "debug", "METRICS_PORT": str(port)}
        yield Office(front, engine, evidence, port)


def logins_of_all_kinds(office: Office) -> None:
    """`stylegram auth instagram`: what is not taken, what is asked for beside, what goes wrong, and what is well."""
    front = office.front
    words = ("auth", "instagram", "--username", USERNAME)
    with office.settings(INSTAGRAM_PASSWORD=WRONG_PASSWORD):
        office.command(*words, program="stylegram", fails=True)
    for name, value in {
        "INSTAGRAM_PROXY": f"http://planted:{PROXY_PASSWORD}@127.0.0.1:{free_port()}",
        "INSTAGRAM_TOTP_SEED": f"{WRONG_SEED}0189",
        "DATABASE_URL": f"postgresql+psycopg://planted:{DATABASE_PASSWORD}@127.0.0.1:port/x",
    }.items():
        with office.settings(**{name: value}):
            fails = name != "DATABASE_URL"
            office.command(*words, program="stylegram", fails=fails)
    front.account.totp_seed = TOTP_SEED
    office.command(*words, program="stylegram", fails=True)
    for seed, fails in ((WRONG_SEED, True), (TOTP_SEED, False)):
        with office.settings(INSTAGRAM_TOTP_SEED=seed):
            office.command(*words, program="stylegram", fails=fails)
    front.account.totp_seed = ""
    for fault in (instagrapi_fake_faults.CHALLENGE, *(fault for _, fault in front.passing[:7])):
        for call in ("login-send", "login-old", "current-user"):
            front.faults.add(fault, call=call)
            nursery = front.nursery.stylegram_command(*words)
            office.evidence.add("instagrapi: what a login said that failed", nursery.out + nursery.err)
            front.faults.calm()
            office.plant_logins()
    office.log_in()


def refusals_that_repeat(secrets: set[str]) -> list[Fault]:
    """Answers with the secret in all places where text could come from."""
    faults = []
    for number, secret in enumerate(secrets):
        words = f"It does not take {secret} at all"
        body = {"message": words, "error_type": words, "error_title": words, "feedback_message": words}
        error = {"message": words, "error_user_title": words, "error_user_msg": words, "type": words, "code": 100}
        for status in (200, 400, 500):
            name = f"repeats {number} with {status}"
            faults.append(Fault(name, status=status, body={**body, "status": "fail", "error": error}))
        page = f"<p>{secret}</p>"
        faults.append(Fault(f"repeats {number} on a page", status=502, body=page, headers={"X-Secret": secret}))
        faults.append(
            Fault(f"repeats {number} in an address", status=302, body=page, headers={"Location": f"/{secret}"})
        )
    return faults


def wrong_settings(office: Office, **settings: str) -> None:
    """A publisher and a command with settings that are wrong, or of servers that are not there."""
    for name, value in settings.items():
        with office.settings(**{name: value, "METRICS_PORT": str(free_port())}):
            pid = office.front.nursery.publish()
            done = office.front.nursery.publisher_command("posts", "list")
            office.evidence.add(f"{office.front.name}: what `posts list` said", done.out + done.err)
            time.sleep(1)
            os.kill(pid, signal.SIGKILL)
            office.front.nursery.wait(pid)


def live(office: Office) -> None:
    """Posts of all kinds go out, and everything goes wrong."""
    front = office.front
    office.log_in()
    office.start()
    for kind in KINDS:
        office.wait_for(key := office.post(kind))
        assert office.rows()[key].state is PostState.PUBLISHED
    for call, fault in (*front.passing, *front.halting):
        if call != "login":
            office.go_through(call or front.commit_call, fault)
    for fault in refusals_that_repeat({min(front.account.tokens)}):
        for call in (front.commit_call, front.upload_call):
            office.go_through(call, fault)
    leave_what_is_no_secret(office)
    office.command("posts", "list", "--limit", "1000")
    office.command("posts", "list", "--json", "--limit", "1000")
    office.command("account", "show", "--json")


def leave_what_is_no_secret(office: Office) -> None:
    """Have what may be seen go wherever there is anything to be seen."""
    front, account = office.front, office.front.ledger_account
    office.command("account", "stop", account, "--why", CONTROL)
    office.command("account", "show", account)
    unwanted, wanted = office.post(), office.post()
    wait_until(lambda: {unwanted, wanted} <= set(office.rows()))
    words = front.nursery.log.with_suffix(".txt")
    words.write_text(CONTROL)
    office.command("posts", "caption", wanted, "--file", str(words))
    office.command("posts", "reject", unwanted, "--why", CONTROL)
    office.command("posts", "show", unwanted)
    office.command("account", "resume", account)
    wait_until(lambda: office.rows()[wanted].state is PostState.PUBLISHED)
    front.storage.write("control", CONTROL.encode(), content_type="text/plain")
    # What a consumer cannot read is kept as a dead letter.
    with closing(sqlite3.connect(front.nursery.log.with_name("queue.sqlite"))) as queue, queue:
        queue.execute("INSERT INTO messages (queue, body) VALUES (?, ?)", (PUBLISHER_POSTS.name, CONTROL.encode()))
    wait_until(lambda: bool(front.broker.dead_letters(PUBLISHER_POSTS.name)))


def signatures(office: Office) -> None:
    """Have each address that is signed known as a secret, and one in five fail."""
    bucket = office.front.bucket
    assert bucket

    def judge(request: Request) -> BucketFault | None:
        if request.kind != "signed":
            return None
        signature = request.query["X-Goog-Signature"]
        office.evidence.planted["signature of an address"].add(signature)
        return BucketFault(status=503) if len(office.evidence.planted["signature of an address"]) % 5 == 0 else None

    bucket.faults = judge


@pytest.fixture(scope="module")
def evidence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """What two publishers left, and people beside them."""
    folder, evidence = tmp_path_factory.mktemp("planted"), Evidence()
    evidence.planted |= {
        "password": {PASSWORD, WRONG_PASSWORD},
        "seed of a second factor": {TOTP_SEED, WRONG_SEED},
        "password of a proxy": {PROXY_PASSWORD},
        "password of the database": {DATABASE_PASSWORD},
        "broken token": {BROKEN_TOKEN},
        "broken login": {BROKEN_LOGIN},
    }
    with ExitStack() as stack:
        if postgres_server.find_programs():
            url = stack.enter_context(request.getfixturevalue("postgresql").database())
            evidence.planted["password of the database"].add(str(make_url(url).password))
        else:
            url = f"sqlite:///{folder}/ledger.sqlite"
        elsewhere = f"postgresql+psycopg://planted:{DATABASE_PASSWORD}@127.0.0.1:{free_port()}/x"
        broken = elsewhere.replace("@127.0.0.1:", "@127.0.0.1:not-a-port")

        app = stack.enter_context(office(app_front, folder / "app", url, evidence))
        app.front.account.password = PASSWORD
        app.front.nursery.settings["INSTAGRAM_PASSWORD"] = PASSWORD
        logins_of_all_kinds(app)
        wrong_settings(
            app,
            DATABASE_URL=elsewhere,
            BROKER_URL=broken,
            INSTAGRAM_PROXY=f"planted:{PROXY_PASSWORD}@127.0.0.1",
        )
        wrong_settings(app, DATABASE_URL=broken)
        broken_login, login = folder / "broken-login.json", folder / "login.json"
        broken_login.write_text(json.dumps({"authorization_data": {"sessionid": BROKEN_LOGIN}}))
        wrong_settings(app, INSTAGRAM_LOGIN_FILE=str(broken_login))

        graph = stack.enter_context(office(graph_front, folder / "graph", url, evidence))
        assert graph.front.bucket
        evidence.planted["key of a service account"].add(
            json.loads(graph.front.bucket.key_file().read_text())["private_key"].splitlines()[3]
        )
        signatures(graph)
        graph.log_in()
        wrong_settings(graph, GRAPH_TOKEN=f"{BROKEN_TOKEN} {BROKEN_TOKEN}", DATABASE_URL=elsewhere)
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(live, each) for each in (app, graph)]:
                done.result()
        evidence.planted["token of a storage"] |= graph.front.bucket.tokens
        graph.gather()
        login.write_bytes((folder / "app" / "session.json").read_bytes())
        proxy = f"http://planted:{PROXY_PASSWORD}@127.0.0.1:{free_port()}"
        with app.settings(INSTAGRAM_PROXY=proxy, INSTAGRAM_LOGIN_FILE=str(login)):
            app.end()
            app.start()
            key = app.post()
            wait_until(lambda: (row := app.rows().get(key)) is not None and row.attempts > 0)
            app.gather()
    # All is closed, and what it left is known.
    yield evidence


@pytest.mark.parametrize("secret", [PASSWORD, TOTP_SEED, "49000000000%3A0123456789abcdef%3A7"])
@pytest.mark.parametrize(
    "encoded",
    [
        str.encode,
        lambda secret: quote(secret).encode(),
        lambda secret: quote_plus(secret).encode(),
        lambda secret: json.dumps({"a": secret}).encode(),
        lambda secret: base64.b64encode(secret.encode()),
        lambda secret: base64.b64encode(b"an odd beginning of it" + secret.encode() + b" and an end"),
        lambda secret: base64.urlsafe_b64encode(json.dumps({"id": "1", "key": secret}, ensure_ascii=False).encode()),
        lambda secret: base64.b32encode(f"ab{secret}".encode()),
        lambda secret: secret.encode().hex().encode(),
        lambda secret: repr({"a": secret.encode()}).encode(),
        lambda secret: secret[:_RECOGNISABLE].encode() + b"...",
    ],
)
def test_what_is_planted_would_be_found(secret: str, encoded: Callable[[str], bytes]) -> None:
    evidence = Evidence()
    evidence.add("somewhere", b"before " + encoded(secret) + b" after")
    evidence.add("elsewhere", b"before and after")
    assert evidence.places({secret}) == {"somewhere"}


@pytest.mark.parametrize("name", ["instagrapi", "graph"])
def test_what_may_be_seen_is_found_wherever_there_is_anything_to_be_seen(evidence: Evidence, name: str) -> None:
    seen = {place for place in evidence.places({CONTROL}) if place.startswith(name)}
    assert seen == {
        f"{name}: {where}"
        for where in (
            "what `posts show` said",
            "what `posts list` said",
            "what `posts caption` said",
            "what `account show` said",
            "the publisher's log",
            "table posts",
            "events",
            "dead letters",
            "storage",
            "posts",
        )
    }
    assert f"{name}: /metrics" in evidence.places({f"{name}://"})


@pytest.mark.parametrize(
    "secret",
    [
        "password",
        "seed of a second factor",
        "password of a proxy",
        "password of the database",
        "broken token",
        "broken login",
        "login",
        "signature of an address",
        "key of a service account",
        "token of a storage",
    ],
)
def test_it_is_nowhere(evidence: Evidence, secret: str) -> None:
    assert evidence.planted[secret]
    assert evidence.places(evidence.planted[secret]) == set()
