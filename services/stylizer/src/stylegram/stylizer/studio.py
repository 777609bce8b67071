"""What all jobs on one worker are painted with."""

import threading
from dataclasses import dataclass
from pathlib import Path

import torch

from stylegram.common.ports import Broker, Storage
from stylegram.stylizer.engine.weights import Weights


@dataclass(frozen=True)
class Studio:
    """The worker's equipment.

    Args:
        broker: hears of starts, progress and ends.
        storage: holds the assets and takes the artifacts.
        weights: the backbone.
        cache: folder of model files.
        device: where to compute; a GPU where there is one, if None.
        snapshot_every: evaluations between two snapshots.
        stop: set to end the work at the next evaluation; its message goes back.
    """

    broker: Broker
    storage: Storage
    weights: Weights
    cache: Path
    device: torch.device | str | None
    snapshot_every: int
    stop: threading.Event
