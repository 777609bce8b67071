"""Rows of the `logs.csv` of NST_instagram, the system that came before, as rows of the table of runs.

It painted with VGG-19 at 720 pixels, by Adam with an epsilon of 0.1, from the photograph; a picture with NaN or
infinity in it was a failure. What it did is told in our terms where they mean the same. Its weights stand as they were
given, though its losses were scaled otherwise: they compare with one another.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from stylegram.common import artifacts
from stylegram.common.errors import NonFinite
from stylegram.logger.exchange.cells import Malformed, Notation
from stylegram.logger.exchange.columns import BY_NAME, ORIGINAL_NAMES
from stylegram.logger.exchange.logs_csv import cell
from stylegram.logger.exchange.our_rows import EMPTY, checked_hyperparameters, value_at

ENGINE = "NST_instagram"
"""What painted, and whose record it is unless somebody says otherwise."""

_IDS = uuid5(NAMESPACE_OID, "NST_instagram")
_STEPS_PER_EPOCH = 100
_OUR_PICTURE = re.compile(re.escape(artifacts.result("JOB")).replace("JOB", ".+"))
_ALWAYS = {
    "optimizer": "adam",
    "epsilon": 0.1,
    "start": "content",
    "size": 720,
    "pooling": "max",
    "backbone": "vgg19",
    "schedule": [],
    "tv_weight": 0.0,
}


class FirstSystem:
    """Reads rows; of equal ones each is a run of its own, and the same one when the file is read again."""

    def __init__(self) -> None:
        # On disk beyond a few megabytes, and gone in the end.
        self._seen = sqlite3.connect("")
        self._seen.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")

    def row_of(self, line: int, cells: Mapping[str, object], notation: Notation) -> dict[str, Any]:
        """The row of the table that a row of the file says.

        Args:
            line: of the file, on which it stands.
            cells: by the columns' names, of which there are all.
            notation: how they are written.

        Raises:
            Malformed: a value cannot be right; the message names it.
        """
        said = {name: value_at(name, cells[name], notation) for name in ORIGINAL_NAMES}
        if missing := [name for name, value in said.items() if value is None]:
            raise Malformed(f"it has no {' and no '.join(missing)}")
        if _OUR_PICTURE.fullmatch(said["output_name"]):
            raise Malformed("it is a run of Stylegram, whose other columns are missing")
        if said["time_to_output"] < 0:
            raise Malformed(f"time_to_output is below zero: {said['time_to_output']}")
        row = dict(EMPTY) | {field: said[name] for name in ORIGINAL_NAMES if (field := BY_NAME[name].field)}
        row |= _ALWAYS | {"evaluations": [_STEPS_PER_EPOCH * said["epochs"]], "engine_version": ENGINE}
        row |= checked_hyperparameters(row)
        if said["success"]:
            row["outcome"] = "succeeded"
        else:
            row |= {"outcome": "failed", "error_code": NonFinite.code, "reason": "NaN or infinity in the picture"}
        # Only the day is known: what is added to it keeps the order of the lines.
        row["started_at"] = datetime.combine(said["created_at"], time(tzinfo=UTC)) + timedelta(microseconds=line)
        return row | {"job_id": self._id(said)}

    def close(self) -> None:
        """Forget what was read."""
        self._seen.close()

    def _id(self, said: Mapping[str, Any]) -> str:
        """An id that follows from the values, however they were written, and how many equal rows came before."""
        values = [str(cell(BY_NAME[name].kind, said[name])) for name in ORIGINAL_NAMES]
        same = uuid5(_IDS, json.dumps(values))
        count = "INSERT INTO seen VALUES (?, 0) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
        [(before,)] = self._seen.execute(count, (same.bytes,))
        return str(uuid5(same, str(before)))
