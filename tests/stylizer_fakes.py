"""A stylizer's surroundings: a VGG of seeded random numbers, small pictures, and a house for the worker."""

import threading
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save as save_safetensors

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.consumer import Consumer
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Message, StyleJob, decode
from stylegram.common.records import AssetReference
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES, Queue
from stylegram.stylizer.engine.models.model_files import PHOTOGRAPHS
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import StateDict, Weights, shapes_of
from stylegram.stylizer.studio import Studio as Equipment
from stylegram.stylizer.worker import Worker

CPU = torch.device("cpu")
EVENTS = Queue("test.events", ("job.*",))
SHALLOW = {"content_layers": ("relu2_1",), "style_layers": ("relu1_1", "relu2_1")}
"""Layers that cost next to nothing."""


def random_state(seed: int = 0, backbone: str = "vgg19") -> StateDict:
    """A network whose activations stay of one size through all layers (He et al. 2015, eq. 10)."""
    generator = torch.Generator().manual_seed(seed)
    state: StateDict = {}
    for name, shape in shapes_of(backbone).items():
        numbers = torch.randn(shape, generator=generator)
        state[name] = numbers * (2 / (9 * shape[1])) ** 0.5 if len(shape) == 4 else numbers * 0.1
    return state


def random_pixels(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Noise, shape (1, 3, height, width), in 0 … 1."""
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def put_photographs(cache: Path) -> None:
    """Two small ones of noise, in the place of those that backbones are normalised on."""
    pixels = torch.cat([random_pixels(32, 32, seed) for seed in range(2)])
    data = save_safetensors({"photographs": (pixels * 255).byte().permute(0, 2, 3, 1).contiguous()})
    (cache / PHOTOGRAPHS.filename).write_bytes(data)
    note = f"{sha256(data).hexdigest()}  {PHOTOGRAPHS.filename}\n"
    (cache / f"{PHOTOGRAPHS.filename}.sha256").write_text(note)


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


class Shelf(WeightsShelf):
    """One that holds these weights, and nothing else."""

    def __init__(self, weights: Weights) -> None:
        super().__init__(Path("nowhere"))
        self._loaded[weights.backbone] = weights


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

    def equipment(
        self,
        *,
        snapshot_every: int | None = 20,
        checkpoint_seconds: float = 0,
        job_seconds: float = 3600,
        timelapse: bool = False,
        weights: Weights | None = None,
    ) -> Equipment:
        """What a worker here paints with."""
        return Equipment(
            broker=self.broker,
            storage=self.storage,
            shelf=Shelf(weights or self.weights),
            cache=self.folder / "cache",
            device="cpu",
            snapshot_every=snapshot_every,
            checkpoint_seconds=checkpoint_seconds,
            job_seconds=job_seconds,
            timelapse=timelapse,
            stop=self.stop,
        )

    def worker(self, **options: Any) -> Worker:
        """A new worker, with that `equipment`."""
        return Worker(self.equipment(**options))

    def consumer(self, worker: Worker) -> Consumer:
        """The worker at its queues."""
        return Consumer(self.broker, STYLIZER_QUEUES, worker.handle, stop=self.stop, on_dead=worker.give_up)

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
