"""What became of an import."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_PROBLEMS = 1000
"""How many problems a report lists; all are counted."""

FormatName = Literal["NST_instagram", "csv", "parquet"]


class Problem(BaseModel):
    """A row that was not imported as it is."""

    model_config = ConfigDict(frozen=True)

    line: int = Field(description="The line on which the row begins, as editors count; in Parquet, the row's number.")
    kind: Literal["refused", "different"] = Field(
        description="refused: it cannot be right. different: a run with its id is known and says something else."
    )
    reason: str = Field(description="What is wrong with it.")


class ImportReport(BaseModel):
    """What became of the rows of a file."""

    model_config = ConfigDict(frozen=True)

    format: FormatName = Field(description="What the file is, by its content; NST_instagram is that system's logs.csv.")
    added: int = Field(description="Rows that are new here.")
    known: int = Field(description="Rows that say nothing new.")
    different: int = Field(
        description="Rows with the id of a run that is known and says something else; it stays as it is."
    )
    refused: int = Field(description="Rows that cannot be right.")
    ignored_columns: list[str] = Field(description="Columns that nobody here knows; they were left out.")
    problems: list[Problem] = Field(description=f"The first {MOST_PROBLEMS} rows that are different or refused.")
    dry_run: bool = Field(description="Whether it was only looked at: nothing was kept.")


@dataclass
class Tally:
    """Counts while an import goes on."""

    added: int = 0
    known: int = 0
    different: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Count a row that cannot be right."""
        self.refused += 1
        self._note(Problem(line=line, kind="refused", reason=reason))

    def differ(self, line: int, reason: str) -> None:
        """Count a row that contradicts what is known."""
        self.different += 1
        self._note(Problem(line=line, kind="different", reason=reason))

    def report(self, format_name: FormatName, ignored_columns: list[str], *, dry_run: bool) -> ImportReport:
        """The counts as they are now."""
        return ImportReport(
            format=format_name,
            added=self.added,
            known=self.known,
            different=self.different,
            refused=self.refused,
            ignored_columns=ignored_columns,
            # Rows are judged one by one, and compared with what is known some at a time.
            problems=sorted(self.problems, key=lambda problem: problem.line),
            dry_run=dry_run,
        )

    def _note(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
