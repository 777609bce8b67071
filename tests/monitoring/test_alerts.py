"""When each alert fires, and when it stays silent: promtool runs the rules on made-up series."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring.recordings import RECORDINGS
from monitoring.rules import Alert, Group, written

from monitoring.alerts import ALERTS
from prometheus_server import program

FOLDER = Path(__file__).parent / "alerts"
_NAMESPACE = "house"
_BY_NAME: dict[str, Alert] = {rule.name: rule for group in ALERTS for rule in group.rules if isinstance(rule, Alert)}
# What templates may do with a number; none of them fails on any.
_FUNCTIONS = {"humanize", "humanizeDuration", "humanizePercentage"}


def read_cases() -> dict[str, dict[str, Any]]:
    """By alert: cases in which it fires and cases in which it is silent, and how long a step is."""
    files = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.yaml")))
    return {name: cases for file in files for name, cases in file.items()}


CASES = read_cases()


@pytest.fixture(scope="module")
def promtool() -> str:
    return program("promtool")


def in_promtools_words(name: str, kind: str, case: dict[str, Any], step: str) -> dict[str, Any]:
    """A case as promtool takes it; everything happens in one namespace."""
    firing = {
        "alertname": name,
        "alertstate": "firing",
        "namespace": _NAMESPACE,
        "severity": _BY_NAME[name].severity,
        **case.get("labels", {}),
    }
    words = ", ".join(f"{label}={json.dumps(value)}" for label, value in firing.items())
    expected = [{"labels": f"ALERTS{{{words}}}", "value": 1}] if kind == "fires" else []
    asked = f'ALERTS{{alertname="{name}", alertstate="firing"}}'
    return {
        "name": f"{name} {kind} when {case['when']}",
        "interval": step,
        "input_series": [
            {"series": series.replace("{", f'{{namespace="{_NAMESPACE}", ', 1), "values": str(values)}
            for series, values in case["series"].items()
        ],
        "promql_expr_test": [{"expr": asked, "eval_time": case["at"], "exp_samples": expected}],
    }


@pytest.mark.parametrize("name", _BY_NAME)
def test_an_alert_fires_when_it_must_and_only_then(name: str, promtool: str, tmp_path: Path) -> None:
    cases = CASES[name]
    step = cases.get("every", "1m")
    tests = [in_promtools_words(name, kind, case, step) for kind in ("fires", "silent") for case in cases[kind]]
    # Alone, with what it builds upon: promtool evaluates every rule that it is given at every step.
    rules = tmp_path / "rules.yaml"
    rules.write_text(written([*RECORDINGS, Group("alone", [_BY_NAME[name]])]))
    asked = tmp_path / "tests.json"
    asked.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": step, "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", asked], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound(promtool: str, rules: list[Path]) -> None:
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", *rules],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_cases_in_which_it_fires_and_is_silent() -> None:
    assert set(CASES) == set(_BY_NAME)
    assert not [name for name, cases in CASES.items() if not (cases.get("fires") and cases.get("silent"))]


def test_no_value_is_taken_for_a_hexadecimal_one() -> None:
    values = [
        str(values)
        for cases in CASES.values()
        for kind in ("fires", "silent")
        for case in cases[kind]
        for values in case["series"].values()
    ]
    assert len(values) > 100
    assert not [each for each in values if re.search(r"(^|\s)0x", each)]


@pytest.mark.parametrize("name", _BY_NAME)
def test_an_alert_says_what_is_so(name: str) -> None:
    alert = _BY_NAME[name]
    assert re.fullmatch(r"Stylegram[A-Z][A-Za-z]+", name)
    assert not alert.summary.endswith(".")
    assert alert.description.endswith(".")
    known = {"namespace", *(label for case in CASES[name]["fires"] for label in case.get("labels", {}))}
    for template in re.findall(r"{{(.*?)}}", alert.summary + alert.description):
        value, *functions = (word.strip() for word in template.split("|"))
        assert value == "$value" or value.removeprefix("$labels.") in known
        assert set(functions) <= _FUNCTIONS
