"""One picture from two files, with no state: what `stylegram stylize` does."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from PIL import Image

from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, InvalidImage, StylegramError
from stylegram.common.files import write_atomically
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.images import decode_image, encode_jpeg, encode_png
from stylegram.common.messages import StyleJob
from stylegram.common.records import AssetReference, LossPoint, RunRecord
from stylegram.stylizer.engine import Step, stylize
from stylegram.stylizer.engine.model_files import load_weights
from stylegram.stylizer.run_record import extend_curve, failed_record, snapshot_jpeg, succeeded_record
from stylegram.stylizer.settings import StylizerSettings

_ENCODERS: dict[str, Callable[[Image.Image], bytes]] = {".png": encode_png, ".jpg": encode_jpeg, ".jpeg": encode_jpeg}


def check_output(path: Path, *inputs: Path) -> None:
    """Refuse an output file that could not or should not be written, before the work and not after it.

    Raises:
        ConfigurationError: its name has an unknown ending, its folder is not there, or it is one of the inputs.
    """
    if path.suffix.lower() not in _ENCODERS:
        raise ConfigurationError(f"'{path}' has no known ending.", advice=f"Use one of {', '.join(_ENCODERS)}.")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"There is no folder '{path.parent}'.", advice="Make it first.")
    if path.exists() and any(path.samefile(each) for each in inputs):
        raise ConfigurationError(f"'{path}' is one of the pictures to paint from.", advice="Choose another --out.")


def stylize_files(
    content: Path,
    style: Path,
    out: Path,
    hyperparameters: Hyperparameters,
    settings: StylizerSettings,
    *,
    snapshots: Path | None,
    on_step: Callable[[Step], None],
) -> RunRecord:
    """Paint one file in the style of another.

    Args:
        content: the photograph.
        style: the painting.
        out: where the picture goes, whole or not at all; its ending chooses the format.
        hyperparameters: how.
        settings: weights, device, and how often a snapshot is taken.
        snapshots: folder for them; None takes none.
        on_step: called after each evaluation.

    Returns:
        The run's record; a run that failed has no picture, and its reason in the record.

    Raises:
        ConfigurationError: see `check_output`.
        InvalidImage: one of the files is no picture; the message names it.
        StylegramError: the weights cannot be loaded.
    """
    check_output(out, content, style)
    content_image, content_reference = _load(content)
    style_image, style_reference = _load(style)
    weights = load_weights(settings.weights, settings.weights_dir)
    job = StyleJob(
        job_id=str(uuid4()), content=content_reference, style=style_reference, hyperparameters=hyperparameters
    )
    started_at = utcnow()
    curve: list[LossPoint] = []

    def follow(step: Step) -> None:
        extend_curve(curve, step)
        if snapshots and (step.evaluation % settings.snapshot_every == 0 or step.evaluation == step.evaluations):
            write_atomically(snapshots / f"{step.evaluation:04d}.jpg", snapshot_jpeg(step))
        on_step(step)

    try:
        result = stylize(
            content_image,
            style_image,
            hyperparameters,
            on_step=follow,
            weights=weights,
            cache=settings.weights_dir,
            device=settings.device,
        )
    except StylegramError as error:
        return failed_record(job, error, started_at, weights, curve)
    write_atomically(out, _ENCODERS[out.suffix.lower()](result.image))
    return succeeded_record(job, result, started_at, curve)


def _load(path: Path) -> tuple[Image.Image, AssetReference]:
    try:
        data = path.read_bytes()
        image = decode_image(data).pixels
    except InvalidImage as error:
        raise InvalidImage(f"'{path}' cannot be used. {error.message}", advice=error.advice) from error
    except OSError as error:
        raise InvalidImage(f"'{path}' cannot be read: {error.strerror}.") from error
    reference = AssetReference(sha256=sha256(data).hexdigest(), object_name=str(path), name=path.name)
    return image, reference
