"""Files that were damaged on the way, or made to do damage: a report or a refusal, and nothing that they do not say."""

import csv
import io
import json
import math
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from exchange_samples import SAMPLE, THEIRS, csv_of, exported, imported, remember_much, table
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.columns import COLUMNS, DERIVED, ORIGINAL_NAMES
from stylegram.logger.exchange.logs_csv import without_apostrophe
from stylegram.logger.exchange.report import ImportReport
from stylegram.logger.tables import runs

ENCODINGS = ["utf-8-sig", "cp1252", "utf-16"]
SEPARATORS = ",;\t"
# What follows from the rest, or is added, where the file says nothing.
OURS_ALONE = {"origin", "created_at", "epochs", "output_name", "learning_rate", *DERIVED}
ALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/logger.sqlite")
    migrate(engine, "logger")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def our_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('ours')}/logger.sqlite")
    migrate(engine, "logger")
    remember_much(engine)
    files = {log_format: exported(engine, log_format, origin="us") for log_format in ("csv", "parquet")}
    engine.dispose()
    return files


def look_at(engine: Engine, data: bytes) -> tuple[ImportReport | None, list[dict[str, str]]]:
    """What became of the file in a database with nothing in it, and what came in."""
    with transaction(engine) as session:
        session.execute(delete(runs))
    report = None
    with suppress(InvalidInput):
        report = imported(engine, data, THEIRS)
    header, *rows = table(exported(engine))
    if report is not None:
        assert report.added == len(rows)
    return report, [dict(zip(header, row, strict=True)) for row in rows]


def readings(data: bytes) -> list[dict[str, str]]:
    """Every row that anybody could read in the file, from any of its lines on."""
    found: list[dict[str, str]] = []
    for encoding in ENCODINGS:
        text = data.decode(encoding, "replace")
        lines = list(io.StringIO(text, newline=""))
        for separator in SEPARATORS:
            header: list[str] = []
            for number in range(len(lines)):
                with suppress(csv.Error, StopIteration):
                    cells = next(csv.reader(lines[number:], delimiter=separator))
                    header = header or [cell.strip() for cell in cells]
                    found.extend(
                        dict(zip(names, cells, strict=False))
                        for names in (header, ORIGINAL_NAMES)
                        if len(cells) >= len(names) and not any(cells[len(names) :])
                    )
    return found


def says(source: str, ours: str) -> bool:
    """Whether a cell of a file says what we made of it."""
    if source == ours or without_apostrophe(source) == without_apostrophe(ours) or source.strip() == ours:
        return True
    if source.replace("\r\n", "\n").replace("\r", "\n") == ours or source.strip().lower() == ours.lower():
        return True
    for read in (
        float,
        json.loads,
        lambda text: json.loads(text.replace("'", '"')),
        lambda text: float(text.replace(",", ".")),
    ):
        with suppress(ValueError):
            if read(source) == read(ours):
                return True
    if source.strip() == "null" and not ours:  # JSON's way to say nothing
        return True
    with suppress(ValueError):
        return len(ours) > 18 and ours[:19] == source[:19]  # a time, of another zone or as precise
    return False


def follows(name: str, source: str, ours: str) -> bool:
    """Whether a cell of a file may be left out, or has been rounded, as what it says follows from the rest."""
    with suppress(ValueError):
        if name in DERIVED and math.isclose(float(source), float(ours), rel_tol=1e-9):
            return True
    return name in OURS_ALONE and not source.strip()


def check_all_of_it_is_in(rows: list[dict[str, str]], data: bytes) -> None:
    possible = readings(data) if rows else []
    for row in rows:
        names = ORIGINAL_NAMES if row["engine_version"] == "NST_instagram" else COLUMNS
        assert any(
            all(
                says(source.get(name, ""), row[name]) or follows(name, source.get(name, ""), row[name])
                for name in names
            )
            for source in possible
        ), row


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The file after one to four accidents."""
    for _ in range(dice.randint(1, 4)):
        place, length = dice.randrange(len(data)), dice.randint(1, 40)
        part = data[place : place + length]
        other = dice.randrange(len(data))
        token = dice.choice(
            [b'"', b",", b"\n", b"\r", b"\0", b"\xff", b";", b"\t", b"9" * 400, b"nan", b"[[", b"'", b"\xef\xbb\xbf"]
        )
        match dice.randrange(7):
            case 0:
                data = data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
            case 1:
                data = data[:place] + data[place + length :]
            case 2:
                data = data[:place] + token + data[place:]
            case 3:
                data = data[:other] + part + data[other:]
            case 4:
                data = data[:place] + token + data[place + len(token) :]
            case 5 if dice.random() < 0.3:
                data = data[: place + 1]
            case _:
                lines = data.splitlines(keepends=True)
                one, two = dice.randrange(len(lines)), dice.randrange(len(lines))
                cells, others = lines[one].split(b","), lines[two].split(b",")
                here, there = dice.randrange(len(cells)), dice.randrange(len(others))
                cells[here], others[there] = others[there], cells[here]
                lines[one], lines[two] = b",".join(cells), b",".join(others)
                data = b"".join(lines)
    return data


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_log_of_the_first_system(engine: Engine, seed: int) -> None:
    dice = random.Random(seed)
    small = b"".join(SAMPLE.splitlines(keepends=True)[:8])
    came_in = 0
    for _ in range(30):
        data = damaged(small, dice)
        report, rows = look_at(engine, data)
        came_in += len(rows)
        check_all_of_it_is_in(rows, data)
        if report is not None:
            assert report.refused == len([problem for problem in report.problems if problem.kind == "refused"])
    assert came_in > 60


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_export_of_ours(engine: Engine, our_files: dict[str, bytes], seed: int) -> None:
    dice = random.Random(seed)
    cells = table(our_files["csv"])
    came_in = 0
    for _ in range(15):
        data = damaged(csv_of([cells[0], *dice.sample(cells[1:], 5)]), dice)
        _, rows = look_at(engine, data)
        came_in += len(rows)
        check_all_of_it_is_in(rows, data)
    assert came_in > 15


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_parquet_file(engine: Engine, our_files: dict[str, bytes], seed: int) -> None:
    dice = random.Random(seed)
    file = our_files["parquet"]
    whole = {row["job_id"]: row for row in look_at(engine, file)[1]}
    begins = len(file) - 8 - int.from_bytes(file[-8:-4], "little")
    for _ in range(30):
        # Each page has a checksum. What its end says has none, as where the columns lie and what they are called.
        _, rows = look_at(
            engine, file[:4] + damaged(file[4:begins], dice)[: begins - 4].ljust(begins - 4) + file[begins:]
        )
        assert all(row == whole[row["job_id"]] for row in rows)
        look_at(engine, damaged(file, dice))


@ALL
@given(data=st.binary(max_size=300))
def test_any_bytes(engine: Engine, data: bytes) -> None:
    assert look_at(engine, data)[1] == []
    for beginning in (b"PAR1", SAMPLE[:170]):
        look_at(engine, beginning + data)


@ALL
@given(
    text=st.text(st.sampled_from("',;\t\"\n\r[]01.e-aT\0\ufeffé"), max_size=200), encoding=st.sampled_from(ENCODINGS)
)
def test_any_table(engine: Engine, text: str, encoding: str) -> None:
    data = (",".join(ORIGINAL_NAMES) + "\n" + text).encode(encoding, "replace")
    _, rows = look_at(engine, data)
    check_all_of_it_is_in(rows, data)


@ALL
@given(column=st.sampled_from(ORIGINAL_NAMES), text=st.text(max_size=50))
def test_any_value_of_the_first_system(engine: Engine, column: str, text: str) -> None:
    header, first, *_ = table(SAMPLE)
    first[header.index(column)] = text
    with suppress(UnicodeEncodeError):
        data = csv_of([header, first])
        _, rows = look_at(engine, data)
        check_all_of_it_is_in(rows, data)


@ALL
@given(
    column=st.sampled_from(COLUMNS),
    text=st.one_of(st.text(max_size=50), st.sampled_from(["[]", "{}", "-0", "1e400", "null"])),
)
def test_any_value_of_ours(engine: Engine, our_files: dict[str, bytes], column: str, text: str) -> None:
    header, first, *_ = table(our_files["csv"])
    first[header.index(column)] = text
    with suppress(UnicodeEncodeError):
        data = csv_of([header, first])
        _, rows = look_at(engine, data)
        check_all_of_it_is_in(rows, data)
