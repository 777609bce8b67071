"""The stylizer put together: the one place that chooses its adapters."""

import threading
from dataclasses import dataclass

from stylegram.common.adapters import broker_of, storage_of
from stylegram.common.consumer import Consumer
from stylegram.common.health import Check
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES
from stylegram.stylizer.engine.backbone import find_device
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.settings import StylizerSettings
from stylegram.stylizer.studio import Studio
from stylegram.stylizer.worker import Worker


@dataclass(frozen=True)
class StylizerService:
    """The stylizer, ready to run."""

    studio: Studio
    idle_seconds: float | None = None

    def run(self) -> None:
        """Paint jobs until the studio's `stop` is set, which is done here where no job has come for `idle_seconds`."""
        worker = Worker(self.studio)
        Consumer(
            self.studio.broker,
            STYLIZER_QUEUES,
            worker.handle,
            stop=self.studio.stop,
            on_dead=worker.give_up,
            idle_seconds=self.idle_seconds,
        ).run()

    def checks(self) -> dict[str, Check]:
        """What the stylizer cannot do without."""
        return {
            "broker": lambda: [self.studio.broker.depth(queue.name) for queue in STYLIZER_QUEUES],
            "storage": lambda: self.studio.storage.stat("ready"),
            "weights": lambda: self.studio.shelf.get(Hyperparameters().backbone),
        }


def bootstrap(settings: StylizerSettings, stop: threading.Event) -> StylizerService:
    """Open what the settings name, and load the default backbone.

    Args:
        settings: the stylizer's settings.
        stop: set to end the work.

    Raises:
        ConfigurationError: a URL is wrong, or there is no such device.
        WeightsUnavailable: the weights are neither cached nor to be had.
        WeightsCorrupt: the weights are not those that were pinned.
    """
    find_device(settings.device)  # or each job would fail for it
    shelf = WeightsShelf(settings.weights_dir, settings.weights)
    # Not needed yet, but a broken installation is to show at once.
    shelf.get(Hyperparameters().backbone)
    broker = broker_of(settings)
    broker.declare(QUEUES)
    return StylizerService(
        Studio(
            broker=broker,
            storage=storage_of(settings),
            shelf=shelf,
            cache=settings.weights_dir,
            device=settings.device,
            snapshot_every=settings.snapshot_every,
            checkpoint_seconds=settings.checkpoint_seconds,
            job_seconds=settings.job_seconds,
            timelapse=settings.timelapse,
            stop=stop,
        ),
        idle_seconds=settings.idle_seconds,
    )
