"""The record's files out and in again: nothing lost, nothing twice, nothing invented."""

import io
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, select

from exchange_samples import OURS, SAMPLE, START, THEIRS, counts, csv_of, exported, imported, remember_much, run, table
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.columns import COLUMNS
from stylegram.logger.exchange.importing import Owner
from stylegram.logger.repository import RunPost, RunRepository
from stylegram.logger.tables import READINGS, runs

FORMATS = ["csv", "parquet"]
Other = Callable[[], Engine]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    """Opens one more database, with nothing in it."""
    engines: list[Engine] = []

    def open_another() -> Engine:
        engines.append(open_database(f"sqlite:///{tmp_path}/other-{len(engines)}.sqlite"))
        migrate(engines[-1], "logger")
        return engines[-1]

    yield open_another
    for engine in engines:
        engine.dispose()


def rows_of(engine: Engine) -> dict[str, dict[str, Any]]:
    with transaction(engine) as session:
        return {row.job_id: row._asdict() for row in session.execute(select(runs))}


@pytest.mark.every_database
def test_the_first_systems_log_comes_in_whole_and_out_as_it_was(engine: Engine) -> None:
    report = imported(engine, SAMPLE, Owner())
    assert (report.format, counts(report), report.problems) == ("NST_instagram", (60, 0, 0, 0), [])
    assert [cells[:13] for cells in table(exported(engine))] == table(SAMPLE)
    assert counts(imported(engine, SAMPLE, Owner())) == (0, 60, 0, 0)
    assert len(rows_of(engine)) == 60


@pytest.mark.every_database
@pytest.mark.parametrize("log_format", FORMATS)
def test_an_export_of_everything_comes_back_as_the_same_bytes(engine: Engine, other: Other, log_format: str) -> None:
    remember_much(engine)
    imported(engine, SAMPLE, Owner())
    first = exported(engine, log_format)
    again = other()
    report = imported(again, first, OURS)
    assert (report.problems, report.ignored_columns) == ([], [])
    assert counts(report) == (len(rows_of(engine)), 0, 0, 0)
    assert exported(again, log_format) == first
    assert exported(again, "csv") == exported(engine, "csv")
    assert counts(imported(again, first, OURS)) == counts(imported(engine, first, OURS)) == (0, report.added, 0, 0)


def test_what_the_first_system_did_in_our_terms(engine: Engine) -> None:
    imported(engine, SAMPLE, Owner())
    rows = sorted(rows_of(engine).values(), key=lambda row: row["started_at"])
    first, second = rows[:2]
    known = {name: value for name, value in first.items() if value is not None}
    assert first["started_at"].isoformat(timespec="minutes") == "2020-09-21T00:00+00:00"
    del known["job_id"], known["started_at"]
    assert known == {
        "style_name": "munch_el_asesino.jpg",
        "content_name": "putin.jpg",
        "learning_rate": 0.11810496976034308,
        "beta_1": 0.6188422623942511,
        "evaluations": [900],
        "style_weight": 0.1,
        "content_weight": 1000.0,
        "output_name": "2020-09-21.jpg",
        "seconds": 3521.5527889728546,
        "content_layers": ["relu5_2"],
        "style_layers": ["relu1_1", "relu2_1", "relu1_2", "relu2_2", "relu3_3", "relu4_3"],
        "outcome": "succeeded",
        "origin": "NST_instagram",
        "engine_version": "NST_instagram",
        "optimizer": "adam",
        "epsilon": 0.1,
        "start": "content",
        "size": 720,
        "pooling": "max",
        "schedule": [],
        "tv_weight": 0.0,
        "backbone": "vgg19",
    }
    assert (second["outcome"], second["error_code"]) == ("failed", "non-finite")
    assert second["reason"] == "NaN or infinity in the picture"
    # Their order is kept, and a file without its header is the same file.
    assert [row["seconds"] for row in rows] == [float(cells[9]) for cells in table(SAMPLE)[1:]]
    assert counts(imported(engine, SAMPLE.split(b"\n", 1)[1], Owner("who?"))) == (0, 60, 0, 0)


def test_equal_rows_of_the_first_system_are_runs_of_their_own(engine: Engine) -> None:
    header, row, *_ = SAMPLE.splitlines(keepends=True)
    assert counts(imported(engine, header + row * 3)) == (3, 0, 0, 0)
    assert counts(imported(engine, header + row * 5)) == (2, 3, 0, 0)


def respelt(cells: list[list[str]], separator: str, encoding: str, *, comma: bool = False, end: str = "\n") -> bytes:
    lines = []
    for number, row in enumerate(cells):
        decimals = {3, 4, 6, 7, 9} if comma and number else set()
        shown = [cell.replace(".", ",") if place in decimals else cell for place, cell in enumerate(row)]
        lines.append(separator.join('"' + cell.replace('"', '""') + '"' for cell in shown))
    return (end.join(lines) + end).encode(encoding)


@pytest.mark.parametrize(
    "spelling",
    [
        {"separator": ";", "encoding": "utf-8-sig", "comma": True, "end": "\r\n"},
        {"separator": "\t", "encoding": "utf-16", "end": "\r\n"},
        {"separator": "\t", "encoding": "utf-16-le"},
        {"separator": ";", "encoding": "cp1252", "end": "\r"},
        {"separator": ",", "encoding": "latin-1"},
    ],
    ids=str,
)
def test_spreadsheets_of_all_countries(engine: Engine, spelling: dict[str, Any]) -> None:
    cells = table(SAMPLE)
    cells[1][0] = "Mädchen.jpg"
    assert counts(imported(engine, csv_of(cells))) == (60, 0, 0, 0)
    assert counts(imported(engine, respelt(cells, **spelling))) == (0, 60, 0, 0)


def test_columns_may_be_in_another_order_and_beside_others(engine: Engine, other: Other) -> None:
    remember_much(engine)
    cells = table(exported(engine))
    data = csv_of(
        [*reversed(row), "note", ""] if not number else [*reversed(row), "?", ""] for number, row in enumerate(cells)
    )
    again = other()
    report = imported(again, data, OURS)
    assert (report.problems, report.ignored_columns) == ([], ["note"])
    assert exported(again) == exported(engine)


def test_bad_rows_are_told_by_line_and_the_others_come_in(engine: Engine) -> None:
    header, *rows = SAMPLE.splitlines(keepends=True)
    two_lines = b'"two\nlines.jpg"' + rows[0][rows[0].index(b",") :]
    data = header + two_lines + rows[1].replace(b"0.00", b"0.x0") + b"\n" + b"a,b\r\n" + rows[2] + b'x"y,"z\n' + rows[3]
    report = imported(engine, data)
    assert counts(report) == (3, 0, 0, 3)
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (4, "learning_rate is no finite number: '0.x08170315133602054'"),
        (6, "it has 2 cells for 13 columns"),
        (8, "',' expected after '\"'"),
    ]
    assert "two\nlines.jpg" in {row["style_name"] for row in rows_of(engine).values()}
    assert counts(imported(engine, data)) == (0, 3, 0, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "no record of runs"),
        (b"hello", "no record of runs"),
        (b"a,b,c\n1,2,3\n", "no record of runs"),
        (b"PK\x03\x04" + b"0" * 100, "a workbook or an archive"),
        (b"\x1f\x8b" + b"0" * 100, "compressed"),
        (b"PAR1" + b"0" * 100, "The Parquet file cannot be read"),
        (b"\0" * 1000, "no record of runs"),
        (bytes(range(256)) * 20, "no record of runs"),
        (SAMPLE.replace(b"epochs", b"epoch"), "The file has no column epochs."),
        (SAMPLE.replace(b"output_name", b"epochs"), "more than one column epochs"),
        (b"job_id,success\n", "The file has no column started_at."),
        (b"job_id" + b"," * 2000, "The file has 2001 columns; at most 1000 are read."),
    ],
    ids=range(13),
)
def test_what_is_no_record(engine: Engine, data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        imported(engine, data)
    assert not rows_of(engine)


def test_whose_they_are_is_to_be_said(engine: Engine, other: Other) -> None:
    RunRepository(engine).save(run())
    again = other()
    with pytest.raises(InvalidInput, match="The run on line 2 does not say whose it is"):
        imported(again, exported(engine), Owner())
    with pytest.raises(InvalidInput, match="does not say whose a record is"):
        Owner(" ")
    with pytest.raises(InvalidInput, match="no other origin"):
        Owner("a-friend", own=True)
    assert counts(imported(again, exported(engine), THEIRS)) == (1, 0, 0, 0)
    assert rows_of(again)["42"]["origin"] == "a-friend"
    # Who has them already need not learn whose they are.
    assert counts(imported(engine, exported(again), Owner())) == (0, 1, 0, 0)
    assert rows_of(engine)["42"]["origin"] is None


def test_an_exporter_says_whose_its_own_are(engine: Engine, other: Other) -> None:
    RunRepository(engine).save(run())
    imported(engine, SAMPLE, Owner())
    again = other()
    assert counts(imported(again, exported(engine, origin="my-studio"), Owner("else"))) == (61, 0, 0, 0)
    assert {row["origin"] for row in rows_of(again).values()} == {"my-studio", "NST_instagram"}
    assert exported(again) == exported(again, origin="third") == exported(engine, origin="my-studio")


@pytest.mark.parametrize("log_format", FORMATS)
def test_what_is_private_stays_here(engine: Engine, other: Other, log_format: str) -> None:
    secret = "SECRET"
    remember_much(engine)
    record = run("43")
    pictures = {
        name: getattr(record, name).model_copy(update={"name": secret, "object_name": f"{secret}.png"})
        for name in ("content", "style", "start_image")
    }
    RunRepository(engine).save(
        run(
            "43",
            **pictures,
            masks=(pictures["style"],),
            reason=secret,
            trial=f"{secret}/1",
            weights=f"/home/{secret}.pth",
        )
    )
    post = RunPost("failed", secret, media_id=secret, url=f"https://example.org/{secret}", reason=secret)
    RunRepository(engine).save_post("43", post)
    imported(engine, SAMPLE, Owner())
    data = exported(engine, log_format, share=True, origin="my-studio")
    text = data if log_format == "csv" else repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    assert secret.encode() in exported(engine)
    assert secret.encode() not in text
    again = other()
    report = imported(again, data, Owner())
    ours = {job_id: row for job_id, row in rows_of(engine).items() if row["origin"] is None}
    assert (counts(report), report.problems) == ((len(ours), 0, 0, 0), [])
    shared = rows_of(again)
    assert shared.keys() == ours.keys()
    kept = ("content_sha256", "content_features", "metric_ssim", "score", "error_code", "seed", "post_likes", "outcome")
    assert all(shared[job_id][name] == row[name] for job_id, row in ours.items() for name in kept)
    # Who gets back what was shared has it already.
    assert counts(imported(engine, data, THEIRS)) == (0, len(ours), 0, 0)


def test_a_known_run_stays_as_it_is(engine: Engine, other: Other) -> None:
    RunRepository(engine).save(run())
    header, row = table(exported(engine))
    before = rows_of(engine)
    row[header.index("seed")] = "7"
    row[header.index("width")] = "7"
    again = other()
    data = csv_of([header, row, row])
    report = imported(engine, data)
    assert counts(report) == (0, 0, 2, 0)
    [first, second] = report.problems
    assert (first.line, first.kind) == (2, "different")
    assert first.reason == f"run 42 is known with another seed: '{2**63 - 1}' here, '7' in the file, and 1 more"
    assert second.line == 3
    assert rows_of(engine) == before
    # One that comes twice in a file is compared with the first.
    other_row = list(row)
    other_row[header.index("seed")] = "8"
    report = imported(again, csv_of([header, row, row, other_row]))
    assert counts(report) == (1, 1, 1, 0)
    assert rows_of(again)["42"]["seed"] == 7


@pytest.mark.every_database
def test_a_run_of_which_only_the_post_is_known_is_completed(engine: Engine, other: Other) -> None:
    elsewhere = other()
    RunRepository(elsewhere).save(run())
    post = RunPost("published", "@painter", url="https://example.org/p/2", said_at=START)
    RunRepository(engine).save_post("42", post)
    assert counts(imported(engine, exported(elsewhere), OURS)) == (1, 0, 0, 0)
    restored = RunRepository(engine).get("42")
    assert restored
    assert (restored.record, restored.post) == (run(), post)


def test_a_dry_run_keeps_nothing(engine: Engine) -> None:
    report = imported(engine, SAMPLE, dry_run=True)
    assert (report.added, report.dry_run) == (60, True)
    assert not rows_of(engine)


def test_imported_runs_do_not_count_as_ours(engine: Engine) -> None:
    def counted() -> float:
        return sum(
            REGISTRY.get_sample_value("stylegram_runs_total", {"outcome": each}) or 0
            for each in ("succeeded", "failed")
        )

    before = counted()
    imported(engine, SAMPLE, Owner())
    assert counted() == before
    assert RunRepository(engine).newest() == []


def test_progress_is_told(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    imported(engine, SAMPLE, on_progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(SAMPLE), len(SAMPLE))


@pytest.mark.parametrize(("before", "lines"), [(b"munch", [2]), (b"True", [2]), (b"0.11", [2])])
def test_a_quotation_mark_too_many_costs_its_row_alone(engine: Engine, before: bytes, lines: list[int]) -> None:
    report = imported(engine, SAMPLE.replace(before, b'"' + before, 1))
    assert counts(report) == (60 - len(lines), 0, 0, len(lines))
    assert [problem.line for problem in report.problems] == lines


def test_cells_beyond_the_header_are_nothing_or_a_mistake(engine: Engine) -> None:
    header, first, second, *_ = table(SAMPLE)
    report = imported(engine, csv_of([header, [*first, "", ""], [*second, "", "x"], [""] * 15]))
    assert counts(report) == (1, 0, 0, 1)
    assert report.problems[0].reason == "it has 15 cells for 13 columns"


def test_a_bad_byte_costs_its_row_alone(engine: Engine) -> None:
    cells = table(SAMPLE)
    cells[1][0] = "Mädchen.jpg"
    data = csv_of(cells).replace(b"hombre_sentado", b"hombre\xffsentado", 1)
    report = imported(engine, data)
    assert counts(report) == (59, 0, 0, 1)
    assert (report.problems[0].line, report.problems[0].reason) == (3, "it has bytes that are no text in UTF-8")
    assert "Mädchen.jpg" in {row["style_name"] for row in rows_of(engine).values()}


def test_parquet_has_types(engine: Engine) -> None:
    remember_much(engine)
    file = pq.ParquetFile(io.BytesIO(exported(engine, "parquet")))
    assert tuple(file.schema_arrow.names) == COLUMNS
    kinds = {field.name: str(field.type) for field in file.schema_arrow}
    assert {name: kinds[name] for name in ("created_at", "epochs", "success", "started_at", "style_layers")} == {
        "created_at": "date32[day]",
        "epochs": "int64",
        "success": "bool",
        "started_at": "timestamp[us, tz=UTC]",
        "style_layers": "list<element: string>",
    }
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    row = next(row for row in file.read().to_pylist() if row["job_id"] == "42")
    assert (row["started_at"], row["evaluations"], row["success"]) == (START, [200, 101], True)
    assert math.isclose(row["metric_content_error"], 1 / 3)
    assert row["content_picture_name"] == "me, at the sea.jpg"


def test_parquet_of_other_programs(engine: Engine, other: Other) -> None:
    remember_much(engine)
    file = pq.read_table(io.BytesIO(exported(engine, "parquet")))
    # As those write it that know no whole numbers beside nothing, other times, or texts alone.
    changed = file.set_column(file.schema.get_field_index("width"), "width", file["width"].cast(pa.float64()))
    nano = pa.timestamp("ns", "UTC")
    place = file.schema.get_field_index("started_at")
    changed = changed.set_column(place, "started_at", file["started_at"].cast(nano))
    changed = changed.set_column(file.schema.get_field_index("seed"), "seed", file["seed"].cast(pa.string()))
    sink = io.BytesIO()
    pq.write_table(changed, sink, row_group_size=3)
    again = other()
    assert imported(again, sink.getvalue(), OURS).problems == []
    assert exported(again) == exported(engine)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (pa.binary(), b"42", "The column width of the Parquet file is of the type binary"),
        (pa.map_(pa.string(), pa.int64()), [("a", 1)], "The column width of the Parquet file is of the type map"),
        (pa.list_(pa.int64()), [1], "width is '\\[1\\]', which it cannot be"),
        (pa.float64(), math.nan, "width is 'nan', which it cannot be"),
        (pa.float64(), 0.5, "width is '0.5', which it cannot be"),
        (pa.bool_(), True, "width is 'True', which it cannot be"),
    ],
    ids=str,
)
def test_parquet_with_other_types(engine: Engine, other: Other, kind: Any, value: Any, words: str) -> None:
    RunRepository(engine).save(run())
    file = pq.read_table(io.BytesIO(exported(engine, "parquet")))
    changed = file.set_column(file.schema.get_field_index("width"), "width", pa.array([value], kind))
    sink = io.BytesIO()
    pq.write_table(changed, sink)
    again = other()
    if "column" in words:
        with pytest.raises(InvalidInput, match=words):
            imported(again, sink.getvalue(), OURS)
    else:
        report = imported(again, sink.getvalue(), OURS)
        assert counts(report) == (0, 0, 0, 1)
        assert re.search(words, report.problems[0].reason)
    assert not rows_of(again)


def test_a_text_that_stands_once_for_many_rows_fills_no_memory(engine: Engine) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 500), ["a" * (1 << 20)])
    names = ("job_id", "reason", "success", "started_at")
    columns = [pa.array(map(str, range(500))), long, pa.array([True] * 500), pa.array([START] * 500)]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names), sink, store_schema=False)
    assert len(sink.getvalue()) < 1 << 18
    with pytest.raises(InvalidInput, match="A text in reason has 1048576 bytes"):
        imported(engine, sink.getvalue())


def test_many_pages(engine: Engine, other: Other) -> None:
    header, row, *_ = table(SAMPLE)
    rows = [[*row[:2], f"2020-09-{1 + n % 3:02d}", *row[3:9], str(n), *row[10:]] for n in range(1034)]
    assert counts(imported(engine, csv_of([header, *rows]))) == (1034, 0, 0, 0)
    cells = table(exported(engine))
    assert [each[9] for each in cells[1:]] == [str(float(n)) for day in range(3) for n in range(day, 1034, 3)]
    again = other()
    assert imported(again, exported(engine, "parquet")).added == 1034
    assert exported(again) == exported(engine)
    assert READINGS not in cells[0]
