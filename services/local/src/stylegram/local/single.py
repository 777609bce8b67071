"""One picture from files, with no state but a checkpoint where one is asked for: what `stylegram stylize` does."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import structlog
from PIL import Image

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    ConfigurationError,
    Interrupted,
    InvalidCheckpoint,
    InvalidHyperparameters,
    StylegramError,
)
from stylegram.common.files import write_atomically
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import StyleJob
from stylegram.common.picture_features import features_of
from stylegram.common.records import AssetReference, RunRecord
from stylegram.common.service import run_until_signalled
from stylegram.local.files import check_folder, check_output, read_picture, write_picture
from stylegram.stylizer.device import device_errors
from stylegram.stylizer.engine import Result, Step, stylize
from stylegram.stylizer.engine.images import fit
from stylegram.stylizer.engine.models.shelf import WeightsShelf, load_weights
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.logbook import Logbook
from stylegram.stylizer.run_record import failed_record, is_snapshot_due, snapshot_jpeg, succeeded_record
from stylegram.stylizer.safekeeping import Safekeeping
from stylegram.stylizer.settings import StylizerSettings
from stylegram.stylizer.timelapse import Timelapse

_log = structlog.get_logger(__name__)

FILMS: Mapping[str, Callable[[Timelapse], bytes]] = MappingProxyType({".mp4": Timelapse.mp4, ".gif": Timelapse.gif})
"""Lower-case ending of a film's file to what makes it."""


@dataclass(frozen=True)
class Pictures:
    """The files that a picture is painted from.

    Args:
        content: the photograph.
        styles: the paintings, one at least.
        masks: for each painting where it goes, white where it does; None for one that goes everywhere. Or none.
        start_image: what a start from an image starts from.
    """

    content: Path
    styles: Sequence[Path]
    masks: Sequence[Path | None] = ()
    start_image: Path | None = None

    @property
    def all(self) -> list[Path]:
        """Every one of them."""
        return [self.content, *self.styles, *filter(None, self.masks), *filter(None, [self.start_image])]


@dataclass(frozen=True)
class Outputs:
    """The files that are written.

    Args:
        picture: its ending chooses the format.
        films: of how it came about; their endings are of `FILMS`.
        snapshots: folder for them; None takes none.
        checkpoint: what an interrupted run goes on from; gone when the picture is done. None keeps none.
    """

    picture: Path
    films: Sequence[Path] = ()
    snapshots: Path | None = None
    checkpoint: Path | None = None

    @property
    def beside(self) -> list[Path]:
        """The files beside the picture whose names were chosen."""
        return [*self.films, *filter(None, [self.checkpoint])]


def stylize_files(
    pictures: Pictures,
    outputs: Outputs,
    hyperparameters: Hyperparameters,
    settings: StylizerSettings,
    *,
    on_step: Callable[[Step], None],
) -> RunRecord:
    """Paint a file in the style of others.

    With a checkpoint, SIGINT and SIGTERM end the work after the evaluation under way, and so this must be called on
    the main thread.

    Args:
        pictures: from what.
        outputs: where to. The picture is there whole or not at all; a film or a snapshot that cannot be made is only
            warned of.
        hyperparameters: how.
        settings: weights, device, and how often snapshots and checkpoints are taken.
        on_step: called after each evaluation.

    Returns:
        The run's record; a run that failed has no picture, and its reason in the record.

    Raises:
        ConfigurationError: see `check_output`; or a film's ending is unknown, or the snapshots' folder takes no files.
        InvalidHyperparameters: the weights are of another backbone, or there is a start image and another start.
        InvalidImage: one of the files is no picture; the message names it.
        InvalidCheckpoint: the file is none, or of another run.
        Interrupted: by a signal; the message says whether the checkpoint holds the work so far.
        StylegramError: the weights cannot be loaded, or the picture cannot be written.
    """
    check_output(outputs.picture, *pictures.all, beside=outputs.beside)
    _check_films(outputs.films)
    if outputs.snapshots:
        check_folder(outputs.snapshots)
    if pictures.start_image and hyperparameters.start != "image":
        raise InvalidHyperparameters(
            f"There is a picture to start from, '{pictures.start_image}', but start={hyperparameters.start}.",
            advice="Leave one of --start-image and --set start=… away.",
        )
    content, content_reference = _load(pictures.content)
    styles, style_references = zip(*map(_load, pictures.styles), strict=True)
    masks = [None if mask is None else _load(mask) for mask in pictures.masks]
    start_image = None if pictures.start_image is None else _load(pictures.start_image)
    job = StyleJob(
        job_id=str(uuid4()),
        content=_measured(content, content_reference),
        style=_measured(styles[0], style_references[0]),
        further_styles=tuple(map(_measured, styles[1:], style_references[1:])),
        masks=tuple(mask and mask[1] for mask in masks),
        start_image=start_image and start_image[1],
        hyperparameters=hyperparameters,
    )
    started_at, before = utcnow(), time.monotonic()
    weights = _weights(settings, hyperparameters.backbone)
    load_seconds = time.monotonic() - before
    run = _Run(outputs, settings, Logbook(fit(content.size, hyperparameters.size) if outputs.films else None), on_step)
    try:
        result = run.paint(
            partial(
                stylize,
                content,
                styles,
                hyperparameters,
                masks=[mask and mask[0] for mask in masks],
                start_image=start_image and start_image[0],
                weights=weights,
                cache=settings.weights_dir,
                device=settings.device,
            )
        )
    except (InvalidCheckpoint, Interrupted):
        raise
    except StylegramError as error:
        return failed_record(job, error, started_at, weights, run.logbook)
    write_picture(outputs.picture, result.pixels)
    run.finish(result)
    return succeeded_record(job, result, started_at, run.logbook, load_seconds=load_seconds)


class _Run:
    """One run, and the files beside its picture."""

    def __init__(
        self, outputs: Outputs, settings: StylizerSettings, logbook: Logbook, on_step: Callable[[Step], None]
    ) -> None:
        self.logbook = logbook
        self._outputs = outputs
        self._every = settings.snapshot_every
        self._tell = on_step
        self._stop = threading.Event()
        self._safekeeping = Safekeeping(self._save, settings.checkpoint_seconds, self._stop)

    def paint(self, work: Callable[..., Result]) -> Result:
        """Do the work, or what is left of it."""
        if not (path := self._outputs.checkpoint):
            with device_errors():
                return work(on_step=self._on_step)
        checkpoint = self._resumed(path)
        results: list[Result] = []

        def paint() -> None:
            with device_errors():
                results.append(work(on_step=self._on_step, resume=checkpoint))

        try:
            run_until_signalled(paint, stop=self._stop)
        except InvalidCheckpoint as error:
            # Its notes were read, and so it is one of ours.
            raise _useless(path, error, "Delete it to begin anew, or choose another --checkpoint.") from error
        except Interrupted as error:
            if not self._safekeeping.is_kept:
                raise
            raise Interrupted(
                f"{error.message} '{path}' holds the work so far.", advice="The same command again goes on."
            ) from None
        return results[0]

    def finish(self, result: Result) -> None:
        """Make the films of a picture that is done, and let its checkpoint go."""
        if timelapse := self.logbook.timelapse:
            timelapse.add(result.evaluations, lambda: result.image, last=True)
            for path in self._outputs.films:
                try:
                    write_atomically(path, FILMS[path.suffix.lower()](timelapse))
                except Exception as error:  # whatever a video library raises, the picture is worth more than its film
                    _log.warning("timelapse_failed", path=str(path), reason=str(error) or type(error).__name__)
        if self._outputs.checkpoint:
            with suppress(OSError):  # what stays costs room, and nothing else
                self._outputs.checkpoint.unlink()

    def _resumed(self, path: Path) -> bytes | None:
        try:
            checkpoint = path.read_bytes()
            self.logbook.resume(checkpoint)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"The checkpoint '{path}' cannot be read: {error.strerror}.", advice="Choose another --checkpoint."
            ) from error
        except InvalidCheckpoint as error:
            # It may be anybody's file, and dear to them.
            raise _useless(path, error, "Choose another --checkpoint.") from error
        return checkpoint

    def _save(self, _: int, checkpoint: bytes) -> None:
        assert self._outputs.checkpoint
        write_atomically(self._outputs.checkpoint, checkpoint)

    def _on_step(self, step: Step) -> None:
        self.logbook.add(step)
        if (folder := self._outputs.snapshots) and (
            is_snapshot_due(step, self._every) or step.evaluation == step.evaluations
        ):
            path = folder / f"{step.evaluation:04d}.jpg"
            try:
                write_atomically(path, snapshot_jpeg(step))
            except OSError as error:
                _log.warning("snapshot_failed", path=str(path), reason=str(error))
        self._tell(step)
        if self._outputs.checkpoint:
            self._safekeeping.follow(step, self.logbook.notes)


def _check_films(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.suffix.lower() not in FILMS:
            raise ConfigurationError(
                f"'{path.suffix}' is no known ending of a film's file.", advice=f"Use one of {', '.join(FILMS)}."
            )


def _weights(settings: StylizerSettings, backbone: str) -> Weights:
    if settings.weights is None:
        return WeightsShelf(settings.weights_dir).get(backbone)
    weights = load_weights(settings.weights, settings.weights_dir)
    if weights.backbone != backbone:
        raise InvalidHyperparameters(
            f"The weights '{weights.name}' are a {weights.backbone}, and backbone={backbone}.",
            advice=f"Add --set backbone={weights.backbone}, or choose other weights.",
        )
    return weights


def _useless(path: Path, error: InvalidCheckpoint, advice: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(f"'{path}' cannot be gone on from. {error.message}", advice=advice)


def _load(path: Path) -> tuple[Image.Image, AssetReference]:
    image, data = read_picture(path)
    return image, AssetReference(sha256=sha256(data).hexdigest(), object_name=str(path), name=path.name)


def _measured(image: Image.Image, reference: AssetReference) -> AssetReference:
    return reference.model_copy(update={"features": features_of(image)})
