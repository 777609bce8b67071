"""`stylegram prefer`, `ranking` and `runs rate`, as a person runs them on a state folder."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from local_commands import Command
from stylegram.common.database import transaction
from stylegram.ingest.bootstrap import Ingest
from stylegram.local.logs_api import open_record_database
from stylegram.logger.tables import runs

IDS = [f"{number}a2a4bba-78e9-4420-b582-1e5887033156" for number in range(3)]


@pytest.fixture
def painted(state: Path, ingest: Ingest) -> Iterator[tuple[str, str]]:
    """A state folder whose record has three pictures; where to ask for them."""
    facts = {"outcome": "succeeded", "started_at": datetime(2026, 11, 20, tzinfo=UTC), "style_name": "the scream.jpg"}
    with open_record_database(state) as engine, transaction(engine) as session:
        rows = [{"job_id": job_id, "content_name": f"[red]{job_id[0]}.jpg", **facts} for job_id in IDS]
        session.execute(insert(runs), rows)
    yield "--state", str(state)


def test_from_a_question_to_a_ranking(stylegram: Command, painted: tuple[str, str]) -> None:
    asked = stylegram("prefer", *painted)
    assert asked.code == 0, asked.err
    first, second = (line.split("  ") for line in asked.out.splitlines())
    assert {first[0], second[0]} < set(IDS)
    assert first[1] == f"[red]{first[0][0]}.jpg × the scream.jpg"
    said = stylegram("prefer", second[0][:8], first[0], *painted)
    assert (said.code, said.err) == (0, "")
    ranked = stylegram("ranking", *painted)
    rows = [line.split() for line in ranked.out.splitlines()[1:]]
    assert [(row[0], row[1]) for row in rows] == [("1", second[0][:8]), ("2", first[0][:8])]
    assert "2 pictures, 1 comparisons" in ranked.err
    assert "[red]" in ranked.out
    assert stylegram("prefer", "--take-back", said.out.strip(), *painted).code == 0
    empty = stylegram("ranking", *painted)
    assert (empty.code, empty.out) == (0, "")
    assert "stylegram prefer" in empty.err


def test_as_json(stylegram: Command, painted: tuple[str, str]) -> None:
    assert set(json.loads(stylegram("prefer", "--json", *painted).out)) == {"first", "second"}
    said = json.loads(stylegram("prefer", "--json", IDS[0], IDS[1], *painted).out)
    assert (said["better"], said["worse"]) == tuple(IDS[:2])
    assert json.loads(stylegram("ranking", "--json", *painted).out)["comparisons"] == 1


def test_stars(stylegram: Command, painted: tuple[str, str]) -> None:
    assert stylegram("runs", "rate", IDS[2][:8], "5", *painted) == (0, f"Run {IDS[2]} has 5 of 5 stars.\n", "")
    [row] = json.loads(stylegram("ranking", "--json", *painted).out)["items"]
    assert (row["job_id"], row["rating"], row["strength"]) == (IDS[2], 5, 1.0)
    assert stylegram("runs", "rate", IDS[2], "none", *painted).out == f"Run {IDS[2]} has no rating.\n"
    assert json.loads(stylegram("ranking", "--json", *painted).out)["items"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("prefer", IDS[0]), 2, "Name two runs"),
        (("prefer", IDS[0], IDS[1], "--take-back", "x"), 2, "Name two runs"),
        (("prefer", IDS[0], IDS[0]), 1, "with itself"),
        (("prefer", IDS[0], "nobody-knows-it"), 1, "nobody-knows-it"),
        (("prefer", "--take-back", "never"), 1, "never"),
        (("runs", "rate", IDS[0], "6"), 2, "1 to 5 stars"),
        (("runs", "rate", "nobody-knows-it", "3"), 1, "nobody-knows-it"),
    ],
)
def test_what_is_refused(
    stylegram: Command, painted: tuple[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    refused = stylegram(*words, *painted)
    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err.replace("\n", " ")
    assert "Traceback" not in refused.err
