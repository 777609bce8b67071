"""Prometheus for tests: its programs, and a private server."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from service_processes import free_port, wait_until


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is; the test is skipped where it is not, but not in continuous integration."""
    found = shutil.which(name)
    if not found:
        why = f"NOT TESTED, as {name} is not installed: apt-get install prometheus"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return found


class PrometheusServer:
    """One that runs.

    Args:
        port: at which it answers, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30.0, trust_env=False)

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("status/config").is_success
        except httpx2.TransportError:
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """What it answers, by its HTTP API, without the envelope."""
        answer = self._client.get(path, params=parameters)
        assert answer.is_success, f"{path} {parameters}: {answer.text}"
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result

    def value(self, expression: str) -> float | None:
        """The one number that an expression comes to; None where there is none."""
        result = self.query(expression)
        assert len(result) <= 1, f"{expression} has {len(result)} answers"
        return float(result[0]["value"][1]) if result else None

    def rules(self) -> list[dict[str, Any]]:
        """Those that it knows, and how they do."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """Those that it asks."""
        targets: list[dict[str, Any]] = self.ask("targets", state="active")["activeTargets"]
        return targets


@contextmanager
def prometheus(folder: Path, scrapes: Sequence[Mapping[str, Any]], rules: Sequence[Path]) -> Iterator[PrometheusServer]:
    """A server that scrapes every two seconds; it ends with the block.

    Args:
        folder: an empty one.
        scrapes: whom it asks, as its settings say it.
        rules: files of rules.
    """
    settings = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": list(scrapes),
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    words = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        server = PrometheusServer(port)

        def runs() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            return server.is_ready()

        try:
            wait_until(runs)
            yield server
        finally:
            process.kill()
