"""Long work that is not lost: a checkpoint every so often, and one when somebody asks to stop."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

from stylegram.common.errors import Interrupted, StylegramError
from stylegram.stylizer.engine import Step

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

    def follow(self, step: Step, notes: Callable[[], Mapping[str, bytes]]) -> None:
        """Keep a checkpoint if it is time for one.

        Args:
            step: the evaluation that is done.
            notes: what the checkpoint is to hold beside the engine's own state.

        Raises:
            Interrupted: `stop` is set; the work up to here has been kept.
            StylegramError: `stop` is set, and the work could not be kept.
        """
        if self._stop.is_set():
            self._save(step.evaluation, step.checkpoint(notes()))
            raise Interrupted(f"The work was asked to stop, after {step.evaluation} of {step.evaluations} evaluations.")
        if not self._every_seconds or time.monotonic() - self._last < self._every_seconds:
            return
        try:
            self._save(step.evaluation, step.checkpoint(notes()))
        except StylegramError as error:  # the work itself is worth more
            _log.warning("checkpoint_lost", evaluation=step.evaluation, reason=str(error))
        self._last = time.monotonic()
