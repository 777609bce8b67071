"""What endpoints are given: the service behind the app."""

from typing import Annotated

from fastapi import Depends, Request

from stylegram.logger.bootstrap import LoggerService


def _logger(request: Request) -> LoggerService:
    logger: LoggerService = request.app.state.logger
    return logger


LoggerDep = Annotated[LoggerService, Depends(_logger)]
