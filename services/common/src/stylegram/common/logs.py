"""Structured logs: JSON for machines, coloured lines for people; each line carries the job it is about.

>>> import structlog
>>> configure_logs(json=True)
>>> structlog.get_logger().info("job_started", job_id="42")  # doctest: +SKIP
{"job_id": "42", "event": "job_started", "level": "info", "timestamp": "2026-11-20T08:00:00Z"}
"""

import logging
import sys

import structlog


def configure_logs(*, json: bool | None = None, level: str = "info") -> None:
    """Send all logs, those of libraries too, to standard error.

    Args:
        json: JSON lines; by default only where standard error is no terminal.
        level: the least serious level that is shown.
    """
    if json is None:
        json = not sys.stderr.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
