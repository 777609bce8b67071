"""What Stylegram needs, looked at one by one: each finding says what is there, or what is wrong and how to mend it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from stylegram.common.adapters import broker_of, storage_of
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import LoginNeeded, NotFound, StylegramError
from stylegram.common.ports import Source
from stylegram.common.service import read_settings
from stylegram.common.settings import Settings
from stylegram.common.topology import QUEUES
from stylegram.ingest.bootstrap import sources_of
from stylegram.ingest.orientation import Orientation
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.sources.drive.source import DriveSource
from stylegram.ingest.sync.words import NAMES
from stylegram.local.options import PATIENCE_SECONDS
from stylegram.local.state_folder import (
    check_sources_are_named,
    embedded_settings,
    ingest_settings,
    publisher_settings,
)
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.bootstrap import captions_of
from stylegram.publisher.outlets import open_outlet
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import AccountState
from stylegram.stylizer.settings import StylizerSettings

_MANY = 1000
_LOOK_AT = "Look at {}, and whether what it names runs and can be reached from here."


class Finding(BaseModel):
    """What an examination found.

    Args:
        name: what was looked at.
        verdict: whether Stylegram can work with that; doubtful: it can, and somebody should know.
        detail: what is there, or what is wrong.
        advice: how to mend it.
    """

    name: str
    verdict: Literal["good", "doubtful", "bad"]
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Examination:
    """A look at one thing.

    Args:
        name: of the thing.
        look: says what is there, or raises what is wrong; may return a finding of its own.
        advice: how to mend what goes wrong, where the error itself does not say.
    """

    name: str
    look: Callable[[], str | Finding]
    advice: str = ""

    def carry_out(self) -> Finding:
        """What is found; whatever goes wrong is a finding too."""
        try:
            found = self.look()
        except StylegramError as error:
            return Finding(name=self.name, verdict="bad", detail=error.message, advice=error.advice or self.advice)
        except Exception as error:  # whoever asks what is wrong gets an answer
            return Finding(name=self.name, verdict="bad", detail=f"{type(error).__name__}: {error}")
        return found if isinstance(found, Finding) else Finding(name=self.name, verdict="good", detail=found)


def examinations(state: Path | None, photos: str | None, styles: str | None) -> Iterator[Examination]:
    """Everything that is to be looked at, in the order in which a picture goes through it.

    Args:
        state: a laptop's state folder, absolute; None for what the environment names.
        photos: URL of the source of photographs; the environment's where None.
        styles: likewise, of paintings.

    Raises:
        ConfigurationError: the settings themselves cannot be read, or name what there is not.
    """
    overrides = embedded_settings(state) if state else {}
    settings = ingest_settings(state, photos, styles) if state else read_settings(IngestSettings)
    if state:
        check_sources_are_named(settings)
    sources = sources_of(settings, give_up_after=PATIENCE_SECONDS)
    if drives := [source for source in sources.values() if isinstance(source, DriveSource)]:
        # Those of one setting are for both roles.
        yield Examination("credentials", lambda: f"Google Drive knows us as {drives[0].reader()}")
    for role, source in sources.items():
        yield Examination(NAMES[role], partial(_look_at_source, source))
    yield Examination("storage", partial(_look_at_storage, settings), _LOOK_AT.format("STYLEGRAM_STORAGE_URL"))
    yield Examination("broker", partial(_look_at_broker, settings), _LOOK_AT.format("STYLEGRAM_BROKER_URL"))
    yield Examination("database", partial(_look_at_database, settings), _LOOK_AT.format("STYLEGRAM_DATABASE_URL"))
    publisher = publisher_settings(state, styles) if state else read_settings(PublisherSettings)
    yield Examination("posts", partial(_look_at_posts, publisher), _LOOK_AT.format("STYLEGRAM_PUBLISH_URL"))
    stylizer = read_settings(StylizerSettings, **overrides)
    yield Examination("weights", partial(_look_at_weights, stylizer, settings.orientation_model))
    yield Examination("device", partial(_look_at_device, stylizer))


def _look_at_source(source: Source) -> str | Finding:
    described = source.describe()
    # Not all of it: that takes a minute where there are tens of thousands.
    files = 0
    for page in source.listing():
        files += len(page.files)
        if files >= _MANY:
            return f"{described}, {_MANY} files or more"
    if files == 0:
        raise NotFound(f"{described}: there is no picture in it.", advice="Put some there, or name another folder.")
    return f"{described}, {files} file{'' if files == 1 else 's'}"


def _look_at_storage(settings: Settings) -> str:
    storage = storage_of(settings)
    name, data = f"doctor/{uuid4().hex}", b"Is this kept?"
    storage.write(name, data, content_type="text/plain")
    try:
        if storage.read(name) != data:
            raise StylegramError("What is read is not what was written.")
        if name not in [stored.name for stored in storage.list("doctor/")]:
            raise StylegramError("What was written is not listed.")
    finally:
        removed = storage.delete(name)
    if not removed:
        raise StylegramError("What was written was not there to be removed.")
    signs = "signs" if storage.signed_url(name, seconds=60) else "does not sign"
    return f"{settings.storage_url}: takes, gives, lists and removes objects; {signs} addresses"


def _look_at_broker(settings: Settings) -> str | Finding:
    with closing(broker_of(settings)) as broker:
        broker.declare(QUEUES)
        waiting = sum(broker.depth(queue.name) for queue in QUEUES)
        dead = sum(broker.dead_count(queue.name) for queue in QUEUES)
        paused = [queue.name for queue in QUEUES if broker.paused(queue.name)]
    detail = f"answers; {waiting} messages wait"
    if dead or paused:
        advice = []
        if dead:
            detail += f", nobody could use {dead}"
            advice.append("`stylegram queue drain-dead` shows the dead letters")
        if paused:
            detail += f", paused: {', '.join(paused)}"
            advice.append("`stylegram queue resume` ends a pause")
        return Finding(name="broker", verdict="doubtful", detail=detail, advice=f"{'; '.join(advice)}.")
    return detail


def _look_at_database(settings: Settings) -> str:
    url = settings.database_url.get_secret_value()
    engine = open_database(url)
    try:
        with transaction(engine) as session:
            tables = inspect(session.connection()).get_table_names()
    finally:
        engine.dispose()
    kind = make_url(url).get_backend_name()
    return f"{kind} answers, {len(tables)} tables" if tables else f"{kind} answers; the services make their tables"


def _look_at_posts(settings: PublisherSettings) -> str | Finding:
    captions_of(settings)
    outlet = open_outlet(settings, storage_of(settings))
    if outlet.is_public and not outlet.login:
        raise LoginNeeded(f"{outlet.account}: nobody is logged in.", advice="Log in: stylegram auth instagram.")
    remaining = outlet.remaining()
    more = "" if remaining is None else f", which takes {remaining} more today"
    detail = f"go to {settings.publish_url if outlet.is_public else outlet.account}{more}"
    engine = open_database(settings.database_url.get_secret_value())
    try:
        migrate(engine, "publisher")
        account = Accounts(engine).get(outlet.account)
    except NotFound:
        return f"{detail}; the first is yet to come"
    finally:
        engine.dispose()
    if account.state is not AccountState.ACTIVE:
        words = f"{detail}; nothing goes out: {account.reason}"
        return Finding(name="posts", verdict="doubtful", detail=words, advice="`stylegram account show` tells more.")
    return f"{detail}; new ones {'wait for a yes' if account.approval else 'go out by themselves'}"


def _look_at_weights(settings: StylizerSettings, orientation_model: Path | None) -> str:
    from stylegram.stylizer.engine.models.model_files import DEFAULT_FILES, verify

    for file in DEFAULT_FILES:
        verify(file, settings.weights_dir)
    if orientation_model:
        Orientation.load(orientation_model)
    judging = "; orientation can be judged" if orientation_model else ""
    return f"{len(DEFAULT_FILES)} files in {settings.weights_dir}, all as they should be{judging}"


def _look_at_device(settings: StylizerSettings) -> str | Finding:
    import torch

    from stylegram.stylizer.engine.backbone import find_device, native_precision

    device = find_device(settings.device)
    precision = native_precision(device)
    if device.type == "cpu":
        return Finding(
            name="device",
            verdict="doubtful",
            detail=f"no GPU; the processor paints ({precision}, threads: {torch.get_num_threads()})",
            advice="That takes minutes a picture instead of seconds. Where there is a GPU, its driver must be one that"
            f" torch {torch.__version__} can use.",
        )
    return f"{device}: {torch.cuda.get_device_name(device)} ({precision})"
