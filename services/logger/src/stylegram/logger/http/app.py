"""The app: every feature's endpoints around one logger.

>>> app = create_app(bootstrap(LoggerSettings()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8001), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Collection, Sequence
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from stylegram.common.health import Check
from stylegram.common.http.app import Part, assemble
from stylegram.common.records import RunRecord
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.http import comparisons, importance, leaderboard, logs, ratings, runs, studies, suggest

ROUTERS: Sequence[APIRouter] = [
    runs.router,
    leaderboard.router,
    importance.router,
    comparisons.router,
    ratings.router,
    studies.router,
    suggest.router,
    logs.router,
]
"""One a feature, in the order in which they are described."""
_TAGS = [
    {"name": "runs", "description": "What was tried, and how it went."},
    {"name": "preferences", "description": "Which of two pictures people find better."},
    {"name": "suggestions", "description": "What to try next."},
    {"name": "logs", "description": "The record as a file, out and in."},
]


def logger_part(logger: LoggerService) -> Part:
    """What the logger has to answer with, at whatever address."""
    return Part(routers=ROUTERS, state={"logger": logger}, tags=_TAGS, models=[(RunRecord, "serialization")])


def create_app(
    logger: LoggerService,
    *,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 256.0,
    alive: Check = lambda: None,
    shows_metrics: bool = True,
) -> FastAPI:
    """The HTTP face of `logger`; see `assemble`.

    Args:
        logger: the service; whoever opened it closes it.
        tokens: see `assemble`.
        max_upload_megabytes: likewise.
        alive: likewise.
        shows_metrics: likewise.
    """
    return assemble(
        logger_part(logger),
        title="Stylegram's record",
        version=version("stylegram-logger"),
        description="Every run with its hyperparameters, how good it was, and what to try next.",
        tokens=tokens,
        max_upload_megabytes=max_upload_megabytes,
        alive=alive,
        ready=logger.check,
        shows_metrics=shows_metrics,
    )
