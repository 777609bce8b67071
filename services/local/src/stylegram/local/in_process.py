"""A laptop's services without a server: their API, answered in this process."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
from fastapi import FastAPI

from stylegram.ingest.bootstrap import bootstrap as bootstrap_ingest
from stylegram.ingest.http.app import create_app
from stylegram.local.record_advisor import advised_by_record
from stylegram.local.state_folder import check_is_state_folder, ingest_settings, logger_settings
from stylegram.logger.bootstrap import bootstrap as bootstrap_logger
from stylegram.logger.http.app import logger_part


class InProcess(httpx2.BaseTransport):
    """Has an app in this process answer a client's requests, each when the answer is whole.

    Args:
        app: what answers.
    """

    def __init__(self, app: FastAPI) -> None:
        # A defect is then answered as a server would.
        self._app = httpx2.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`."""
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._app.handle_async_request(request)
        return httpx2.Response(response.status_code, headers=response.headers, content=await response.aread())


@contextmanager
def state_client(state: Path) -> Iterator[httpx2.Client]:
    """A client of the API over a state folder, whether or not somebody works in it meanwhile.

    Args:
        state: the folder that `House` was given.

    Raises:
        ConfigurationError: it is none.
    """
    state = state.absolute()
    check_is_state_folder(state)
    settings, loggers = ingest_settings(state), logger_settings(state)
    with closing(advised_by_record(bootstrap_ingest(settings), settings)) as ingest:
        # One broker and one database for both, as in `House`.
        logger = bootstrap_logger(loggers, broker=ingest.broker, engine=ingest.engine)
        app = InProcess(create_app(ingest, logger_part(logger), max_upload_megabytes=loggers.max_upload_megabytes))
        with httpx2.Client(transport=app, base_url="http://127.0.0.1", trust_env=False) as client:
            yield client
