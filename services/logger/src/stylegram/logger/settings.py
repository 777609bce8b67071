"""The logger's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.settings import Settings


class LoggerSettings(Settings):
    """What the logger needs beside what every service needs."""

    logs_csv: Path | None = Field(None, description="File that lists every run, rewritten after each; none by default.")
