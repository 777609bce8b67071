import pytest

from stylegram.common.hyperparameters import Hyperparameters, parse_assignments, parse_hyperparameters
from stylegram.local.hyperparameter_table import Row, rows

ROWS = rows()
VALUES = {row.name: row.values for row in ROWS}


def test_every_hyperparameter_has_its_row() -> None:
    assert [row.name for row in ROWS] == list(Hyperparameters.model_fields)
    assert all(row.default and row.values and row.description for row in ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if row.default != "–"], ids=lambda row: row.name)
def test_a_default_is_written_as_one_would_set_it(row: Row) -> None:
    field = getattr(Hyperparameters(), row.name)
    assert field or isinstance(field, bool | int), "what is not set has a dash"
    assert parse_hyperparameters(parse_assignments([f"{row.name}={row.default}"])) == Hyperparameters()


@pytest.mark.parametrize("row", [row for row in ROWS if row.default == "–"], ids=lambda row: row.name)
def test_a_dash_is_what_is_not_set(row: Row) -> None:
    assert getattr(Hyperparameters(), row.name) in (None, ())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("optimizer", "lbfgs | adam"),
        ("greyscale", "true | false"),
        ("learning_rate", "> 0, ≤ 100"),
        ("style_layers", "0 … 16 of them"),
        ("style_weights", "each ≥ 0, ≤ 1e+12; 0 … 16 of them"),
        ("schedule", "each (≥ 32, ≤ 4096):(≥ 0, ≤ 10000); 0 … 8 of them"),
    ],
)
def test_values_are_told_for_every_kind(name: str, values: str) -> None:
    assert VALUES[name] == values
