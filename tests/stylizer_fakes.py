"""A stylizer's surroundings: a VGG-19 of seeded random numbers, small pictures, and a house for the worker."""

import threading
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.consumer import Consumer
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Message, StyleJob, decode
from stylegram.common.records import AssetReference
from stylegram.common.topology import QUEUES, STYLIZER_JOBS, Queue
from stylegram.stylizer.engine.weights import CONVOLUTIONS, WIDTHS, StateDict, Weights
from stylegram.stylizer.studio import Studio as Equipment
from stylegram.stylizer.worker import Worker

CPU = torch.device("cpu")
EVENTS = Queue("test.events", ("job.*",))
SHALLOW = {"content_layers": ("relu2_1",), "style_layers": ("relu1_1", "relu2_1")}
"""Layers that cost next to nothing."""


def random_state(seed: int = 0) -> StateDict:
    """A VGG-19 whose activations stay of one size through all layers (He et al. 2015, eq. 10)."""
    generator = torch.Generator().manual_seed(seed)
    state: StateDict = {}
    inputs = 3
    for index, width in zip(CONVOLUTIONS, WIDTHS, strict=True):
        kernels = torch.randn(width, inputs, 3, 3, generator=generator)
        state[f"features.{index}.weight"] = kernels * (2 / (9 * inputs)) ** 0.5
        state[f"features.{index}.bias"] = torch.randn(width, generator=generator) * 0.1
        inputs = width
    return state


def random_pixels(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Noise, shape (1, 3, height, width), in 0 … 1."""
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def picture(width: int = 64, height: int = 64, seed: int = 0) -> Image.Image:
    """Soft coloured blobs with some grain: smooth like a photograph, and no two seeds alike."""
    random = np.random.default_rng(seed)
    blobs = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    pixels = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray((pixels + random.integers(-12, 13, pixels.shape)).clip(0, 255).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    """The picture's bytes."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Studio:
    """Everything that outlives a worker: the queues and the pictures; and workers in it."""

    folder: Path
    weights: Weights
    broker: SqliteBroker
    storage: FolderStorage
    stop: threading.Event = field(default_factory=threading.Event)

    def job(self, job_id: str = "42", *, size: int = 32, evaluations: tuple[int, ...] = (2, 2)) -> StyleJob:
        """A cheap job whose assets are in storage."""
        content, style = self.asset("me.png", picture(seed=1)), self.asset("storm.png", picture(seed=2))
        hyperparameters = Hyperparameters(size=size, evaluations=evaluations, **SHALLOW)
        return StyleJob(job_id=job_id, content=content, style=style, hyperparameters=hyperparameters)

    def asset(self, name: str, image: Image.Image) -> AssetReference:
        """The picture, in storage."""
        data = png(image)
        reference = AssetReference(sha256=sha256(data).hexdigest(), object_name=f"assets/{name}", name=name)
        if not self.storage.stat(reference.object_name):
            self.storage.write(reference.object_name, data, content_type="image/png")
        return reference

    def equipment(self, *, snapshot_every: int = 20, weights: Weights | None = None) -> Equipment:
        """What a worker here paints with."""
        return Equipment(
            broker=self.broker,
            storage=self.storage,
            weights=weights or self.weights,
            cache=self.folder / "cache",
            device="cpu",
            snapshot_every=snapshot_every,
            stop=self.stop,
        )

    def worker(self, *, snapshot_every: int = 20, weights: Weights | None = None) -> Worker:
        """A new worker."""
        return Worker(self.equipment(snapshot_every=snapshot_every, weights=weights))

    def consumer(self, worker: Worker) -> Consumer:
        """The worker at its queue."""
        return Consumer(self.broker, STYLIZER_JOBS, worker.handle, stop=self.stop, attempts=3, on_dead=worker.give_up)

    def events(self) -> list[Message]:
        """What has been said since this was asked last."""
        said = []
        while delivery := self.broker.receive(EVENTS.name):
            said.append(decode(delivery.body))
            self.broker.ack(delivery)
        return said

    def runs(self) -> list[str]:
        """Names of the artifacts in storage."""
        return [stored.name for stored in self.storage.list("runs/")]


def open_studio(folder: Path, weights: Weights) -> Studio:
    """A new one in `folder`."""
    broker = SqliteBroker(None)
    broker.declare([*QUEUES, EVENTS])
    return Studio(folder, weights, broker, FolderStorage(folder / "storage"))
