"""What a run gathers on its way beside its picture: its curve, the frames of its film, where it was interrupted."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from stylegram.common.errors import InvalidCheckpoint
from stylegram.common.records import LossPoint
from stylegram.stylizer.engine import Step
from stylegram.stylizer.engine.checkpoint import Checkpoint
from stylegram.stylizer.engine.images import Size
from stylegram.stylizer.timelapse import Frame, Timelapse

_TEXT = "log"
_FRAME = "frame."


class _Text(BaseModel):
    curve: tuple[LossPoint, ...]
    resumed_at: tuple[int, ...]


class Logbook:
    """Follows one run; a checkpoint's notes keep it whole.

    Args:
        film_size: width and height of the finished picture, to collect a film's frames; None collects none.
    """

    def __init__(self, film_size: Size | None = None) -> None:
        self._film_size = film_size
        self.curve: tuple[LossPoint, ...] = ()
        self.resumed_at: tuple[int, ...] = ()
        self.timelapse = Timelapse(film_size) if film_size else None

    def add(self, step: Step) -> None:
        """Write the step down."""
        losses = {name: step.losses[name] for name in ("total", "content", "style", "tv")}
        self.curve += (LossPoint(evaluation=step.evaluation, size=max(step.size), **losses),)
        if self.timelapse:
            self.timelapse.add(step.evaluation, lambda: step.image)

    def notes(self) -> dict[str, bytes]:
        """All of it, for `Step.checkpoint`."""
        frames = self.timelapse.frames if self.timelapse else ()
        text = _Text(curve=self.curve, resumed_at=self.resumed_at).model_dump_json().encode()
        return {_TEXT: text} | {f"{_FRAME}{frame.evaluation:06d}": frame.jpeg for frame in frames}

    def resume(self, checkpoint: bytes) -> None:
        """Go on as it was when the checkpoint was made.

        Raises:
            InvalidCheckpoint: it is damaged, or holds no logbook.
        """
        notes = Checkpoint.unpack(checkpoint).notes
        try:
            text = _Text.model_validate_json(notes[_TEXT])
            frames = _frames(notes)
            resumed_at = text.curve[-1].evaluation
        except (KeyError, IndexError, ValidationError, ValueError) as error:
            raise InvalidCheckpoint("The checkpoint lacks the notes of how the run went.") from error
        self.curve, self.resumed_at = text.curve, (*text.resumed_at, resumed_at)
        if self._film_size:
            self.timelapse = Timelapse(self._film_size, frames=frames)


def _frames(notes: Mapping[str, bytes]) -> list[Frame]:
    return [Frame(int(name.removeprefix(_FRAME)), notes[name]) for name in sorted(notes) if name.startswith(_FRAME)]
