"""Long work that is not lost: a checkpoint every so often, and one when somebody asks to stop."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

from stylegram.common.errors import Interrupted, StylegramError
from stylegram.stylizer.engine import Step
from stylegram.stylizer.engine.memory import is_out_of_memory

_log = structlog.get_logger(__name__)


class Safekeeping:
    """Follows one run.

    Args:
        save: keeps a checkpoint, given its evaluation and its bytes.
        every_seconds: between two checkpoints; 0 makes none but the one at the end of interrupted work.
        stop: set to end the work.
    """

    def __init__(self, save: Callable[[int, bytes], None], every_seconds: float, stop: threading.Event) -> None:
        self._save = save
        self._every_seconds = every_seconds
        self._stop = stop
        self._last = time.monotonic()
        self._is_kept = False

    @property
    def is_kept(self) -> bool:
        """Whether the latest checkpoint that was due has been kept."""
        return self._is_kept

    def follow(self, step: Step, notes: Callable[[], Mapping[str, bytes]]) -> None:
        """Keep a checkpoint if it is time for one. One that cannot be made or kept is logged: the work is worth more.

        Args:
            step: the evaluation that is done.
            notes: what the checkpoint is to hold beside the engine's own state.

        Raises:
            Interrupted: `stop` is set; `is_kept` says whether the work up to here was kept.
        """
        if self._stop.is_set():
            self._keep(step, notes)
            raise Interrupted(
                f"The work was asked to stop, after {step.evaluation} of {step.evaluations} evaluations.",
                advice="" if self._is_kept else "What came since the checkpoint before, if there was one, is lost.",
            )
        if self._every_seconds and time.monotonic() - self._last >= self._every_seconds:
            self._keep(step, notes)
            self._last = time.monotonic()

    def _keep(self, step: Step, notes: Callable[[], Mapping[str, bytes]]) -> None:
        self._is_kept = False
        try:
            self._save(step.evaluation, step.checkpoint(notes()))
        except (StylegramError, OSError, MemoryError, RuntimeError) as error:
            # torch says in a RuntimeError that there is no memory, and that a GPU failed, too.
            if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                raise
            reason = str(error) or type(error).__name__
            _log.warning("checkpoint_lost", evaluation=step.evaluation, reason=reason)
        else:
            self._is_kept = True
