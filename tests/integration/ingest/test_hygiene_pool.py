import ast
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from hygiene_tasks import CONFESSION, CRASH, GREED, HANG, REFUSAL, perilous_clean, stay
from ingest_hostile import bad_files
from ingest_samples import encoded, noise, png
from service_processes import wait_until
from stylegram.common.errors import InvalidImage, Unavailable
from stylegram.common.picture_features import measure_features
from stylegram.ingest.hygiene import Cleaned, Hygiene, clean

# What lies about its type, or is too large, is refused by its first bytes; these make a decoder work.
BAD = bad_files()


@pytest.fixture(scope="module")
def hygiene() -> Iterator[Hygiene]:
    with Hygiene(task=perilous_clean) as pool:
        yield pool


def workers() -> list[psutil.Process]:
    """The processes that this one's pools have started: the children of the fork server."""
    own = psutil.Process()
    return [worker for server in own.children() for worker in server.children()]


def confession(hygiene: Hygiene) -> dict[str, Any]:
    circumstances: dict[str, Any] = ast.literal_eval(hygiene.clean(CONFESSION).data.decode())
    return circumstances


def crashes(end: str) -> float:
    return REGISTRY.get_sample_value("stylegram_ingest_decoder_crashes_total", {"end": end}) or 0


def test_many_threads_get_what_they_would_get_without_processes(hygiene: Hygiene) -> None:
    def work(thread: int) -> None:
        for number in range(25):
            data = encoded(noise(25 * thread + number), ("PNG", "JPEG", "WEBP", "BMP")[number % 4])
            assert hygiene.clean(data) == clean(data)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))


def test_a_crash_costs_one_file_of_fifty(hygiene: Hygiene) -> None:
    files = [CRASH if number == 20 else png(number) for number in range(50)]

    def outcome(data: bytes) -> Cleaned | str:
        try:
            return hygiene.clean(data)
        except InvalidImage as error:
            return error.message

    before = crashes("signal SIGSEGV")
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(outcome, files))
    assert outcomes.pop(20) == "The picture crashes the decoder (signal SIGSEGV)."
    assert outcomes == [clean(data) for data in files if data != CRASH]
    assert crashes("signal SIGSEGV") == before + 2, "it was tried twice"


def test_a_process_that_somebody_kills_over_a_picture_is_replaced_once(hygiene: Hygiene, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(hygiene.clean, stay(tmp_path / "pid"))
        wait_until((tmp_path / "pid").exists)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        assert outcome.result().format == "STAYED"


def test_a_process_that_is_killed_while_it_is_idle_costs_nothing(hygiene: Hygiene) -> None:
    before = crashes("signal SIGKILL")
    for _ in range(3):
        os.kill(pid := confession(hygiene)["pid"], signal.SIGKILL)
        psutil.wait_procs([process for process in workers() if process.pid == pid])
        assert hygiene.clean(png(1)) == clean(png(1))
    assert crashes("signal SIGKILL") == before


def test_processes_that_are_killed_at_any_moment_cost_nobody_anything(hygiene: Hygiene) -> None:
    # Large enough that much of the time goes into its way through the pipe.
    data = encoded(Image.new("RGB", (1000, 1000)), "BMP")
    wanted = clean(data)

    def clean_patiently(_number: int) -> Cleaned:
        while True:
            try:
                return hygiene.clean(data)
            except Unavailable:  # killed before it was ready
                continue
            except InvalidImage as error:  # both tries were killed
                assert "SIGKILL" in error.message, error

    def kill_now_and_then() -> None:
        # So often and no more: on a busy machine no process would live long enough for a picture.
        for _ in range(8):
            time.sleep(0.05)
            for process in workers()[:1]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    with ThreadPoolExecutor(5) as threads:
        killer = threads.submit(kill_now_and_then)
        assert list(threads.map(clean_patiently, range(16))) == [wanted] * 16
        killer.result()


def test_a_hang_is_ended_though_it_keeps_the_interpreters_lock() -> None:
    with Hygiene(1, seconds=2, task=perilous_clean) as hygiene:
        with pytest.raises(InvalidImage, match=r"^Decoding the picture took longer than 2 s\. "):
            hygiene.clean(HANG)
        assert hygiene.clean(png(1)) == clean(png(1))


def test_time_counts_only_while_there_is_a_picture() -> None:
    with Hygiene(1, seconds=1.5, task=perilous_clean) as hygiene:
        pid = confession(hygiene)["pid"]
        time.sleep(2.0)
        assert confession(hygiene)["pid"] == pid


def test_a_picture_that_needs_more_memory_than_there_may_be_is_refused(hygiene: Hygiene) -> None:
    pid = confession(hygiene)["pid"]
    with pytest.raises(InvalidImage, match="needs more memory than 4096 MB"):
        hygiene.clean(GREED)
    assert confession(hygiene)["pid"] == pid, "nothing died"


def test_a_real_decoder_runs_into_the_limit_of_memory() -> None:
    large = encoded(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1)
    with Hygiene(1, megabytes=200) as hygiene:
        with pytest.raises(InvalidImage, match="needs more memory than 200 MB"):
            hygiene.clean(large)
        assert hygiene.clean(png(1)) == clean(png(1))


@pytest.mark.parametrize("file", BAD, ids=lambda file: ascii(file.name))
def test_a_bad_file_is_refused_as_it_is_without_processes(file: Any, hygiene: Hygiene) -> None:
    with pytest.raises(InvalidImage) as refusal:
        hygiene.clean(file.data)
    with pytest.raises(InvalidImage) as wanted:
        clean(file.data)
    assert str(refusal.value) == str(wanted.value)


def test_what_a_picture_looks_like_arrives_to_the_last_digit(hygiene: Hygiene) -> None:
    photograph = Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB")
    assert hygiene.clean(encoded(photograph, "PNG")).features == measure_features(photograph)


def test_an_error_arrives_with_its_advice(hygiene: Hygiene) -> None:
    with pytest.raises(InvalidImage) as refusal:
        hygiene.clean(REFUSAL)
    assert (refusal.value.message, refusal.value.advice) == ("What happened.", "What to do.")


def test_a_process_is_confined_and_has_nothing_of_the_service(hygiene: Hygiene) -> None:
    circumstances = confession(hygiene)
    assert circumstances["interrupt"]
    assert circumstances["core"] == (0, 0)
    assert circumstances["niceness"] >= os.nice(0) + 10
    heavy = {"torch", "fastapi", "sqlalchemy", "googleapiclient", "pydantic", "typer", "pytest"}
    assert not heavy & set(circumstances["modules"])


def test_a_main_module_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "from stylegram.ingest.hygiene import Hygiene\n"
        "print('run', flush=True)\n"
        "with Hygiene(1) as hygiene:\n"
        f"    print(hygiene.clean({png(1)!r}).format)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("run\nPNG\n", "")


def test_an_event_loop_goes_on_while_a_decoder_keeps_its_lock() -> None:
    async def turns(hygiene: Hygiene) -> int:
        cleaning = asyncio.create_task(asyncio.to_thread(hygiene.clean, HANG))
        turns = 0
        while not cleaning.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert isinstance(cleaning.exception(), InvalidImage)
        return turns

    with Hygiene(1, seconds=1, task=perilous_clean) as hygiene:
        # One that waits for the decoder has a few; one that goes on, several hundreds.
        assert asyncio.run(turns(hygiene)) > 20


def test_a_large_picture_takes_none_of_this_processs_time(hygiene: Hygiene) -> None:
    data = encoded(Image.effect_noise((1500, 1000), 60), "BMP")
    before = time.process_time()
    wanted = clean(data)
    between = time.process_time()
    assert hygiene.clean(data) == wanted
    assert time.process_time() - between < (between - before) / 4


def test_nothing_starts_before_it_is_needed_and_nothing_is_left() -> None:
    with Hygiene(1) as first:
        first.clean(png(1))  # the fork server, and what it has open, stays for the next pool
    processes, files = workers(), psutil.Process().num_fds()
    hygiene = Hygiene(2, task=perilous_clean)
    assert workers() == processes
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(hygiene.clean, [png(number) for number in range(8)]))
    with pytest.raises(InvalidImage):
        hygiene.clean(CRASH)
    assert 1 <= len(workers()) - len(processes) <= 2
    hygiene.close()
    hygiene.close()
    assert workers() == processes
    assert psutil.Process().num_fds() == files


def test_closing_ends_who_is_at_work_and_who_waits(tmp_path: Path) -> None:
    hygiene = Hygiene(1, task=perilous_clean)
    with ThreadPoolExecutor(3) as threads:
        outcomes = [threads.submit(hygiene.clean, stay(tmp_path / "pid")) for _ in range(3)]
        wait_until((tmp_path / "pid").exists)
        began = time.perf_counter()
        hygiene.close()
        assert time.perf_counter() - began < 30
        for outcome in outcomes:
            with pytest.raises(Unavailable, match="the service ends"):
                outcome.result()
    with pytest.raises(Unavailable):
        hygiene.clean(png(1))


def test_a_process_that_cannot_start_is_not_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ModuleType("only_here")
    exec("def task(data, judge): ...", here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", here)
    files = psutil.Process().num_fds()
    with (
        Hygiene(1, task=here.task) as hygiene,
        pytest.raises(Unavailable, match="No process to clean pictures in"),
    ):
        hygiene.clean(png(1))
    assert psutil.Process().num_fds() == files


@pytest.mark.parametrize("time", range(5))
def test_a_process_with_hardly_any_memory_ends_one_way_or_another(time: int) -> None:
    # Python itself has more than that already.
    with Hygiene(1, megabytes=1) as hygiene, pytest.raises((InvalidImage, Unavailable)):
        hygiene.clean(png(1))


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    pid_files = [tmp_path / str(number) for number in range(2)]
    program = (
        "import threading\n"
        "from pathlib import Path\n"
        "from hygiene_tasks import perilous_clean, stay\n"
        "from stylegram.ingest.hygiene import Hygiene\n"
        "hygiene = Hygiene(2, task=perilous_clean)\n"
        f"for name in {[str(path) for path in pid_files]!r}:\n"
        "    threading.Thread(target=hygiene.clean, args=(stay(Path(name)),)).start()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as parent:
        wait_until(lambda: all(path.exists() for path in pid_files))
        children = psutil.Process(parent.pid).children(recursive=True)
        assert {int(path.read_text()) for path in pid_files} <= {child.pid for child in children}
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_a_process_is_replaced_after_a_hundred_pictures() -> None:
    with Hygiene(1, task=perilous_clean) as alone:
        pids = [confession(alone)["pid"] for _ in range(101)]
    assert len(set(pids[:100])) == 1
    assert pids[100] != pids[0]
