"""The services that the chart runs, and what each reads its settings by."""

from collections.abc import Mapping

from stylegram.common.settings import Settings
from stylegram.ingest.settings import IngestSettings
from stylegram.logger.settings import LoggerSettings
from stylegram.publisher.settings import PublisherSettings
from stylegram.stylizer.preview_service.settings import PreviewSettings
from stylegram.stylizer.settings import StylizerSettings

SERVICES: Mapping[str, type[Settings]] = {
    "ingest": IngestSettings,
    "stylizer": StylizerSettings,
    "preview": PreviewSettings,
    "publisher": PublisherSettings,
    "logger": LoggerSettings,
}
