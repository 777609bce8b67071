"""Recording rules and alerts, and how they are written down for Prometheus.

Every replica of ingest shows the same queues, and every publisher of an account the same posts: gauges are taken at
their largest, counters are summed up. Series are kept apart by namespace, so that one Prometheus may watch several
installations; where it sets no such label, all is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal

import yaml

RUNBOOKS = "RUNBOOKS"
"""Stands for the address of docs/operations/runbooks.md, which whoever installs the rules knows."""


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus keeps because several ask for it.

    Args:
        name: its labels, the metric, and what is done to it, as in `namespace_queue:stylegram_queue_waiting:max`.
        expression: in PromQL.
    """

    name: str
    expression: str

    def rule(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {"record": self.name, "expr": _lines(self.expression)}


@dataclass(frozen=True)
class Alert:
    """Something that somebody has to look at.

    Args:
        name: what it is called everywhere; its runbook too.
        severity: `critical` is for now, `warning` for today, `info` for when there is time.
        lasts: how long it has to be so, as in 15m.
        expression: in PromQL; gives a series for each thing that is so.
        summary: in one line.
        description: what is so, and what it means. Templates as Prometheus has them.
    """

    name: str
    severity: Literal["critical", "warning", "info"]
    lasts: str
    expression: str
    summary: str
    description: str

    @property
    def anchor(self) -> str:
        """Of its section in the runbooks."""
        return self.name.lower()

    def rule(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": _lines(self.expression),
            "for": self.lasts,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}#{self.anchor}",
            },
        }


@dataclass(frozen=True)
class Group:
    """Rules that are looked at one after another, in their order.

    Args:
        name: among all groups of a Prometheus.
        rules: what is in it.
    """

    name: str
    rules: Sequence[Recording | Alert]


def written(groups: Sequence[Group]) -> str:
    """A file of rules as Prometheus takes it."""
    content = {"groups": [{"name": group.name, "rules": [rule.rule() for rule in group.rules]} for group in groups]}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return f"# Written by `make dashboards` from monitoring/: change it there.\n---\n{text}"


def _lines(expression: str) -> str:
    return cleandoc(expression)


class _Dumper(yaml.SafeDumper):
    """Has what is written in several lines stay so, and lists begin below their name, not beside it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """See the base."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
