"""Accounts for a storm: each behind the fake of one of Instagram's two APIs, with the pictures that are to go there.

Every picture has a colour of its own, so that a post tells by its pixels whose it is, a story's too.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from uuid import uuid4

from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from PIL import Image

import instagrapi_fake_faults
from gcs_fake import GcsFake
from graph_bench import film
from graph_fake_http import GraphFake, refused
from instagram_fake import (
    BAD_GATEWAY,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    HALF_AN_ANSWER,
    NOT_JSON,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    SERVER_ERROR_AFTER,
    TOO_MANY,
    FakeAccount,
    FakePost,
    Fault,
    Faults,
    InstagramFake,
)
from instagrapi_fake_http import InstagrapiFake
from publisher_fakes import picture, record
from publisher_process import Nursery
from stylegram.common import artifacts
from stylegram.common.adapters import open_storage
from stylegram.common.adapters.gcs import GcsStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostKind, PostRequest
from stylegram.common.ports import Storage
from stylegram.common.topology import QUEUES
from stylegram.publisher.grids import TILES
from stylegram.publisher.ledger import key_of

Menu = Sequence[tuple[str, Fault]]

USERNAME, PASSWORD = "stylegram", "a password"
SECONDS_HELD = 1.5
"""Until a post is taken up whose publisher was killed."""
_ASSETS = {"content": "assets/content.png", "style": "assets/style.png"}
# Colours that JPEG keeps apart.
_LEVELS, _STEP = 12, 20

_PASSING = (DROPPED_BEFORE, DROPPED_AFTER, HALF_AN_ANSWER, NOT_JSON, SERVER_ERROR, BAD_GATEWAY, REQUEST_TIMEOUT)
_IN_A_SECOND = replace(TOO_MANY, name="too many requests, for a second", headers={"Retry-After": "1"})
_REGAIN = {
    "X-Business-Use-Case-Usage": json.dumps({"1": [{"type": "instagram", "estimated_time_to_regain_access": 1}]})
}

_APP_PASSING: Menu = (
    *(("", fault) for fault in _PASSING),
    *(
        ("configure", fault)
        for fault in (
            SERVER_ERROR_AFTER,
            instagrapi_fake_faults.NO_MEDIA,
            instagrapi_fake_faults.CHANGED,
            instagrapi_fake_faults.ANOTHER_PAGE,
            instagrapi_fake_faults.NEEDS_REUPLOAD,
            instagrapi_fake_faults.REFUSED_AS_200,
            instagrapi_fake_faults.TRANSCODING,
            DROPPED_AFTER,
            HALF_AN_ANSWER,
        )
    ),
    ("upload", instagrapi_fake_faults.REFUSED),
    ("login", SERVER_ERROR),
)
_APP_HALTING: Menu = tuple(
    ("", fault)
    for fault in (
        _IN_A_SECOND,
        instagrapi_fake_faults.WAIT,
        instagrapi_fake_faults.RATE_LIMIT,
        instagrapi_fake_faults.CHALLENGE,
        instagrapi_fake_faults.CHECKPOINT,
        instagrapi_fake_faults.FEEDBACK,
        instagrapi_fake_faults.FEEDBACK_AS_200,
        instagrapi_fake_faults.LOGGED_OUT,
        instagrapi_fake_faults.LOGIN_PAGE,
    )
)
_GRAPH_PASSING: Menu = (
    *(("", fault) for fault in (*_PASSING, refused(2, status=500, transient=True), refused(1))),
    *(
        ("publish", fault)
        for fault in (
            SERVER_ERROR_AFTER,
            DROPPED_AFTER,
            HALF_AN_ANSWER,
            refused(-1, 2207001, acts=True),
            refused(24, 2207008),
            refused(9007, 2207027),
            refused(36003, 2207009),
        )
    ),
    *(("container", fault) for fault in (refused(9004, 2207052), refused(36004, 2207010))),
)
_GRAPH_HALTING: Menu = (
    *(
        ("", fault)
        for fault in (
            _IN_A_SECOND,
            refused(4, headers=_REGAIN),
            refused(9, 2207042, status=403),
            refused(190, 463, status=401),
            refused(368),
            refused(10),
        )
    ),
    # The post goes out nevertheless.
    *(("publish", fault) for fault in (refused(25, 2207050, acts=True), refused(4, 2207051, status=403, acts=True))),
)


@dataclass(frozen=True)
class Job:
    """A finished picture that is to be posted.

    Args:
        number: what its colour says.
        id: the run's.
        kinds: what it is posted as.
    """

    number: int
    id: str
    kinds: tuple[PostKind, ...]

    @property
    def row_kinds(self) -> tuple[str, ...]:
        """The kinds of its rows in the ledger."""
        return tuple(row for kind in self.kinds for row in (TILES if kind is PostKind.GRID else (str(kind),)))

    def request(self) -> PostRequest:
        """What asks for it."""
        return PostRequest(
            job_id=self.id,
            artifact=artifacts.result(self.id),
            record=artifacts.record(self.id),
            content_name="harbour.jpg",
            style_name="the_scream.jpg",
            hyperparameters=Hyperparameters(),
            kinds=self.kinds,
        )


_KINDS: Mapping[int, tuple[PostKind, ...]] = {
    3: (PostKind.CAROUSEL,),
    5: (PostKind.PHOTO, PostKind.STORY),
    9: (PostKind.STORY,),
}


def jobs_of(name: str, posts: int) -> list[Job]:
    """Jobs that make so many posts: mostly photos, the last tenth of them all are, and of everything else some."""
    others: Mapping[int, tuple[PostKind, ...]] = {posts // 2: (PostKind.GRID,), posts // 3: (PostKind.REEL,)}
    jobs: list[Job] = []
    left = posts
    while left:
        number = len(jobs)
        kinds = others.get(number) or _KINDS.get(number % 12, (PostKind.PHOTO,))
        if left < posts // 10 + len(TILES):
            kinds = (PostKind.PHOTO,)
        jobs.append(Job(number, f"{name}-{number}", kinds))
        left -= len(jobs[-1].row_kinds)
    return jobs


def number_in(post: FakePost) -> int:
    """Which job's picture the post shows."""
    image = Image.open(BytesIO(post.files[0]))
    image.draft("RGB", (128, 128))
    pixel = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    red, green, blue = (round((level - _STEP / 2) / _STEP) for level in pixel)
    return red + _LEVELS * green + _LEVELS**2 * blue


def _color(number: int) -> tuple[int, int, int]:
    levels = number % _LEVELS, number // _LEVELS % _LEVELS, number // _LEVELS**2
    red, green, blue = (level * _STEP + _STEP // 2 for level in levels)
    return red, green, blue


def leave_assets(storage: Storage) -> None:
    """The photograph and the painting, of which all jobs are made."""
    for name in _ASSETS.values():
        storage.write(name, picture("L"), content_type="image/png")


def leave(job: Job, storage: Storage) -> None:
    """Do what a stylizer does."""
    png = BytesIO()
    Image.new("RGB", (64, 64), _color(job.number)).save(png, "PNG")
    storage.write(artifacts.result(job.id), png.getvalue(), content_type="image/png")
    storage.write(artifacts.record(job.id), record(job.id, _ASSETS), content_type="application/json")
    if PostKind.REEL in job.kinds:
        storage.write(artifacts.timelapse(job.id), film(64, 64), content_type="video/mp4")


@dataclass
class Front:
    """An account, what stands in front of it, and the publisher's side of it.

    Args:
        name: of the API.
        account: whose posts are the truth.
        ledger_account: what the ledger calls it.
        faults: what goes wrong there.
        passing: what may go wrong without halting the account.
        halting: what halts it.
        commit_call: what the fake calls the request that publishes.
        upload_call: and one that uploads.
        link_call: and one that asks for a post's address; empty where the answer to the first has it.
        nursery: its publishers come from.
        storage: where its pictures are.
        broker: its publishers' own.
        count: of the requests that came.
        log_in: have a person log in once more.
        complaints: what the fake found fault with.
        bucket: where Instagram fetches the pictures from; None where it does not.
    """

    name: str
    account: FakeAccount
    ledger_account: str
    faults: Faults
    passing: Menu
    halting: Menu
    commit_call: str
    upload_call: str
    link_call: str
    nursery: Nursery
    storage: Storage
    broker: SqliteBroker
    count: Callable[[], int]
    log_in: Callable[[], bool]
    complaints: Sequence[str] = ()
    bucket: GcsFake | None = None
    jobs: list[Job] = field(default_factory=list)

    def key(self, job: Job, kind: str) -> str:
        """Of the job's post of that kind."""
        return key_of(self.ledger_account, artifacts.result(job.id), kind)

    def keys(self) -> dict[str, tuple[Job, str]]:
        """Each post's, with its job and kind."""
        return {self.key(job, kind): (job, kind) for job in self.jobs for kind in job.row_kinds}

    def out(self) -> dict[str, list[FakePost]]:
        """What is on the account, by the key of the post that it is."""
        keys = self.keys()
        by_marker = {key[:10]: key for key in keys}
        found: dict[str, list[FakePost]] = {}
        for post in list(self.account.posts):
            if post.kind == "story":
                key = self.key(self.jobs[number_in(post)], "story")
            else:
                marker = re.search(r"No\. ([0-9a-f]{10})$", post.caption)
                assert marker, post.caption
                key = by_marker[marker[1]]
            job, kind = keys[key]
            assert post.kind == "reel" or number_in(post) == job.number, f"post {key} shows another picture"
            assert post.kind == ("photo" if kind in TILES else kind)
            found.setdefault(key, []).append(post)
        return found


def _settings(folder: Path, database_url: str, storage_url: str) -> dict[str, str]:
    folder.mkdir()
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": f"sqlite://{folder}/queue.sqlite",
        "STORAGE_URL": storage_url,
        "VISIBILITY_SECONDS": "1",
        "POST_FORMAT": "landscape",
        "POST_FIT": "stretch",
        "POST_QUALITY": "92",
        "POST_MAX_ENLARGEMENT": "100",
        "POST_DAILY_BUDGET": "100000",
        "POST_SPACING_MINUTES": "0",
        "POST_WARM_UP_DAYS": "0",
        "POST_APPROVAL": "false",
        "POST_HOLD_SECONDS": str(SECONDS_HELD),
        "LOG_LEVEL": "warning",
    }


def _broker(folder: Path) -> SqliteBroker:
    broker = SqliteBroker(folder / "queue.sqlite")
    broker.declare(QUEUES)
    return broker


@contextmanager
def app_front(folder: Path, database_url: str) -> Iterator[Front]:
    """An account behind the private API, to which the real instagrapi client talks."""
    settings = _settings(folder, database_url, (folder / "storage").as_uri())
    with InstagrapiFake() as fake:
        account = fake.instagram.add_account(USERNAME, PASSWORD)
        settings |= {
            "PUBLISH_URL": f"instagrapi://{USERNAME}",
            "INSTAGRAM_SESSION_FILE": str(folder / "session.json"),
            "INSTAGRAM_ENDPOINT": fake.url,
            # The fake does not speak the HTTP/2 that curl insists on.
            "INSTAGRAM_TRANSPORT": "requests",
            "INSTAGRAM_PAUSE_SECONDS": "0",
            "INSTAGRAM_PASSWORD": PASSWORD,
        }
        with Nursery(folder / "log", settings) as nursery:
            yield Front(
                name="instagrapi",
                account=account,
                ledger_account=settings["PUBLISH_URL"],
                faults=fake.instagram.faults,
                passing=_APP_PASSING,
                halting=_APP_HALTING,
                commit_call="configure",
                upload_call="upload",
                link_call="",
                nursery=nursery,
                storage=open_storage(settings["STORAGE_URL"]),
                broker=_broker(folder),
                count=fake.calls.total,
                log_in=lambda: nursery.stylegram_command("auth", "instagram", "--username", USERNAME).code == 0,
                complaints=fake.complaints,
            )


@contextmanager
def graph_front(folder: Path, database_url: str) -> Iterator[Front]:
    """An account behind the Graph API, which fetches the pictures from a bucket."""
    instagram = InstagramFake()
    account = instagram.add_account(USERNAME, is_business=True)
    account.quota = 1_000_000
    with GcsFake() as gcs, GraphFake(instagram, polls=0) as fake:
        settings = _settings(folder, database_url, f"gs://{gcs.bucket}")
        client = Client(project=None, credentials=AnonymousCredentials(), client_options={"api_endpoint": gcs.url})
        token = folder / "token"
        settings |= {
            "STORAGE_CREDENTIALS_FILE": str(gcs.key_file()),
            "PUBLISH_URL": f"graph://{account.user_id}",
            "GRAPH_ENDPOINT": fake.url,
            "GRAPH_TOKEN_FILE": str(token),
        }

        def new_token() -> bool:
            made = f"EAA{uuid4().hex}"
            account.tokens.clear()
            account.tokens.add(made)
            token.write_text(made)
            return True

        with Nursery(folder / "log", settings, {"STORAGE_EMULATOR_HOST": gcs.url}) as nursery:
            yield Front(
                name="graph",
                account=account,
                ledger_account=settings["PUBLISH_URL"],
                faults=instagram.faults,
                passing=_GRAPH_PASSING,
                halting=_GRAPH_HALTING,
                commit_call="publish",
                upload_call="container",
                link_call="post",
                nursery=nursery,
                storage=GcsStorage(client, gcs.bucket),
                broker=_broker(folder),
                count=fake.requests.total,
                log_in=new_token,
                bucket=gcs,
            )
