from dataclasses import fields
from importlib.resources import files
from io import StringIO

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostFeedback
from stylegram.common.ports import Feedback
from stylegram.common.records import Metrics, RunRecord
from stylegram.logger import rows
from stylegram.logger.tables import runs


def test_every_hyperparameter_and_every_fact_has_a_column() -> None:
    columns = set(runs.columns.keys())
    assert set(Hyperparameters.model_fields) <= columns
    assert {f"metric_{name}" for name in Metrics.model_fields} <= columns
    renamed = {"precision": "precision_used", "evaluations": "evaluations_done"}
    apart = {"content", "style", "hyperparameters", "losses", "metrics", "curve"}
    assert {renamed.get(name, name) for name in RunRecord.model_fields if name not in apart} <= columns


def test_all_that_is_told_of_posts_has_a_column() -> None:
    told = {field.name for field in fields(Feedback)}
    assert {f"post_{name}" for name in told} <= set(runs.columns.keys())
    assert told <= set(PostFeedback.model_fields)


def test_columns_have_the_types_of_the_fields() -> None:
    types = {name: str(column.type) for name, column in runs.columns.items()}
    assert types["seed"] == types["size"] == "BIGINT"
    assert types["learning_rate"] == types["beta_1"] == types["style_weight"] == types["brush_scale"] == "DOUBLE"
    assert types["evaluations"] == types["content_layers"] == types["schedule"] == types["style_weights"] == "JSON"
    assert types["optimizer"] == types["backbone"] == "TEXT"
    assert types["recolor"] == "BOOLEAN"
    assert (types["metric_ssim"], types["metric_layer_errors"]) == ("DOUBLE", "JSON")


def test_null_is_the_default_of_every_hyperparameter_that_may_be_none() -> None:
    # Null also stands for one that was not there at the time: as anything else, None would not come back.
    defaults = Hyperparameters()
    for name, field in Hyperparameters.model_fields.items():
        if type(None) in getattr(field.annotation, "__args__", ()):
            assert getattr(defaults, name) is None, name


def test_a_hyperparameter_that_an_old_row_lacks_has_its_default() -> None:
    row = dict.fromkeys(Hyperparameters.model_fields) | {"size": 64}
    assert rows.to_hyperparameters(row) == Hyperparameters(size=64)


def migrations() -> list[Script]:
    """Oldest first."""
    scripts = ScriptDirectory(str(files("stylegram.logger") / "migrations"))
    return list(scripts.walk_revisions())[::-1]


@pytest.mark.parametrize("migration", migrations(), ids=lambda migration: migration.revision)
def test_migrations_are_written_for_postgresql_too(migration: Script) -> None:
    sql = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sql, "transactional_ddl": True}
    )
    with Operations.context(context):
        migration.module.upgrade()
        migration.module.downgrade()
    assert sql.getvalue()
    assert "DOUBLE" not in sql.getvalue().replace("DOUBLE PRECISION", ""), "PostgreSQL's name of it is longer"
