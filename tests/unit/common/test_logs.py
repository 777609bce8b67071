import json
import logging
import sys
import threading
from datetime import datetime
from typing import Any

import pytest
import structlog

from stylegram.common.logs import configure_logs


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_lines_carry_event_level_time_and_job(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    log = structlog.get_logger("stylegram.test")
    with structlog.contextvars.bound_contextvars(job_id="42"):
        log.info("job_started", worker="w")
    log.warning("idle")
    started, idle = lines(capsys)
    assert started == {
        "event": "job_started",
        "level": "info",
        "job_id": "42",
        "worker": "w",
        "timestamp": started["timestamp"],
    }
    assert datetime.fromisoformat(started["timestamp"]).tzinfo is not None
    assert "job_id" not in idle


def test_libraries_speak_the_same_language(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    with structlog.contextvars.bound_contextvars(job_id="42"):
        logging.getLogger("some.library").warning("%d retries for %s", 3, "it")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["job_id"]) == ("3 retries for it", "warning", "42")


@pytest.mark.parametrize("level", ["debug", "error"])
def test_addresses_that_let_anybody_in_are_not_shown(capsys: pytest.CaptureFixture[str], level: str) -> None:
    configure_logs(json=True, level=level)
    logging.getLogger("urllib3.connectionpool").debug('"PUT /upload?upload_id=secret HTTP/1.1" 308 0')
    assert capsys.readouterr().err == ""
    # And what it warns of is shown where warnings are.
    logging.getLogger("urllib3.connectionpool").warning("Connection pool is full")
    assert ("pool is full" in capsys.readouterr().err) == (level == "debug")


def test_one_event_is_one_line_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    structlog.get_logger().info("file", name='a\nb\r\x1b[31m"\u2028\udc80', other=object(), data=b"\xff")
    (line,) = capsys.readouterr().err.split("\n")[:-1]
    assert json.loads(line)["name"] == 'a\nb\r\x1b[31m"\u2028\udc80'


@pytest.mark.parametrize("library", [False, True], ids=["ours", "a library's"])
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
def test_an_exception_shows_its_traceback_and_no_variables(
    capsys: pytest.CaptureFixture[str], as_json: bool, library: bool
) -> None:
    configure_logs(json=as_json)
    log = logging.getLogger("library") if library else structlog.get_logger()
    password = "hunter" + "2"
    try:
        raise ValueError(f"wrong, {len(password)} characters")
    except ValueError:
        log.exception("login_failed")
    shown = capsys.readouterr().err
    assert "login_failed" in shown
    assert "Traceback (most recent call last)" in shown
    assert "ValueError: wrong, 7 characters" in shown
    assert password not in shown
    if as_json:
        (line,) = shown.splitlines()
        assert "ValueError: wrong" in json.loads(line)["exception"]


def test_the_console_form_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=False)
    with structlog.contextvars.bound_contextvars(job_id="42"):
        structlog.get_logger().info("job_started")
        logging.getLogger("library").info("hello")
    started, hello = capsys.readouterr().err.splitlines()
    assert "job_started" in started
    assert "job_id=42" in started
    assert "hello" in hello
    assert "job_id=42" in hello
    assert "\x1b" not in started, "colours are for terminals"


def test_json_is_the_default_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs()
    structlog.get_logger().info("plain")
    assert lines(capsys)[0]["event"] == "plain"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_logs()
    structlog.get_logger().info("coloured")
    assert "\x1b[" in capsys.readouterr().err


def test_what_is_less_serious_than_the_level_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True, level="warning")
    structlog.get_logger().info("no")
    logging.getLogger("library").info("no")
    structlog.get_logger().warning("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes"]


def test_configuring_twice_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    configure_logs(json=True)
    structlog.get_logger().info("once")
    assert len(lines(capsys)) == 1


def test_threads_do_not_share_their_job(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    both = threading.Barrier(2)

    def work(job_id: str) -> None:
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            both.wait()
            structlog.get_logger().info(job_id)

    threads = [threading.Thread(target=work, args=(job_id,)) for job_id in ("1", "2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line["event"], line["job_id"]) for line in lines(capsys)) == [("1", "1"), ("2", "2")]
