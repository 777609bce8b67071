"""What cannot be right in a row of the record's files, and what can."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from exchange_samples import SAMPLE, run, table
from stylegram.logger.exchange.cells import Malformed, Notation, value_of
from stylegram.logger.exchange.columns import COLUMNS, LOG_COLUMNS, Kind
from stylegram.logger.exchange.first_system import FirstSystem
from stylegram.logger.exchange.logs_csv import cell, without_apostrophe
from stylegram.logger.exchange.our_rows import EMPTY, row_of
from stylegram.logger.rows import to_row
from stylegram.logger.tables import READINGS, runs

WRITTEN = Notation(apostrophes=True)
ROW = dict(EMPTY) | to_row(run())
OURS: Mapping[str, Any] = {
    column.name: "" if value is None else str(value)
    for column in LOG_COLUMNS
    for value in [cell(column.kind, column.value(ROW))]
}


def test_a_row_of_ours_is_read_as_it_was() -> None:
    assert row_of(OURS, WRITTEN) == ROW | {
        name: [dict(picture) if picture else None for picture in ROW[name]] for name in ("further_styles", "masks")
    } | {"resumed_at": list(ROW["resumed_at"])}
    assert set(ROW) == {column.name for column in runs.columns} - {READINGS}


def test_what_a_file_leaves_out_is_not_known() -> None:
    row = row_of({name: OURS[name] for name in ("job_id", "success", "started_at")}, WRITTEN)
    assert {name: value for name, value in row.items() if value is not None} == {
        "job_id": "42",
        "outcome": "succeeded",
        "started_at": ROW["started_at"],
    }


def test_nothing_is_known_of_a_row_of_nothing() -> None:
    nothing = dict(EMPTY) | {"outcome": "failed"}
    said = {column.name: column.value(nothing) for column in LOG_COLUMNS}
    assert {name: value for name, value in said.items() if value is not None} == {"success": False}


def test_the_rate_in_force_need_not_have_been_given() -> None:
    assert OURS["learning_rate"] == "0.02"
    assert row_of(OURS, WRITTEN)["learning_rate"] is None
    assert row_of({**OURS, "learning_rate": "0.03"}, WRITTEN)["learning_rate"] == 0.03


@pytest.mark.parametrize(
    ("kind", "text", "notation", "value"),
    [
        (Kind.INTEGER, " 512.0 ", Notation(), 512),
        (Kind.INTEGER, "-9223372036854775808", Notation(), -(2**63)),
        (Kind.NUMBER, "1e-05", Notation(), 1e-05),
        (Kind.NUMBER, "0,118", Notation(decimal_comma=True), 0.118),
        (Kind.NUMBER, "3521,552", Notation(decimal_comma=True), 3521.552),
        (Kind.TRUTH, "TRUE", Notation(), True),
        (Kind.TEXT, "'=1", Notation(), "'=1"),
        (Kind.TEXT, "'=1", Notation(apostrophes=True), "=1"),
        (Kind.TEXT, "a\r\nb", Notation(), "a\nb"),
        (Kind.LAYERS, '["a", "b"]', Notation(), ["a", "b"]),
        (Kind.LAYERS, "[]", Notation(), []),
        (Kind.PAIRS, "[[128, 60]]", Notation(), [[128, 60]]),
        (Kind.NUMBER, "  ", Notation(), None),
    ],
)
def test_values(kind: Kind, text: str, notation: Notation, value: object) -> None:
    read = value_of(kind, text, notation)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["1,000", "-12,345"])
def test_a_comma_that_may_be_either_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="can be read in two ways"):
        value_of(Kind.NUMBER, text, Notation(decimal_comma=True))


@pytest.mark.parametrize("text", ["=1", "'=1", "'''=1", "'tis", "'", "''", "a", "\t", "'\n", "@", "' @"])
def test_apostrophes_come_and_go(text: str) -> None:
    written = str(cell(Kind.TEXT, text))
    assert without_apostrophe(written) == text
    assert not written.lstrip().startswith(("=", "+", "-", "@"))


def test_the_header_is_the_first_systems_and_then_ours() -> None:
    assert ",".join(COLUMNS[:13]) == SAMPLE.decode().splitlines()[0]


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("learning_rate", "nan", "learning_rate is no finite number: 'nan'"),
        ("learning_rate", "1e999", "learning_rate is no finite number: inf"),
        ("learning_rate", "-1", "learning_rate: Input should be greater than 0"),
        ("Beta_1", "1.0", "beta_1: Input should be less than 1"),
        ("epochs", "9" * 4000, "epochs is no whole number"),
        ("epochs", "9" * 25, "epochs is a number of more than 64 bits"),
        ("epochs", "1_0", "epochs is no whole number: '1_0'"),
        ("epochs", "101", "evaluations.0: Input should be less than or equal to 10000"),
        ("time_to_output", "-1", "time_to_output is below zero: -1.0"),
        ("time_to_output", "", "it has no time_to_output"),
        ("created_at", "21.09.2020", "created_at is no day as in 2020-09-21: '21.09.2020'"),
        ("created_at", "2020-W39-1", "created_at is no day as in 2020-09-21"),
        ("created_at", "0001-01-01", "created_at is before 1970: '0001-01-01'"),
        ("success", "1", "success is neither True nor False: '1'"),
        ("content_layers", "__import__('os')", "content_layers is no list of names"),
        ("content_layers", "[" * 3000, "content_layers is no list of names"),
        ("content_layers", "['block9_conv1']", "content_layers: unknown layer 'relu9_1'"),
        ("content_picture_name", "a\0b", "content_picture_name has a NUL character"),
        ("output_name", "runs/42/result.png", "it is a run of Stylegram, whose other columns are missing"),
    ],
)
def test_values_of_the_first_system_that_cannot_be_right(column: str, text: str, reason: str) -> None:
    header, row, *_ = table(SAMPLE)
    cells = dict(zip(header, row, strict=True)) | {column: text}
    with closing(FirstSystem()) as first_system, pytest.raises(Malformed) as refusal:
        first_system.row_of(2, cells, Notation())
    assert reason in refusal.value.message


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("job_id", "../42", "job_id is no name of a job: '../42'"),
        ("job_id", "", "it has no job_id"),
        ("started_at", "2026-11-20T08:00:00", "started_at is a time without its zone"),
        ("started_at", "2026-11-20P08:00:00+00:00", "started_at is no time as in"),
        ("created_at", "2026-11-21", "created_at is 2026-11-21, while by what it follows from it is 2026-11-20"),
        ("epochs", "3", "epochs is 3, while by what it follows from it is 4"),
        ("score", "2.5", "score is 2.5, while by what it follows from it is "),
        ("size", "16", "size: Input should be greater than or equal to 32"),
        ("evaluations", "[200, true]", "evaluations is '[200, True]', which it cannot be"),
        ("evaluations", "{}", "evaluations is no list: '{}'"),
        ("durations", '{"a": 1, "a": 2}', "durations is not JSON that can be read"),
        ("durations", '{"\\ud800": 1}', "durations is not JSON that can be read"),
        ("durations", '{"\\u0000": 1}', "durations is not JSON that can be read"),
        ("durations", '{"a": NaN}', "durations is not JSON that can be read"),
        ("durations", '{"a": "b"}', "durations is not what it should be"),
        ("durations", "[" * 100_000, "durations is not JSON that can be read"),
        ("masks", '[{"sha256": "", "object_name": "", "name": "", "new": 1}]', "that this version does not know"),
        ("content_features", '{"brightness": 0.5}', "content_features is not what it should be"),
        ("width", "3000000000", "width is too large: 3000000000"),
        ("rating", "6", "rating is 6, not one of 1 … 5"),
        ("post_url", "javascript:alert(1)", "post_url is no address of a post: 'javascript:alert(1)'"),
        ("post_state", "lost", "post_state is not what it should be"),
        ("weights_digest", "e" * 65, "weights_digest has more than 64 characters"),
        ("origin", "a\nb", "does not say whose a record is"),
        ("reason", "a" * 131_073, "reason has more than 131072 characters"),
    ],
)
def test_values_of_ours_that_cannot_be_right(column: str, text: str, reason: str) -> None:
    with pytest.raises(Malformed) as refusal:
        row_of({**OURS, column: text}, WRITTEN)
    assert reason in refusal.value.message
