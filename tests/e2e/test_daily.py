"""The daily job as a user runs it: the real command, the real engine, small pictures."""

import csv
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.local.house import House

STYLEGRAM = Path(sys.executable).with_name("stylegram")
# Some seconds of work at 64 pixels: long enough to be interrupted in the middle.
LONG = ("--set", "evaluations=200")
SHORT = ("--set", "evaluations=2,1")


class Studio:
    """Two photographs, two paintings, and a state folder to work on them."""

    def __init__(self, root: Path) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.photos, self.styles, self.state = root / "my photos", root / "styles", root / "state"
        rng = np.random.default_rng(0)
        for folder, names in ((self.photos, ("a.png", "b.png")), (self.styles, ("waves.png", "dots.png"))):
            folder.mkdir()
            for name in names:
                coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
                coarse.resize((96, 72), Image.Resampling.BICUBIC).save(folder / name)
        (self.styles / "style_names.json").write_text(json.dumps({"waves.png": "Waves, Nobody, 1900 (test)"}))

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        command = [STYLEGRAM, "daily", "--photos", self.photos, "--styles", self.styles, "--state", self.state]
        process = subprocess.Popen(
            [*map(str, command), "--size", "64", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Two threads that wait for each other on a busy machine are many times slower than one; and what is tried
            # by chance may be slower still.
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONFAULTHANDLER": "1",
                "STYLEGRAM_EXPLORATION_RATE": "0",
                **environment,
            },
        )
        self.started.append(process)
        return process

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*options, **environment)
        stdout, stderr = self.end_of(process)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def end_of(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """What it says until it ends; one that hangs says where."""
        try:
            return process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            raise AssertionError(process.communicate(timeout=60)[1]) from None

    def posts(self) -> list[Path]:
        return sorted((self.state / "outbox").glob("*.jpg"))

    def records(self) -> list[dict[str, str]]:
        path = self.state / "logs.csv"
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []

    def results(self) -> list[Path]:
        return list((self.state / "storage" / "runs").glob("*/result.png"))

    def wait_for_snapshot(self) -> None:
        wait_until(lambda: any((self.state / "storage" / "runs").glob("*/snapshots/*.jpg")))

    def assert_one_of_everything(self) -> None:
        assert len(self.results()) == 1
        assert len(self.posts()) == 1
        (record,) = self.records()
        assert record["success"] == "True"
        assert record["post_state"] == "published"
        assert not list((self.state / "storage" / ".incoming").iterdir())


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def worker_of(pid: int) -> int:
    """The stylizer among the children of threads of `pid`."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
    raise AssertionError("no worker process")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    # Whatever a failed test left running; its worker follows it.
    for process in studio.started:
        process.kill()


def test_it_paints_posts_and_records_and_next_time_takes_another_pair(studio: Studio) -> None:
    first = studio.run(*SHORT)
    assert first.returncode == 0, first.stderr
    assert "as usual: " in first.stderr
    studio.assert_one_of_everything()
    (post,) = studio.posts()
    with Image.open(post) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (1080, 1080), "RGB")
    caption = post.with_suffix(".txt").read_text(encoding="utf-8")
    record = json.loads(post.with_suffix(".json").read_text(encoding="utf-8"))
    title = "Waves, Nobody, 1900 (test)" if record["style"]["name"] == "waves.png" else "Dots"
    assert title in caption
    assert "#" in caption
    assert record["hyperparameters"]["evaluations"] == [2, 1]
    assert len(record["curve"]) == 3
    assert record["weights_digest"]
    assert (post.parent / "logs.csv").read_bytes() == (studio.state / "logs.csv").read_bytes()

    second = studio.run(*SHORT)
    assert second.returncode == 0, second.stderr
    pairs = {(row["content_picture_name"], row["style_picture_name"]) for row in studio.records()}
    assert len(pairs) == len(studio.posts()) == 2


def test_what_needs_more_pictures_than_a_pair_is_refused_before_anything_is_painted(studio: Studio) -> None:
    process = studio.run("--set", "style_weights=1,2")
    assert process.returncode == 2
    assert "style_weights has 2 numbers for 1 style images" in process.stderr
    assert not studio.records()


def test_a_worker_killed_in_the_middle_costs_nothing_and_doubles_nothing(studio: Studio) -> None:
    process = studio.start(*LONG)
    studio.wait_for_snapshot()
    os.kill(worker_of(process.pid), signal.SIGKILL)
    _, stderr = studio.end_of(process)
    assert process.returncode == 0, stderr
    studio.assert_one_of_everything()
    assert '"worker_died"' in (studio.state / "stylegram.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interrupt_the_next_run_carries_on(studio: Studio, number: signal.Signals) -> None:
    process = studio.start(*LONG)
    studio.wait_for_snapshot()
    process.send_signal(number)
    _, stderr = studio.end_of(process)
    assert process.returncode == 130, stderr
    assert "Interrupted" in stderr
    assert not studio.posts()
    assert not list((studio.state / "storage" / ".incoming").iterdir())

    again = studio.run(*SHORT)
    assert again.returncode == 0, again.stderr
    assert "left unfinished" in again.stderr
    studio.assert_one_of_everything()
    assert json.loads(studio.records()[0]["evaluations"]) == [200]
    # The evaluations that were done before are not done again.
    (post,) = studio.posts()
    record = json.loads(post.with_suffix(".json").read_text(encoding="utf-8"))
    assert 0 < record["resumed_at"][0] < 200
    assert [point["evaluation"] for point in record["curve"]] == [*range(1, 201)]


def test_after_everything_was_killed_the_next_run_carries_on(studio: Studio) -> None:
    process = studio.start(*LONG)
    studio.wait_for_snapshot()
    worker = worker_of(process.pid)
    process.kill()
    process.communicate(timeout=60)
    # The worker sees that its parent is gone, and goes too.
    wait_until(lambda: not Path(f"/proc/{worker}").exists())

    again = studio.run()
    assert again.returncode == 0, again.stderr
    studio.assert_one_of_everything()


def test_killed_between_the_picture_and_its_post_the_next_run_posts_it_and_paints_no_other(studio: Studio) -> None:
    process = studio.start(*SHORT)
    wait_until(lambda: bool(studio.results()))
    process.kill()
    process.communicate(timeout=60)

    again = studio.run(*SHORT)
    assert again.returncode == 0, again.stderr
    studio.assert_one_of_everything()


def test_all_kinds_of_a_picture_are_out_before_the_command_ends(studio: Studio) -> None:
    done = studio.run(*SHORT, STYLEGRAM_POST_KINDS="reel, photo, grid")
    assert done.returncode == 0, done.stderr
    assert len(list((studio.state / "outbox").glob("*.txt"))) == 11
    (record,) = studio.records()
    assert (record["post_state"], record["post_kind"]) == ("published", "reel"), "the first that was out"


def test_a_post_that_waits_for_a_yes_is_no_failure_and_the_named_command_gives_it(studio: Studio) -> None:
    done = studio.run(*SHORT, STYLEGRAM_POST_APPROVAL="true")
    assert done.returncode == 0, done.stderr
    assert "It waits for a yes" in done.stderr
    assert not studio.posts()
    assert studio.records()[0]["post_state"] == "waiting"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  post ")]
    _, _, yes = line.partition("stylegram ")
    approved = subprocess.run([STYLEGRAM, *shlex.split(yes)], capture_output=True, text=True, timeout=60)
    assert approved.returncode == 0, approved.stderr

    again = studio.start(*LONG)
    wait_until(lambda: len(studio.posts()) == 1)
    _, stderr = again.communicate(timeout=180)
    assert again.returncode == 0, stderr
    assert "left unfinished" not in stderr
    assert len(studio.results()) == 2
    assert {record["post_state"] for record in studio.records()} == {"published", "waiting"}


def test_a_picture_that_nobody_wants_posted_is_not_waited_for(studio: Studio) -> None:
    house = House(studio.state, studio.photos.as_uri(), studio.styles.as_uri())
    house.ingest.sync_all()
    pair = house.ingest.choose_pair(random.Random(0))
    private = house.ingest.submit(*pair, Hyperparameters(size=64, evaluations=(1,)), publish=False)
    house.close()

    done = studio.run(*SHORT)
    assert done.returncode == 0, done.stderr
    assert len(studio.posts()) == 1
    house = House(studio.state, studio.photos.as_uri(), studio.styles.as_uri())
    assert house.ingest.job(private.id).state == "succeeded"
    house.close()


def test_a_job_that_is_cancelled_while_it_is_painted_ends_the_run_and_is_not_carried_on(studio: Studio) -> None:
    process = studio.start("--set", "evaluations=10000")
    studio.wait_for_snapshot()
    (folder,) = (studio.state / "storage" / "runs").iterdir()
    asked: list[str | Path] = [STYLEGRAM, "jobs", "cancel", folder.name[:8], "--wait", "--state", studio.state]
    cancelled = subprocess.run(asked, capture_output=True, text=True, timeout=180)
    assert cancelled.returncode == 0, cancelled.stderr
    _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1
    assert f"Job {folder.name} cancelled" in stderr
    assert not studio.posts()
    assert not studio.records()

    next_ = studio.run(*SHORT)
    assert next_.returncode == 0, next_.stderr
    assert "left unfinished" not in next_.stderr
    studio.assert_one_of_everything()


def test_a_job_that_is_being_cancelled_is_left_alone_and_ends_meanwhile(studio: Studio) -> None:
    house = House(studio.state, studio.photos.as_uri(), studio.styles.as_uri())
    house.ingest.sync_all()
    unwanted = house.ingest.submit_daily(Hyperparameters(size=64, evaluations=(1,)))
    house.ingest.cancel(unwanted.id)
    house.close()

    done = studio.run(*SHORT)
    assert done.returncode == 0, done.stderr
    studio.assert_one_of_everything()
    house = House(studio.state, studio.photos.as_uri(), studio.styles.as_uri())
    assert house.ingest.job(unwanted.id).state == "cancelled"
    assert [job.priority for job in house.ingest.newest_jobs(limit=10)] == ["batch", "batch"]
    house.close()


def test_a_state_folder_among_the_pictures_is_refused(studio: Studio) -> None:
    studio.state = studio.photos / "state"
    refused = studio.run(*SHORT)
    assert refused.returncode == 2
    assert "would be taken for new ones" in refused.stderr
    assert not studio.state.exists()


@pytest.mark.parametrize("setting", ["STYLEGRAM_POST_FORMAT", "STYLEGRAM_POST_FIT", "STYLEGRAM_LOG_LEVEL"])
def test_a_wrong_setting_is_named(studio: Studio, setting: str) -> None:
    refused = studio.run(*SHORT, **{setting: "hexagon"})
    assert refused.returncode == 2
    assert setting in refused.stderr
    assert "Traceback" not in refused.stderr


def test_two_runs_at_once_on_one_state_are_refused(studio: Studio) -> None:
    process = studio.start(*LONG)
    studio.wait_for_snapshot()
    second = studio.run(*SHORT)
    assert second.returncode == 2
    assert "Another stylegram works in" in second.stderr
    assert process.wait(timeout=180) == 0
    studio.assert_one_of_everything()


def test_a_worker_that_cannot_start_says_why_and_the_job_waits(studio: Studio, tmp_path: Path) -> None:
    empty = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    failed = studio.run(*SHORT, **empty)
    assert failed.returncode == 1
    assert "Three ways out" in failed.stderr
    assert "worker_died" not in (studio.state / "stylegram.log").read_text()
    refused = studio.run(*SHORT, STYLEGRAM_DEVICE="abacus")
    assert refused.returncode == 2
    assert "There is no device 'abacus' here" in refused.stderr

    again = studio.run(*SHORT)
    assert again.returncode == 0, again.stderr
    studio.assert_one_of_everything()


def test_without_pictures_it_says_where_it_looked(studio: Studio) -> None:
    for photo in studio.photos.iterdir():
        photo.unlink()
    (studio.photos / "notes.png").write_bytes(b"")
    failed = studio.run(*SHORT)
    assert failed.returncode == 1
    assert "photograph" in failed.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "size=7"), "size"),
        (("--set", "optimiser=adam"), "optimiser"),
        (("--set", "size"), "name=value"),
        (("--styles", "/nowhere"), "/nowhere"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    studio: Studio, options: tuple[str, ...], message: str
) -> None:
    refused = studio.run(*options)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert not studio.state.exists()
