"""The stylizer's composition root: settings in, a consumer of jobs out."""

import threading

from stylegram.common.adapters import open_broker, open_storage
from stylegram.common.consumer import Consumer
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.topology import QUEUES, STYLIZER_JOBS
from stylegram.stylizer.engine.backbone import find_device
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.settings import StylizerSettings
from stylegram.stylizer.studio import Studio
from stylegram.stylizer.worker import Worker

# Attempts of which nothing was heard again; each may have taken an hour of a GPU.
_ATTEMPTS = 3


def bootstrap(settings: StylizerSettings, stop: threading.Event) -> Consumer:
    """The worker's consumer, the default backbone loaded.

    Raises:
        ConfigurationError: a URL is wrong, or there is no such device.
        WeightsUnavailable: the weights are neither cached nor to be had.
        WeightsCorrupt: the weights are not those that were pinned.
    """
    find_device(settings.device)  # or each job would fail for it
    shelf = WeightsShelf(settings.weights_dir, settings.weights)
    # Not needed yet, but a broken installation is to show at once.
    shelf.get(Hyperparameters().backbone)
    broker = open_broker(settings.broker_url.get_secret_value(), visibility=settings.visibility_seconds)
    broker.declare(QUEUES)
    studio = Studio(
        broker=broker,
        storage=open_storage(settings.storage_url),
        shelf=shelf,
        cache=settings.weights_dir,
        device=settings.device,
        snapshot_every=settings.snapshot_every,
        checkpoint_seconds=settings.checkpoint_seconds,
        timelapse=settings.timelapse,
        stop=stop,
    )
    worker = Worker(studio)
    return Consumer(
        broker,
        STYLIZER_JOBS,
        worker.handle,
        stop=stop,
        attempts=_ATTEMPTS,
        on_dead=worker.give_up,
    )
