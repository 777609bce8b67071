from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import RunRecord
from stylegram.logger import rows
from stylegram.logger.tables import runs


def test_every_hyperparameter_and_every_fact_has_a_column() -> None:
    columns = set(runs.columns.keys())
    assert set(Hyperparameters.model_fields) <= columns
    renamed = {"precision": "precision_used", "evaluations": "evaluations_done"}
    apart = {"content", "style", "hyperparameters", "losses", "curve"}
    assert {renamed.get(name, name) for name in RunRecord.model_fields if name not in apart} <= columns


def test_columns_have_the_types_of_the_fields() -> None:
    types = {name: str(runs.columns[name].type) for name in Hyperparameters.model_fields}
    assert types["seed"] == types["size"] == "BIGINT"
    assert types["learning_rate"] == types["beta_1"] == types["style_weight"] == "DOUBLE"
    assert types["evaluations"] == types["content_layers"] == "JSON"
    assert types["optimizer"] == "TEXT"


def test_a_hyperparameter_that_an_old_row_lacks_has_its_default() -> None:
    row = dict.fromkeys(Hyperparameters.model_fields) | {"size": 64}
    assert rows.to_hyperparameters(row) == Hyperparameters(size=64)
