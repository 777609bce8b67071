"""Settings that nobody reads: a misspelt one would be passed over, and what it was to prevent be done."""

import difflib
from collections.abc import Iterator, Mapping

from stylegram.common.settings import PREFIX
from stylegram.ingest.client import ApiSettings
from stylegram.ingest.settings import IngestSettings
from stylegram.local.auth_instagram import LoginSettings
from stylegram.logger.settings import LoggerSettings
from stylegram.publisher.settings import PublisherSettings
from stylegram.stylizer.preview_service.settings import PreviewSettings
from stylegram.stylizer.settings import StylizerSettings

_ALL = (
    IngestSettings,
    StylizerSettings,
    PreviewSettings,
    PublisherSettings,
    LoggerSettings,
    ApiSettings,
    LoginSettings,
)
_OF_COMMANDS = {"STATE"}
# Read by programs that are not installed.
_ELSEWHERE = ("BENCH_", "CHAOS_")


def unknown_settings(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence on each variable that is named like a setting of ours and is none; never its value.

    >>> list(unknown_settings({"STYLEGRAM_DRYRUN": "true", "HOME": "/"}))
    ['STYLEGRAM_DRYRUN is no setting, and counts for nothing. Is STYLEGRAM_DRY_RUN meant?']
    """
    names = {name.upper() for settings in _ALL for name in settings.model_fields} | _OF_COMMANDS
    known = names | {f"{name}_FILE" for name in names}
    for variable in sorted(environment):
        # Without what all have in common, by which all would be alike.
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known or name.startswith(_ELSEWHERE):
            continue
        meant = difflib.get_close_matches(name, known, n=1)
        question = f" Is {PREFIX}{meant[0]} meant?" if meant else ""
        yield f"{variable} is no setting, and counts for nothing.{question}"
