"""The publisher put together: the one place that chooses its adapters."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from stylegram.common.adapters import broker_of, storage_of
from stylegram.common.consumer import Consumer
from stylegram.common.database import open_database, prepare_tables
from stylegram.common.health import Check
from stylegram.common.ports import Broker, Outlet, Storage
from stylegram.common.topology import PUBLISHER_POSTS, QUEUES
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.captions import Captions, Hashtags, StyleTitles
from stylegram.publisher.composer import Composer
from stylegram.publisher.decisions import Decisions
from stylegram.publisher.desk import Desk
from stylegram.publisher.dispatch import Dispatcher, Pace
from stylegram.publisher.gauges import Gauges
from stylegram.publisher.halts import Halts
from stylegram.publisher.intake import Intake
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.news import News
from stylegram.publisher.outlets import open_outlet
from stylegram.publisher.policy import Policy, written
from stylegram.publisher.publisher import Publisher
from stylegram.publisher.reception import Reception
from stylegram.publisher.renditions import Look
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.turns import Turns


@dataclass(frozen=True)
class PublisherService:
    """The publisher, ready to run."""

    settings: PublisherSettings
    broker: Broker
    storage: Storage
    ledger: Ledger
    accounts: Accounts
    outlet: Outlet
    composer: Composer
    pace: Pace

    def desk(self) -> Desk:
        """Where people work on the same ledger."""
        return Desk(
            ledger=self.ledger,
            decisions=Decisions(self.ledger.engine),
            accounts=self.accounts,
            composer=lambda: self.composer,
            policy=self.policy,
        )

    @property
    def policy(self) -> Policy:
        """What the account's posts keep to."""
        return self.settings.policy(is_public=self.outlet.is_public)

    def targets(self, stop: threading.Event) -> list[Callable[[], None]]:
        """What runs, each in a thread of its own, until `stop` is set: what takes requests, and what serves them."""
        publisher = self.publisher()
        return [self.consumer(stop).run, lambda: publisher.run(stop)]

    def consumer(self, stop: threading.Event) -> Consumer:
        """What enters requests into the ledger."""
        intake = Intake(
            self.ledger,
            self.accounts,
            self.outlet,
            self.composer,
            self.broker,
            kinds=self.settings.post_kinds,
            policy=written(self.policy),
            approval=self.settings.post_approval,
        )
        return Consumer(self.broker, PUBLISHER_POSTS, intake.handle, stop=stop, on_dead=intake.give_up)

    def publisher(self) -> Publisher:
        """What works through the ledger."""
        policy = self.policy
        self.accounts.keep_policy(self.outlet.account, written(policy))
        halts = Halts(self.accounts, self.outlet)
        turns = Turns(self.ledger, self.outlet.account, policy)
        dispatcher = Dispatcher(
            self.ledger,
            turns,
            halts,
            self.outlet,
            self.composer,
            policy,
            pace=self.pace,
        )
        news = News(self.ledger, turns, halts, self.outlet, self.broker)
        asks = self.settings.feedback and self.outlet.is_public
        gauges = Gauges(self.ledger, self.accounts, turns, self.outlet)
        reception = Reception(self.ledger, halts, self.outlet, self.broker) if asks else None
        return Publisher(dispatcher, news, reception, gauges)

    def checks(self) -> dict[str, Check]:
        """What the publisher cannot do without. The outlet is asked by posts alone: some count every question."""
        return {
            "broker": lambda: self.broker.depth(PUBLISHER_POSTS.name),
            "database": self.ledger.check,
            "storage": lambda: self.storage.stat("ready"),
        }

    def check(self) -> None:
        """Ask each of them for something small.

        Raises:
            Unavailable: one of them did not answer; says which.
        """
        for check in self.checks().values():
            check()

    def close(self) -> None:
        """Let go of the database and the broker."""
        self.ledger.engine.dispose()
        self.broker.close()


def bootstrap(
    settings: PublisherSettings,
    *,
    broker: Broker | None = None,
    storage: Storage | None = None,
    engine: Engine | None = None,
    pace: Pace | None = None,
) -> PublisherService:
    """Open what the settings name, and bring the tables up to date.

    Args:
        settings: the publisher's settings.
        broker: used in place of the one that the settings name, as are the others.
        storage: where the pictures are.
        engine: where the ledger is.
        pace: how soon things are tried again.

    Raises:
        ConfigurationError: a setting, the caption's template, the hashtags or the style names are wrong.
        Unavailable: a dependency is away, or somebody else is to bring the tables up to date and has not yet.
    """
    composer_parts = captions_of(settings), look_of(settings)
    storage = storage or storage_of(settings)
    outlet = open_outlet(settings, storage)
    engine = engine or open_database(settings.database_url.get_secret_value())
    prepare_tables(engine, "publisher", migrate_at_start=settings.migrate_at_start)
    broker = broker or broker_of(settings)
    broker.declare(QUEUES)
    return PublisherService(
        settings=settings,
        broker=broker,
        storage=storage,
        ledger=Ledger(engine, hold_seconds=settings.post_hold_seconds),
        accounts=Accounts(engine),
        outlet=outlet,
        composer=Composer(storage, *composer_parts),
        pace=pace or Pace(),
    )


def captions_of(settings: PublisherSettings) -> Captions:
    """What writes the words.

    Raises:
        ConfigurationError: the template, the hashtags or the style names are wrong.
    """
    return Captions(
        settings.caption_template,
        StyleTitles.read(settings.style_names) if settings.style_names else StyleTitles({}),
        language=settings.caption_language,
        hashtags=Hashtags.read(settings.hashtags) if settings.hashtags else None,
    )


def look_of(settings: PublisherSettings) -> Look:
    """How pictures are made to fit."""
    return Look(settings.post_format, settings.post_fit, settings.post_quality, settings.post_max_enlargement)
