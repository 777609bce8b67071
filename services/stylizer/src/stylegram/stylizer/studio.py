"""What all jobs on one worker are painted with."""

import threading
from dataclasses import dataclass
from pathlib import Path

import torch

from stylegram.common.ports import Broker, Storage
from stylegram.stylizer.engine.models.shelf import WeightsShelf


@dataclass(frozen=True)
class Studio:
    """The worker's equipment.

    Args:
        broker: hears of starts, progress and ends.
        storage: holds the assets and takes the artifacts.
        shelf: the backbones.
        cache: folder of model files.
        device: where to compute; a GPU where there is one, if None.
        snapshot_every: evaluations between two snapshots; None has `run_record.is_snapshot_due` choose.
        checkpoint_seconds: between two checkpoints; 0 makes none but the one at a request to stop.
        job_seconds: what an attempt at a job may take that sets no limit itself.
        timelapse: whether films are made.
        stop: set to end the work at the next evaluation; its message goes back.
    """

    broker: Broker
    storage: Storage
    shelf: WeightsShelf
    cache: Path
    device: torch.device | str | None
    snapshot_every: int | None
    checkpoint_seconds: float
    job_seconds: float
    timelapse: bool
    stop: threading.Event
