"""What only a bucket of Google's can do to a storage: lose answers, refuse, forget, break off. And who signs."""

import base64
import gzip
import logging
import os
import random
import re
import subprocess
import sys
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from prometheus_client import REGISTRY

import gcs_identity
from gcs_fake import FakeObject, GcsFake, checksum
from gcs_fake_http import Answer, Fault, Request, as_json
from stylegram.common.adapters import open_storage
from stylegram.common.adapters.gcs import GcsStorage, open_gcs
from stylegram.common.adapters.gcs.storage import PATIENCE
from stylegram.common.errors import (
    AlreadyExists,
    ConfigurationError,
    InvalidInput,
    NotFound,
    StylegramError,
    Unavailable,
)
from stylegram.common.google_credentials import load_credentials

BINARY = "application/octet-stream"
QUICK = PATIENCE.with_delay(initial=0.001, maximum=0.01).with_timeout(20.0)
HASTY = QUICK.with_timeout(0.03)
BIG = random.Random(1).randbytes(9 * 2**20)
"""More than the library sends in one piece: two parts."""


@pytest.fixture
def fake() -> Iterator[GcsFake]:
    with GcsFake() as server:
        yield server


@pytest.fixture
def storage(fake: GcsFake) -> GcsStorage:
    return open_at(fake)


def open_at(fake: GcsFake, prefix: str = "", *, bucket: str = "", url: str = "", quick: bool = True) -> GcsStorage:
    client = Client(project=None, credentials=AnonymousCredentials(), client_options={"api_endpoint": url or fake.url})
    return GcsStorage(client, bucket or fake.bucket, prefix, retry=QUICK if quick else HASTY)


def open_with_key(fake: GcsFake, monkeypatch: pytest.MonkeyPatch, file: Path) -> GcsStorage:
    """As `open_gcs` does it; what the library asks of Google on its own comes to the fake."""
    for name, value in fake.proxy().items():
        monkeypatch.setenv(name, value)
    credentials = load_credentials(file, scopes=["https://www.googleapis.com/auth/cloud-platform"], advice="")
    client = Client(project=None, credentials=credentials, client_options={"api_endpoint": fake.url})
    return GcsStorage(client, fake.bucket, credentials=credentials, retry=QUICK)


def put(storage: GcsStorage, name: str, data: bytes = b"data") -> None:
    storage.write(name, data, content_type=BINARY)


def nth(kind: str, number: int, fault: Fault) -> Callable[[Request], Fault | None]:
    """A plan in which the request of that kind fails, counted from 1."""
    seen = 0

    def plan(request: Request) -> Fault | None:
        nonlocal seen
        seen += request.kind == kind
        return fault if request.kind == kind and seen == number else None

    return plan


CALLS: dict[str, Callable[[GcsStorage], object]] = {
    "stat": lambda storage: storage.stat("a/b"),
    "read": lambda storage: storage.read("a/b"),
    "write": lambda storage: storage.write("new", b"data", content_type=BINARY),
    "write much": lambda storage: storage.write("new", BIG, content_type=BINARY),
    "list": lambda storage: [stored.name for stored in storage.list("a")],
    "delete": lambda storage: storage.delete("a/b"),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


# Answers that are lost


def test_a_write_whose_answer_is_lost_is_known_for_our_own(storage: GcsStorage, fake: GcsFake) -> None:
    fake.faults = [Fault(drop="after")]
    written = storage.write("a", b"data", content_type="image/png", metadata={"by": "us"})
    assert fake.requests == {"upload": 2, "stat": 1}
    assert storage.stat("a") == written
    assert storage.read("a") == b"data"


def test_a_write_that_somebody_else_overtook_is_none_of_ours(storage: GcsStorage, fake: GcsFake) -> None:
    rival = open_at(fake)

    def overtaken(request: Request) -> Fault | None:
        if request.kind == "upload" and not fake.objects:
            fake.faults = []
            put(rival, "a", b"theirs")
            return Fault(drop="before")
        return None

    fake.faults = overtaken
    with pytest.raises(AlreadyExists, match="'a'"):
        put(storage, "a", b"ours")
    assert storage.read("a") == b"theirs"


@pytest.mark.parametrize("drop", ["before", "after", "body"])
@pytest.mark.parametrize(("kind", "number"), [("start", 1), ("chunk", 1), ("chunk", 2)])
def test_a_large_write_goes_on_where_the_connection_broke(
    storage: GcsStorage, fake: GcsFake, kind: str, number: int, drop: str
) -> None:
    fake.faults = nth(kind, number, Fault(drop=drop))  # type: ignore[arg-type]
    written = storage.write("a", BIG, content_type="image/png", metadata={"by": "us"})
    assert written.size == len(BIG)
    assert fake.requests["start"] == (2 if kind == "start" else 1)
    assert fake.requests["chunk"] == (2 if kind == "start" else 3)
    assert storage.read("a") == BIG
    assert storage.stat("a") == written


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("number", [1, 2])
def test_an_upload_that_the_server_has_forgotten_begins_again(
    storage: GcsStorage, fake: GcsFake, status: int, number: int
) -> None:
    fake.faults = nth("chunk", number, Fault(status, "notFound", "Not Found"))
    put(storage, "a", BIG)
    assert fake.requests["start"] == 2
    assert storage.read("a") == BIG


@pytest.mark.parametrize("keep", [0, 256 * 1024])
def test_an_upload_of_which_the_server_keeps_less_than_it_got_begins_again(
    storage: GcsStorage, fake: GcsFake, keep: int
) -> None:
    fake.faults = nth("chunk", 1, Fault(keep=keep))
    put(storage, "a", BIG)
    assert storage.read("a") == BIG


def test_a_large_write_that_somebody_else_overtook_is_none_of_ours(storage: GcsStorage, fake: GcsFake) -> None:
    rival = open_at(fake)

    def overtaken(request: Request) -> None:
        if request.kind == "chunk":
            fake.faults = []
            put(rival, "a", b"theirs")

    fake.faults = overtaken
    with pytest.raises(AlreadyExists):
        put(storage, "a", BIG)
    assert storage.read("a") == b"theirs"


def test_a_deletion_whose_answer_is_lost_has_deleted(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a")
    fake.faults = nth("delete", 1, Fault(drop="after"))
    assert storage.delete("a") is True
    assert fake.requests["delete"] == 2
    assert not fake.objects


def test_a_deletion_takes_the_object_that_was_there_and_no_later_one(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a", b"first")

    def replaced(request: Request) -> None:
        if request.kind == "delete":
            fake.overwrite("a", b"second")

    fake.faults = replaced
    assert storage.delete("a") is True
    assert fake.objects["a"].data == b"second"


def test_a_download_that_breaks_off_goes_on_with_the_same_object(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a", BIG)
    asked: list[Request] = []

    def broken(request: Request) -> Fault | None:
        asked.append(request)
        return Fault(drop="body") if request.kind == "media" and "range" not in request.headers else None

    fake.faults = broken
    assert storage.read("a") == BIG
    _, first, second = asked
    assert second.headers["range"].startswith(f"bytes={len(BIG) // 2}"[:9])
    assert second.query["generation"] == first.query["generation"] == str(fake.objects["a"].generation)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, "rateLimitExceeded"),
        Fault(403, "rateLimitExceeded"),
        Fault(403, "userRateLimitExceeded"),
        Fault(408, "requestTimeout"),
        Fault(500),
        Fault(503),
        Fault(drop="before"),
        Fault(drop="after"),
        Fault(drop="body"),
    ],
    ids=lambda fault: f"{fault.status or fault.drop} {fault.reason}",
)
@each_call
def test_a_request_that_fails_in_passing_is_made_again(
    storage: GcsStorage, fake: GcsFake, call: Callable[[GcsStorage], object], fault: Fault
) -> None:
    put(storage, "a/b")
    failed: set[str] = set()

    def once_each(request: Request) -> Fault | None:
        if request.kind in failed:
            return None
        failed.add(request.kind)
        return fault

    fake.faults = once_each
    result = call(storage)
    assert failed
    assert result is not None and result is not False and result != []
    fake.faults = []
    assert all(storage.read(stored.name) for stored in storage.list())


def test_whatever_fails_the_storage_is_the_same_in_the_end() -> None:
    def work(storage: GcsStorage, seed: int) -> list[object]:
        dice = random.Random(seed)
        results: list[object] = []
        for number in range(25):
            name = f"runs/{seed}/{dice.randrange(4)}"
            action = dice.choice(["write", "write", "read", "stat", "list", "delete"])
            size = len(BIG) if (seed, number) in LARGE else dice.randrange(300_000)
            try:
                if action == "write":
                    storage.write(name, BIG[:size], content_type="image/png", metadata={"number": str(number)})
                    results.append(size)
                elif action == "read":
                    results.append(len(storage.read(name)))
                elif action == "stat":
                    stored = storage.stat(name)
                    results.append(stored and (stored.sha256, stored.metadata))
                elif action == "list":
                    results.append([stored.name for stored in storage.list(f"runs/{seed}/")])
                else:
                    results.append(storage.delete(name))
            except (AlreadyExists, NotFound) as error:
                results.append(str(error))
        return results

    def outcome(faults: Callable[[Request], Fault | None]) -> tuple[object, object]:
        with GcsFake() as fake, ThreadPoolExecutor(8) as pool:
            fake.faults = faults
            storage = open_at(fake)
            results = list(pool.map(lambda seed: work(storage, seed), range(8)))
            fake.faults = []
            return results, [
                (each.name, each.sha256, each.content_type, each.metadata, storage.read(each.name))
                for each in storage.list()
            ]

    LARGE = {(1, 0), (2, 1), (3, 2), (4, 3)}  # noqa: N806
    kinds = [Fault(429, "rateLimitExceeded"), Fault(500), Fault(503)]
    kinds += [Fault(drop="before"), Fault(drop="after"), Fault(drop="body")]
    dice = random.Random(42)
    failed = 0

    def one_in_ten(_: Request) -> Fault | None:
        nonlocal failed
        if dice.random() >= 0.1:
            return None
        failed += 1
        return dice.choice(kinds)

    undisturbed = outcome(lambda _: None)
    assert outcome(one_in_ten) == undisturbed
    assert failed > 10


# What is in a bucket


def test_what_somebody_else_put_into_the_bucket_is_no_object_and_is_left_alone(
    storage: GcsStorage, fake: GcsFake
) -> None:
    for metadata in (None, {"title": "mine"}):
        fake.objects["notes.txt"] = FakeObject(b"mine", "text/plain", metadata)
        assert storage.stat("notes.txt") is None
        assert storage.delete("notes.txt") is False
        with pytest.raises(NotFound):
            storage.read("notes.txt")
        with pytest.raises(AlreadyExists):
            put(storage, "notes.txt")
        assert list(storage.list()) == []
        assert fake.objects["notes.txt"].data == b"mine"


def test_what_does_not_begin_with_our_prefix_is_not_there(fake: GcsFake) -> None:
    ours, others, all_of_it = open_at(fake, "ours/"), open_at(fake, "others/"), open_at(fake)
    put(ours, "a/b", b"ours")
    assert list(fake.objects) == ["ours/a/b"]
    assert others.stat("a/b") is None
    assert list(others.list()) == []
    assert others.delete("a/b") is False
    put(others, "a/b", b"others")
    assert ours.read("a/b") == b"ours"
    assert [stored.name for stored in ours.list("a/")] == ["a/b"]
    assert [stored.name for stored in all_of_it.list()] == ["others/a/b", "ours/a/b"]


def test_damaged_facts_are_an_error_that_names_the_object(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a")
    metadata = fake.objects["a"].metadata
    assert metadata is not None
    for damaged in ("", "{", "[]"):
        metadata["stylegram-metadata"] = damaged
        with pytest.raises(StylegramError, match="'a' is damaged") as caught:
            storage.read("a")
        assert not caught.value.retryable, "no waiting mends it"


def test_bytes_that_were_damaged_on_their_way_are_fetched_again(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a")
    fake.rot("a", b"DATA")

    def mended(request: Request) -> None:
        if request.kind == "media" and fake.requests["media"] == 2:
            fake.rot("a", b"data")

    fake.faults = mended
    assert storage.read("a") == b"data"


def test_bytes_that_are_not_those_of_the_buckets_own_checksum_are_damaged(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a")
    fake.rot("a", b"DATA")
    with pytest.raises(StylegramError, match="'a' is damaged") as caught:
        storage.read("a")
    assert not caught.value.retryable
    assert fake.requests["media"] == 2


def test_bytes_that_look_compressed_come_as_they_were_written(storage: GcsStorage, fake: GcsFake) -> None:
    data = gzip.compress(b"data" * 1000)
    storage.write("a.gz", data, content_type="application/gzip")
    fake.objects["a.gz"].content_encoding = "gzip"  # and so the server would like to unpack them
    assert storage.read("a.gz") == data


def test_a_long_listing_comes_in_pages_and_is_whole_whatever_fails(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "first")
    template = fake.objects.pop("first")
    names = [f"runs/{number:04}" for number in range(2500)]
    fake.objects |= {name: FakeObject(b"data", BINARY, template.metadata) for name in names}
    fake.faults = [None, Fault(403, "rateLimitExceeded"), Fault(drop="body"), Fault(503)]
    assert [stored.name for stored in storage.list("runs/")] == names
    assert fake.requests["list"] == 3 + 3


def test_metadata_that_a_bucket_does_not_take_is_refused_at_once(storage: GcsStorage, fake: GcsFake) -> None:
    storage.write("fits", b"", content_type=BINARY, metadata={"title": "ü" * 1200})
    with pytest.raises(InvalidInput, match="metadata of object 'a'"):
        storage.write("a", b"", content_type=BINARY, metadata={"title": "ü" * 1300})
    assert list(fake.objects) == ["fits"]


@pytest.mark.parametrize("data", [b"data", BIG], ids=["little", "much"])
def test_a_bucket_gets_the_checksum_before_it_keeps_anything(storage: GcsStorage, fake: GcsFake, data: bytes) -> None:
    put(storage, "a", data)
    claims = [fake.objects["a"].claimed, *(session.resource["crc32c"] for session in fake.sessions.values())]
    assert {base64.b64decode(claim) for claim in claims} == {checksum(data)}


def test_a_checksum_that_the_server_finds_wrong_is_worth_another_try(fake: GcsFake) -> None:
    fake.faults = [Fault(400, "invalid", 'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "BBBBBB==".')]
    with pytest.raises(Unavailable):
        put(open_at(fake), "a")


def test_many_threads_share_connections(storage: GcsStorage, fake: GcsFake, caplog: pytest.LogCaptureFixture) -> None:
    put(storage, "a", b"data" * 1000)
    start = threading.Barrier(32)

    def read(_: int) -> bytes:
        start.wait()
        return storage.read("a")

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(32) as pool:
        assert set(pool.map(read, range(64))) == {b"data" * 1000}
    assert not [record for record in caplog.records if "pool is full" in record.message]


# What an operator has to mend; jobs wait for it


@each_call
def test_a_bucket_that_is_not_there_is_no_empty_storage(fake: GcsFake, call: Callable[[GcsStorage], object]) -> None:
    with pytest.raises(
        Unavailable, match=r"There is no bucket 'elsewhere'.*gcloud storage buckets create gs://elsewhe"
    ):
        call(open_at(fake, bucket="elsewhere"))


def test_what_is_not_there_is_told_from_a_bucket_that_is_not_whoever_says_so(fake: GcsFake) -> None:
    fake.faults = [Fault(404, "notFound", "Not Found")]  # as emulators do
    assert open_at(fake).stat("a") is None
    assert fake.requests == {"stat": 1, "list": 1}
    fake.faults = [Fault(404, "notFound", "Not Found")]
    with pytest.raises(Unavailable, match="There is no bucket"):
        open_at(fake, bucket="elsewhere").stat("a")


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        ("stat", "get"),
        ("read", "get"),
        ("write", "create"),
        ("write much", "create"),
        ("list", "list"),
        ("delete", "delete"),
    ],
)
def test_rights_that_are_missing_are_named_with_the_role_that_has_them(
    storage: GcsStorage, fake: GcsFake, call: str, permission: str
) -> None:
    put(storage, "a/b")
    fake.denied = {f"storage.objects.{permission}"}
    with pytest.raises(Unavailable, match=f"lacks storage.objects.{permission}.*roles/storage.objectUser"):
        CALLS[call](storage)
    fake.denied.clear()
    assert CALLS[call](storage)


def test_a_bucket_that_goes_while_an_object_is_read_is_not_taken_for_an_object_that_is_gone(
    storage: GcsStorage, fake: GcsFake
) -> None:
    put(storage, "a")

    def gone(request: Request) -> None:
        if request.kind == "media":
            fake.bucket = "another"

    fake.faults = gone
    with pytest.raises(Unavailable, match="There is no bucket"):
        storage.read("a")


def test_a_listing_that_never_ends_is_given_up() -> None:
    class Stuck(GcsFake):
        def _list(self, query: dict[str, str]) -> Answer:
            return as_json({"nextPageToken": "again"})

    with Stuck() as fake, pytest.raises(Unavailable, match="the same page again"):
        list(open_at(fake).list())
    assert fake.requests["list"] == 2


def test_who_may_not_list_cannot_tell_what_is_not_there(storage: GcsStorage, fake: GcsFake) -> None:
    fake.denied = {"storage.objects.list"}
    with pytest.raises(Unavailable, match=r"lacks storage\.objects\.list"):
        storage.stat("a")


def test_who_is_nobody_is_told_to_look_at_the_credentials() -> None:
    with GcsFake(secured=True) as fake, pytest.raises(Unavailable, match="STYLEGRAM_STORAGE_CREDENTIALS_FILE"):
        open_at(fake).stat("a")


def test_an_object_that_the_bucket_holds_back_is_no_matter_of_waiting(storage: GcsStorage, fake: GcsFake) -> None:
    put(storage, "a")
    fake.faults = nth("delete", 1, Fault(403, "retentionPolicyNotMet", "Object is subject to the retention policy."))
    with pytest.raises(StylegramError, match="retention policy") as caught:
        storage.delete("a")
    assert not caught.value.retryable


def test_a_request_that_is_refused_for_what_it_says_is_no_matter_of_waiting(storage: GcsStorage, fake: GcsFake) -> None:
    fake.faults = [Fault(400, "invalid", "Invalid argument.")]
    with pytest.raises(StylegramError, match=r"refuses the request: Invalid argument\.") as caught:
        storage.stat("a")
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("status", "reason"), [(503, "backendError"), (429, "rateLimitExceeded"), (408, "x"), (403, "rateLimitExceeded")]
)
@each_call
def test_a_storage_that_keeps_failing_is_unavailable(
    fake: GcsFake, call: Callable[[GcsStorage], object], status: int, reason: str
) -> None:
    put(open_at(fake), "a/b")
    fake.faults = lambda _: Fault(status, reason, "Slow down.")
    with pytest.raises(Unavailable, match=r"Slow down\."):
        call(open_at(fake, quick=False))


@each_call
def test_a_network_that_is_away_is_unavailable(fake: GcsFake, call: Callable[[GcsStorage], object]) -> None:
    with GcsFake() as gone:
        pass
    with pytest.raises(Unavailable, match=r"did not answer: .*Connection refused"):
        call(open_at(fake, url=gone.url, quick=False))


@pytest.mark.parametrize("fault", [Fault(503), Fault(400, "invalid", "No."), Fault(404), Fault(drop="before")], ids=str)
def test_no_error_shows_the_address_with_which_anybody_could_go_on_with_an_upload(fake: GcsFake, fault: Fault) -> None:
    fake.faults = lambda request: fault if request.kind == "chunk" else None
    with pytest.raises(StylegramError) as caught:
        put(open_at(fake, quick=False), "a", BIG)
    assert fake.sessions
    told = "".join(traceback.format_exception(caught.value))
    assert not [upload for upload in fake.sessions if upload in told]
    assert "upload_id" not in told


# Who we are


@pytest.mark.parametrize(
    "url",
    [
        "gs://",
        "gs:///prefix",
        "gs:bucket",
        "gs://Bucket",
        "gs://ab",
        "gs://bu cket",
        "gs://user:password@bucket",
        "gs://bucket:443",
        "gs://bucket/a//b",
        "gs://bucket/../b",
        "gs://bucket/.hidden",
        "gs://bucket/a b",
        "gs://bucket/%20",
        "gs://bucket/a?b",
        "gs://bucket/a#b",
        f"gs://bucket/{'x' * 121}",
    ],
)
def test_a_url_that_names_no_place_for_objects_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="bucket"):
        open_gcs(url)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("gs://{}", "a/b"),
        ("gs://{}/", "a/b"),
        ("gs://{}/some", "some/a/b"),
        ("gs://{}/some/prefix/", "some/prefix/a/b"),
    ],
)
def test_an_emulator_is_spoken_to_where_the_environment_names_one(
    fake: GcsFake, monkeypatch: pytest.MonkeyPatch, url: str, key: str
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake.url)
    open_storage(url.format(fake.bucket)).write("a/b", b"data", content_type=BINARY)
    assert list(fake.objects) == [key]


def test_an_emulator_whose_address_is_none_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:9000")
    with pytest.raises(ConfigurationError, match="STORAGE_EMULATOR_HOST"):
        open_storage("gs://bucket")


def test_opening_asks_nobody_and_complains_of_files_only(
    fake: GcsFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fake.proxy().items():
        monkeypatch.setenv(name, value)
    for file in (fake.key_file(), fake.user_file()):
        open_storage("gs://stylegram-tests/prefix", credentials_file=file)
    assert not fake.requests
    (tmp_path / "broken.json").write_text("{")
    for name in ("broken.json", "missing.json"):
        with pytest.raises(ConfigurationError, match=name):
            open_storage("gs://stylegram-tests", credentials_file=tmp_path / name)


def test_a_key_gets_tokens_and_is_refused_once_it_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsFake(secured=True) as fake:
        storage = open_with_key(fake, monkeypatch, fake.key_file())
        put(storage, "a")
        fake.tokens.clear()  # they ran out
        assert storage.read("a") == b"data"
        assert fake.requests["token"] == 2
        fake.tokens.clear()
        fake.revoked = True
        with pytest.raises(
            Unavailable, match=r"refuses our credentials: invalid_grant: Token has been expired"
        ) as caught:
            storage.read("a")
        assert "PRIVATE" not in "".join(traceback.format_exception(caught.value))
        fake.revoked = False
        assert storage.read("a") == b"data"


def test_a_token_endpoint_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsFake(secured=True) as fake:
        storage = open_with_key(fake, monkeypatch, fake.key_file())
        fake.faults = [Fault(drop="before"), Fault(drop="after")]
        put(storage, "a")


def test_a_token_that_is_refused_again_and_again_is_a_matter_of_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsFake(secured=True) as fake:
        storage = open_with_key(fake, monkeypatch, fake.key_file())
        fake.faults = lambda request: Fault(401, "authError", "Invalid Credentials") if request.kind == "stat" else None
        with pytest.raises(Unavailable, match="Invalid Credentials Look at STYLEGRAM_STORAGE_CREDENTIALS_FILE"):
            storage.stat("a")
        fake.faults = []
        assert storage.stat("a") is None


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
        return data


def test_a_signed_address_opens_one_object_to_everybody_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsFake(secured=True) as fake:
        storage = open_with_key(fake, monkeypatch, fake.key_file())
        put(storage, "runs/4+2/a=b@c.png", b"picture")
        asked = fake.requests.total()
        url = storage.signed_url("runs/4+2/a=b@c.png", seconds=600)
        assert fake.requests.total() == asked, "whoever has a key needs nobody"
        assert url is not None
        assert fetch(url) == b"picture"
        for forged in (url.replace("a%3Db", "a%3Dc"), url.replace("Expires=600", "Expires=6000"), f"{url[:-1]}0"[:-1]):
            with pytest.raises(urllib.error.HTTPError):
                fetch(forged)
        fake.clock = timedelta(seconds=590)
        assert fetch(url) == b"picture"
        fake.clock = timedelta(seconds=601)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            fetch(url)


def test_a_person_cannot_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsFake(secured=True) as fake:
        storage = open_with_key(fake, monkeypatch, fake.user_file())
        put(storage, "a")
        with pytest.raises(ConfigurationError, match="service account"):
            storage.signed_url("a", seconds=60)


MACHINE = """
import sys
from stylegram.common.adapters.gcs import open_gcs
from stylegram.common.errors import StylegramError
storage = open_gcs(sys.argv[1])
print("open")
input()
try:
    # Before anything else has had the account log in.
    url = storage.signed_url("a", seconds=60)
    storage.write("a", b"data", content_type="text/plain")
    print(url)
except StylegramError as error:
    print(type(error).__name__, error)
"""


def on_a_machine_of_googles(fake: GcsFake, tmp_path: Path, opened: Callable[[], None]) -> str:
    # The environment is read once by each process; the endpoint's variable is the library's own, for its own tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "STORAGE_"))}
    environment |= fake.machine() | fake.proxy() | {"API_ENDPOINT_OVERRIDE": fake.url, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", MACHINE, f"gs://{fake.bucket}"],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        opened()
        print("go on", file=process.stdin, flush=True)
        answer = process.stdout.read().strip()
    assert process.returncode == 0
    return answer


def test_a_machines_own_account_is_asked_for_at_first_use_and_iam_signs_for_it(tmp_path: Path) -> None:
    with GcsFake(secured=True) as fake:
        asked: list[str] = []
        opened: list[str] = []
        fake.faults = lambda request: asked.append(request.path)

        url = on_a_machine_of_googles(fake, tmp_path, lambda: opened.extend(asked))
        # That there is such a machine at all, the library finds out by asking; nothing else before it is used.
        assert not [path for path in opened if path not in ("/", "/computeMetadata/v1/project/project-id")]
        assert fake.requests["sign"] == 1
        assert fake.objects["a"].data == b"data"
        fake.faults = []
        assert fetch(url) == b"data"


@pytest.mark.parametrize(
    ("account", "denied", "told"),
    [
        ("stylegram-tests.svc.id.goog", "", "ConfigurationError .*bind the workload to a service account"),
        (gcs_identity.ACCOUNT, "iam.serviceAccounts.signBlob", "ConfigurationError .*iam.serviceAccountTokenCreator"),
        (gcs_identity.ACCOUNT, "iamcredentials", "ConfigurationError .*gcloud services enable iamcredentials"),
        (gcs_identity.ACCOUNT, "for a moment", "Unavailable .*We encountered an internal error"),
    ],
)
def test_a_machine_whose_account_may_not_sign_is_told_what_to_do(
    tmp_path: Path, account: str, denied: str, told: str
) -> None:
    with GcsFake(secured=True) as fake:
        fake.machine_account = account
        fake.denied = {denied}
        if denied == "for a moment":
            fake.faults = nth("sign", 1, Fault(503))
        assert re.match(told, on_a_machine_of_googles(fake, tmp_path, lambda: None))


def test_what_is_read_and_written_is_counted(storage: GcsStorage) -> None:
    def counted() -> dict[str, float]:
        return {
            operation: REGISTRY.get_sample_value("stylegram_storage_bytes_total", {"operation": operation}) or 0
            for operation in ("written", "read")
        }

    before = counted()
    put(storage, "a", b"data")
    storage.read("a")
    storage.read("a")
    assert {name: value - before[name] for name, value in counted().items()} == {"written": 4, "read": 8}
    assert REGISTRY.get_sample_value("stylegram_storage_seconds_count", {"operation": "written"})


def test_the_fake_tells_the_library_of_its_bucket_and_of_rights(fake: GcsFake) -> None:
    client = Client(project=None, credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url})
    assert client.bucket(fake.bucket).exists()
    assert not client.bucket("elsewhere").exists()
    fake.denied = {"storage.objects.delete"}
    asked = ["storage.objects.get", "storage.objects.delete"]
    assert client.bucket(fake.bucket).test_iam_permissions(asked) == ["storage.objects.get"]
