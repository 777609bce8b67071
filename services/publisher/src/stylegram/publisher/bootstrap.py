"""The publisher put together: the one place that chooses its adapters."""

import threading
from dataclasses import dataclass

from sqlalchemy import Engine

from stylegram.common.adapters import broker_of, storage_of
from stylegram.common.consumer import Consumer
from stylegram.common.database import migrate, open_database
from stylegram.common.health import Check
from stylegram.common.ports import Broker, Outlet, Storage
from stylegram.common.topology import PUBLISHER_POSTS, QUEUES
from stylegram.publisher.captions import Captions
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.outlets import open_outlet
from stylegram.publisher.publish import Publisher
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.titles import StyleTitles


@dataclass(frozen=True)
class PublisherService:
    """The publisher, ready to run."""

    settings: PublisherSettings
    broker: Broker
    storage: Storage
    ledger: Ledger
    outlet: Outlet
    captions: Captions

    def publisher(self, stop: threading.Event) -> Publisher:
        """What does the work, until `stop` is set."""
        return Publisher(
            outlet=self.outlet,
            storage=self.storage,
            broker=self.broker,
            ledger=self.ledger,
            captions=self.captions,
            post_format=self.settings.post_format,
            fit=self.settings.post_fit,
            quality=self.settings.post_quality,
            stop=stop,
        )

    def consumer(self, stop: threading.Event) -> Consumer:
        """What works through the queue of posts, until `stop` is set."""
        publisher = self.publisher(stop)
        return Consumer(
            self.broker,
            PUBLISHER_POSTS,
            publisher.handle,
            stop=stop,
            on_dead=publisher.give_up,
        )

    def checks(self) -> dict[str, Check]:
        """What the publisher cannot do without. The outlet is asked by posts alone: some count every question."""
        return {
            "broker": lambda: self.broker.depth(PUBLISHER_POSTS.name),
            "database": self.ledger.check,
            "storage": lambda: self.storage.stat("ready"),
        }


def bootstrap(
    settings: PublisherSettings,
    *,
    broker: Broker | None = None,
    storage: Storage | None = None,
    engine: Engine | None = None,
) -> PublisherService:
    """Open what the settings name, and bring the tables up to date.

    Args:
        settings: the publisher's settings.
        broker: used in place of the one that the settings name, as are the others.
        storage: where the pictures are.
        engine: where the ledger is.

    Raises:
        ConfigurationError: a setting, the caption's template or the style names are wrong.
    """
    captions = Captions(
        settings.caption_template, StyleTitles.read(settings.style_names) if settings.style_names else StyleTitles({})
    )
    outlet = open_outlet(settings.publish_url)
    engine = engine or open_database(settings.database_url.get_secret_value())
    migrate(engine, "publisher")
    broker = broker or broker_of(settings)
    broker.declare(QUEUES)
    return PublisherService(
        settings=settings,
        broker=broker,
        storage=storage or storage_of(settings),
        ledger=Ledger(engine),
        outlet=outlet,
        captions=captions,
    )
