"""Advice from the record that lies in the same database: on a laptop nobody has to be asked over HTTP."""

from dataclasses import replace

from sqlalchemy import Engine

from stylegram.common.advice import Advice
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.settings import IngestSettings


class RecordAdvisor:
    """The logger's advice, without the logger's API; see `Advisor`.

    Args:
        engine: the database, with the logger's tables up to date.
        study: the study that is asked; the best that is known where None.
        exploration: how often something new is tried instead of the best that is known, 0 … 1.
    """

    def __init__(self, engine: Engine, study: str | None, exploration: float) -> None:
        self._engine = engine
        self.study = study
        self.exploration = exploration

    def advise(
        self, base: Hyperparameters, content: AssetReference, style: AssetReference, *, fixed: frozenset[str]
    ) -> Advice:
        """See `Advisor`."""
        # Loads the library that studies are made with, for which no other command is to wait.
        from stylegram.logger.suggestions.advice import advise

        return advise(self._engine, base, content, style, study=self.study, exploration=self.exploration, fixed=fixed)


def advised_by_record(ingest: Ingest, settings: IngestSettings) -> Ingest:
    """Ingest, with its daily pictures painted as the record in its own database advises.

    Args:
        ingest: on a database that the logger has too.
        settings: name the study, and how often something new is tried.
    """
    return replace(ingest, advisor=RecordAdvisor(ingest.engine, settings.study, settings.exploration_rate))
