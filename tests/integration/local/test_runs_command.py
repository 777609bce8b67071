"""`stylegram runs`, as a person runs it: at a server, and on a state folder without one."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local_commands import Command, open_state
from logger_runs import START, a_row, insert_rows
from stylegram.common.http.server import listen, serve, url_of
from stylegram.local.runs_command import query_of
from stylegram.local.state_folder import logger_settings
from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.http.app import create_app

ROWS = [
    a_row(1, 0.5, 0.25, optimizer="adam", learning_rate=0.5, rating=4, metric_ssim=0.5),
    a_row(2, 0.25, 0.5, content_name="a photograph whose name is longer than any table.jpg", post_likes=12),
    a_row(3, 0.5, 0.5, style_layers=["relu1_1"]),
    a_row(4, None, None, outcome="failed", error_code="non-finite", reason="It left the finite numbers."),
    a_row(5, None, None, outcome=None),
]
JOBS = [row["job_id"] for row in ROWS]


@pytest.fixture
def logger(state: Path) -> Iterator[LoggerService]:
    open_state(state).close()
    with closing(bootstrap(logger_settings(state))) as logger:
        insert_rows(logger.engine, ROWS)
        yield logger


@pytest.fixture(params=["--url", "--state"])
def record(request: pytest.FixtureRequest, logger: LoggerService, state: Path) -> Iterator[tuple[str, str]]:
    """Where to ask for the record: at a server, or on the folder."""
    if request.param == "--state":
        yield "--state", str(state)
        return
    listener, stop = listen("127.0.0.1", 0), threading.Event()
    url = url_of(listener)
    server = threading.Thread(target=serve, args=(create_app(logger), listener, stop))
    server.start()
    yield "--url", url
    stop.set()
    server.join()


def ids(lines: str) -> list[str]:
    return [json.loads(line)["job_id"] for line in lines.splitlines()]


def test_the_list_shows_what_matters_newest_first(stylegram: Command, record: tuple[str, str]) -> None:
    done = stylegram("runs", "list", *record)
    assert done.code == 0, done.err
    header, *lines = done.out.splitlines()
    assert header.split() == ["run", "age", "score", "content", "style", "stars", "likes", "pictures"]
    assert [line.split()[0] for line in lines] == [job_id[:8] for job_id in JOBS[3::-1]]
    assert "failed: It left the finite numbers." in lines[0]
    assert "me.jpg × scream.jpg" in lines[1]
    assert "1.875" in lines[3]


def test_the_list_is_filtered_sorted_and_limited(stylegram: Command, record: tuple[str, str]) -> None:
    def listed(*words: str) -> list[str]:
        done = stylegram("runs", "list", "--json", *words, *record)
        assert done.code == 0, done.err
        return ids(done.out)

    assert listed("--where", "optimizer=adam") == [JOBS[0]]
    assert listed("--where", "learning-rate >= 0.5", "--where", "score<=3") == [JOBS[0]]
    assert listed("--where", "outcome=failed", "--where", "outcome=succeeded", "--limit", "2") == JOBS[3:1:-1]
    assert listed("--where", "style_layers=[relu1_1]") == [JOBS[2]]
    assert listed("--sort", "score", "--all") == [JOBS[0], JOBS[1], JOBS[2], JOBS[3]]
    assert listed("--sort", "score", "--descending", "--limit", "1") == [JOBS[2]]
    assert listed("--sort", "started_at", "--ascending") == JOBS[:4]


def test_all_of_a_long_list_comes_page_by_page(stylegram: Command, logger: LoggerService, state: Path) -> None:
    insert_rows(logger.engine, [a_row(number, started_at=START) for number in range(10, 1200)])
    done = stylegram("runs", "list", "--all", "--json", "--state", str(state))
    assert len(set(ids(done.out))) == len(ids(done.out)) == 1194


def test_the_best_are_those_on_the_front_or_by_a_number(stylegram: Command, record: tuple[str, str]) -> None:
    done = stylegram("runs", "best", "--json", *record)
    assert ids(done.out) == [JOBS[0], JOBS[1]]
    assert ids(stylegram("runs", "best", "--by", "rating", "--json", *record).out) == [JOBS[0]]
    assert ids(stylegram("runs", "best", "--by", "score", "--where", "rating=", "--json", *record).out) == JOBS[1:3]


def test_a_run_is_shown_whole(stylegram: Command, record: tuple[str, str]) -> None:
    done = stylegram("runs", "show", JOBS[0][:12], *record)
    assert done.code == 0, done.err
    title, *facts = done.out.splitlines()
    assert title == "me.jpg × scream.jpg"
    found = {line[:16].strip(): line[16:] for line in facts}
    assert found["run"] == JOBS[0]
    assert (found["score"], found["content error"], found["style error"]) == ("1.875", "0.5", "0.25")
    assert "optimizer=adam" in found["settings"]
    assert found["metrics"] == "ssim=0.5"
    assert found["stars"] == "4"
    assert json.loads(stylegram("runs", "show", JOBS[0], "--json", *record).out)["score"] == 1.875


def test_runs_are_compared(stylegram: Command, record: tuple[str, str]) -> None:
    done = stylegram("runs", "compare", JOBS[0][:8], JOBS[2], *record)
    assert done.code == 0, done.err
    lines = {line[:22].strip(): line[22:].split() for line in done.out.splitlines()}
    assert lines["optimizer"] == ["adam", "lbfgs"]
    assert lines["learning_rate"] == ["0.5", "–"]
    assert lines["score"] == ["1.875*", "2.25"]
    assert lines["relative content error"] == ["0.5*", "0.5*"]
    compared = json.loads(stylegram("runs", "compare", *JOBS[:3], "--json", *record).out)
    assert len(compared["runs"]) == 3


def test_what_matters_is_not_said_of_few_runs(stylegram: Command, record: tuple[str, str]) -> None:
    done = stylegram("runs", "importance", "--where", "origin=", *record)
    assert (done.code, "too few" in done.out) == (0, True)


@pytest.mark.parametrize("width", ["80", "200"])
def test_tables_fit_the_screen(
    stylegram: Command, logger: LoggerService, state: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    insert_rows(logger.engine, [a_row(number, 0.3, 0.3, rating=number % 5) for number in range(10, 18)])
    many = [a_row(number)["job_id"] for number in range(10, 18)]
    for words in (("list",), ("best",), ("compare", *many)):
        done = stylegram("runs", *words, "--state", str(state))
        assert done.code == 0, done.err
        assert max(map(len, done.out.splitlines())) <= int(width)
    assert "a photograph whose" in stylegram("runs", "list", "--state", str(state)).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("list", "--where", "optimizr=adam"), 1, "optimizer"),
        (("list", "--where", "optimizer=sgd"), 1, "lbfgs, adam"),
        (("list", "--where", "score>1"), 2, "name>=value"),
        (("list", "--sort", "seed"), 1, "post_likes"),
        (("best", "--by", "beauty"), 1, "pareto"),
        (("show", "ffffffff"), 1, "stylegram runs list"),
        (("show", "0000000"), 1, "several"),
        (("show", "abc"), 1, "no run"),
        (("compare", JOBS[0]), 1, "2 to 10"),
    ],
)
def test_what_cannot_be_done_is_said(
    stylegram: Command, record: tuple[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    done = stylegram("runs", *words, *record)
    assert done.code == code
    assert said in " ".join(done.err.split())
    assert done.out == ""


def test_there_may_be_none(stylegram: Command, logger: LoggerService, state: Path) -> None:
    done = stylegram("runs", "list", "--where", "device=tpu", "--state", str(state))
    assert (done.code, done.out) == (0, "")
    assert "no such runs" in done.err


def test_conditions_become_parameters() -> None:
    assert query_of(["style = a=b.jpg", "score<=1"]) == [("style", "a=b.jpg"), ("score.max", "1")]
