"""Structured logs: JSON for machines, coloured lines for people; each line carries the job it is about.

>>> import structlog
>>> configure_logs(json=True)
>>> structlog.get_logger().info("job_started", job_id="42")  # doctest: +SKIP
{"job_id": "42", "event": "job_started", "level": "info", "timestamp": "2026-11-20T08:00:00Z"}
"""

import logging
import sys
from typing import TextIO

import structlog


def configure_logs(*, json: bool | None = None, level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs, those of libraries too, to one stream.

    Args:
        json: JSON lines; by default only where the stream is no terminal.
        level: the least serious level that is shown.
        stream: where to write; standard error where None.
    """
    stream = stream or sys.stderr
    if json is None:
        json = not stream.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        # Plain tracebacks: the default's show local variables, and some of those are secrets.
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Says at every start that there is nothing to migrate.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Says in ten lines what its errors say too, which are ours to log.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # Says at the level of debug where each request goes, and who knows the address of an upload can go on with it.
    logging.getLogger("urllib3").setLevel(max(logging.INFO, logging.getLogger().level))
