"""`logs.csv`: every run in a table that opens in a spreadsheet.

The first thirteen columns are those of the `logs.csv` of NST_instagram, in its order and its terms, so that what
reads the one reads the other:

- `created_at` is the day on which the run started, in UTC; `time_to_output` is in seconds.
- `epochs` are hundreds of evaluations, planned and rounded up: an epoch there was a hundred steps.
- `learning_rate` is the one in force, `Beta_1` is Adam's, given for other optimisers too.
- The layers go by their Keras names: `relu4_2` is `block4_conv2`.

After them comes every other column of the table of runs, but for the single readings of which `post_likes` and its
like are the sums.
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from stylegram.common import artifacts
from stylegram.common.files import write_atomically
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.logger.rows import to_hyperparameters
from stylegram.logger.tables import READINGS, runs

_Row = Mapping[str, Any]
_EVALUATIONS_PER_EPOCH = 100

_ORIGINAL: dict[str, Callable[[_Row], object]] = {
    "style_picture_name": lambda row: row["style_name"],
    "content_picture_name": lambda row: row["content_name"],
    "created_at": lambda row: row["started_at"].date().isoformat(),
    "learning_rate": lambda row: to_hyperparameters(row).step_size,
    "Beta_1": lambda row: row["beta_1"],
    "epochs": lambda row: math.ceil(_planned(to_hyperparameters(row)) / _EVALUATIONS_PER_EPOCH),
    "style_weight": lambda row: row["style_weight"],
    "content_weight": lambda row: row["content_weight"],
    "output_name": lambda row: artifacts.result(row["job_id"]) if row["outcome"] == "succeeded" else None,
    "time_to_output": lambda row: row["seconds"],
    "content_layers": lambda row: _keras(row["content_layers"]),
    "style_layers": lambda row: _keras(row["style_layers"]),
    "success": lambda row: row["outcome"] == "succeeded",
}
# Said by the columns above, if not always in the same words.
_SAID = {
    *("style_name", "content_name", "learning_rate", "beta_1", "style_weight", "content_weight", "seconds"),
    *("content_layers", "style_layers", "outcome"),
}
_OURS = [column.name for column in runs.columns if column.name not in _SAID | {READINGS}]

COLUMNS = (*_ORIGINAL, *_OURS)
"""The header, in order."""

# A spreadsheet takes such a text for a formula; the full-width forms work in East Asian editions.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\n]")


def write_logs_csv(rows: Iterable[_Row], path: Path) -> None:
    """Replace the file by the rows of the table of runs, in their order.

    UTF-8. A text that a spreadsheet would run as a formula gets an apostrophe before it.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = (*(value(row) for value in _ORIGINAL.values()), *(row[name] for name in _OURS))
        writer.writerow([_cell(value) for value in values])
    write_atomically(path, text.getvalue().encode())


def _cell(value: object) -> object:
    match value:
        case dict() | list():
            return json.dumps(value)
        case datetime():
            return value.isoformat()
        case str():
            # The csv module quotes a text for the line ends that it writes itself, and for no other.
            text = re.sub(r"\r\n?", "\n", value)
            return f"'{text}" if _FORMULA.match(text) else text
    return value


def _planned(hyperparameters: Hyperparameters) -> int:
    return sum(evaluations for _, evaluations in hyperparameters.scales)


def _keras(layers: Iterable[str]) -> str:
    return str([re.sub(r"relu(\d)_(\d)", r"block\1_conv\2", layer) for layer in layers])
