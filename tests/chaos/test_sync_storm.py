"""A sync of thousands of files is killed, and refused, and cut off, again and again; the end is that of a quiet one.

Drive and Cloud Storage are fakes that the real clients talk to; the sync is a process of its own. By default it is a
short storm; `make chaos` asks for all of it with `STYLEGRAM_CHAOS_FILES=10000`.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import gcs_fake_http
from drive_fake import DriveFake, Fault
from gcs_fake import GcsFake
from ingest_samples import encoded

FILES = int(os.environ.get("STYLEGRAM_CHAOS_FILES", "400"))
KILLS = 20
SEED = int(os.environ.get("STYLEGRAM_CHAOS_SEEDS", "1").split(",")[0])
# Seconds for one sync: one that hangs is a failure, not a long test.
PATIENCE = 900.0

_SYNC = """
import json
from dataclasses import asdict
from stylegram.common.service import read_settings
from stylegram.ingest.bootstrap import bootstrap
from stylegram.ingest.settings import IngestSettings

if __name__ == "__main__":
    ingest = bootstrap(read_settings(IngestSettings))
    print(json.dumps({role: asdict(report) | {"files": []} for role, report in ingest.sync_all().items()}))
    ingest.close()
"""


BUCKET_FAULTS: list[dict[str, Any]] = [
    {"status": 429, "reason": "rateLimitExceeded"},
    {"status": 500},
    {"status": 503},
    {"drop": "before"},
    {"drop": "after"},
    {"drop": "body"},
]


class Stormy(DriveFake):
    """Drive on a bad day: one call in so many fails, each time in another way."""

    one_in = 0

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(SEED)

    def fault_of(self, kind: str) -> Fault:
        with self.lock:
            if not self.one_in or self._chance.randrange(self.one_in):
                return Fault(kind)
            how: dict[str, Any] = self._chance.choice(
                [
                    {"status": 403, "reason": "userRateLimitExceeded"},
                    {"status": 429, "reason": "rateLimitExceeded"},
                    {"status": 500},
                    {"status": 503},
                    {"reset": True},
                    {"cut": 100},
                ]
            )
            return Fault(kind, **how)


def picture(number: int) -> bytes:
    """A small picture, the same at any time, unlike any other."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    return encoded(Image.fromarray(pixels), "PNG")


@dataclass
class House:
    """A folder of ingest's, with its Drive and its bucket."""

    folder: Path
    drive: Stormy
    bucket: GcsFake
    photos: str
    paintings: str

    def start(self) -> "subprocess.Popen[str]":
        environment = {
            "STYLEGRAM_DATABASE_URL": f"sqlite:///{self.folder}/stylegram.sqlite",
            "STYLEGRAM_BROKER_URL": f"sqlite://{self.folder}/broker.sqlite",
            "STYLEGRAM_STORAGE_URL": f"gs://{self.bucket.bucket}/daily",
            "STYLEGRAM_CONTENT_SOURCE_URL": f"gdrive://{self.photos}",
            "STYLEGRAM_STYLE_SOURCE_URL": f"gdrive://{self.paintings}",
            "STYLEGRAM_DRIVE_ENDPOINT": self.drive.url,
            "STORAGE_EMULATOR_HOST": self.bucket.url,
            "STYLEGRAM_LOG_LEVEL": "error",
            "OMP_NUM_THREADS": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-c", _SYNC], stdout=subprocess.PIPE, text=True, env=os.environ | environment
        )

    def sync(self) -> dict[str, Any]:
        with self.start() as process:
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        reports: dict[str, Any] = json.loads(out.splitlines()[-1])
        return reports

    def done(self) -> set[str]:
        """The files that are finished, by the database."""
        if not (self.folder / "stylegram.sqlite").exists():
            return set()
        with closing(sqlite3.connect(self.folder / "stylegram.sqlite", timeout=60)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'source_files'").fetchone():
                return set()
            return {key for (key,) in connection.execute("SELECT key FROM source_files")}

    def objects(self) -> dict[str, bytes]:
        return {name: stored.data for name, stored in self.bucket.objects.items()}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def build(stack: ExitStack, folder: Path, files: int) -> House:
    folder.mkdir()
    drive, bucket = stack.enter_context(Stormy()), stack.enter_context(GcsFake())
    photos, paintings = drive.add_folder("Photos"), drive.add_folder("Paintings")
    for number in range(files):
        drive.add_file(f"{number:05}.png", partial(picture, number), photos)
    drive.add_file("painting.png", partial(picture, files), paintings)
    return House(folder, drive, bucket, photos, paintings)


def test_a_sync_that_is_killed_twenty_times_ends_as_a_quiet_one(stack: ExitStack, tmp_path: Path) -> None:
    files = min(FILES, 1000)
    quiet = build(stack, tmp_path / "quiet", files)
    quiet.sync()
    house = build(stack, tmp_path / "stormy", files)
    chance = random.Random(SEED)
    for _ in range(KILLS):
        process = house.start()
        # While it starts or lists; or so many files later.
        more = chance.choice((0, chance.randrange(1, 4 * files // KILLS)))
        before = house.drive.calls["files.media"]
        while more and process.poll() is None and house.drive.calls["files.media"] < before + more:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.05 if more else 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished = house.done()
        downloads = Counter(house.drive.downloads)
        yet = len(finished)
        tell(f"killed with {yet} of {files + 1} files done")
    last = house.sync()
    again = {key for key in finished if house.drive.downloads[key] != downloads[key]}
    assert not again, "finished files were downloaded again"
    assert last["content"]["unchanged"] + last["content"]["added"] + last["content"]["duplicates"] == files
    assert house.objects() == quiet.objects()
    # What was under way at each kill, and no more, was read again.
    assert sum(house.drive.downloads.values()) <= files + 1 + KILLS * 6
    assert house.sync()["content"]["unchanged"] == files


def test_a_sync_of_which_one_call_in_ten_fails_ends_as_a_quiet_one(stack: ExitStack, tmp_path: Path) -> None:
    files = min(FILES, 600)
    quiet = build(stack, tmp_path / "quiet", files)
    quiet.sync()
    house = build(stack, tmp_path / "stormy", files)
    house.drive.one_in = 10
    chance = random.Random(SEED)

    def fault(_: gcs_fake_http.Request) -> gcs_fake_http.Fault | None:
        return None if chance.randrange(10) else gcs_fake_http.Fault(**chance.choice(BUCKET_FAULTS))

    house.bucket.faults = fault
    assert house.sync()["content"]["added"] == files
    assert house.objects() == quiet.objects()
    changed = list(house.drive.nodes[house.photos].children)[: files // 10]
    for node in changed:
        house.drive.delete(node)
    report = house.sync()["content"]
    assert (report["removed"], report["unchanged"]) == (len(changed), files - len(changed))


def test_ten_thousand_files_take_twelve_lists_and_little_memory(stack: ExitStack, tmp_path: Path) -> None:
    house = build(stack, tmp_path / "house", FILES)
    began = time.monotonic()
    process = house.start()
    parent = psutil.Process(process.pid)
    most_of_parent, most = 0, 0
    while process.poll() is None:
        own, rest = memory(parent)
        most_of_parent, most = max(most_of_parent, own), max(most, own + rest)
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.1)
    process.communicate()
    calls = house.drive.calls
    tell(f"{FILES} files: {time.monotonic() - began:.0f} s, {most_of_parent} MB, {most} MB with children, {calls}")
    lists = Counter(call.kind for call in house.drive.log if call.kind in ("files.list", "changes.list"))
    # One of them is for the painting.
    assert lists["files.list"] <= -(-FILES // 1000) + 2 <= 13
    assert most_of_parent < 300
    assert len(house.objects()) == FILES + 1

    calls.clear()
    assert house.sync()["content"]["unchanged"] == FILES
    # One for each source.
    assert calls == {"changes.list": 2}

    calls.clear()
    for number, node in enumerate(list(house.drive.nodes[house.photos].children)[: FILES // 100]):
        house.drive.replace(node, picture(FILES + 1 + number))
    report = house.sync()["content"]
    assert (report["changed"], report["unchanged"]) == (FILES // 100, FILES - FILES // 100)
    assert calls == {"changes.list": 2, "files.media": FILES // 100}


def tell(line: str) -> None:
    """Long work shows that it goes on."""
    print(line, flush=True)  # noqa: T201


def memory(process: psutil.Process) -> tuple[int, int]:
    """Megabytes that the process has, and that its children have for themselves."""

    def of(one: psutil.Process) -> int:
        try:
            return int(one.memory_full_info().pss if one is not process else one.memory_info().rss) // 2**20
        except psutil.Error:
            return 0

    try:
        children = process.children(recursive=True)
    except psutil.Error:
        children = []
    return of(process), sum(map(of, children))
