"""The record as a file: given away, and taken in."""

from tempfile import TemporaryFile
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.http.problems import responses
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.exchange.export import LogFormat, export_logs
from stylegram.logger.exchange.importing import Owner, import_logs
from stylegram.logger.exchange.report import ImportReport
from stylegram.logger.http.dependencies import LoggerDep

router = APIRouter(prefix="/v1", tags=["logs"])

_MEDIA_TYPES = {LogFormat.CSV: "text/csv; charset=utf-8", LogFormat.PARQUET: "application/vnd.apache.parquet"}
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FILES = {name.partition(";")[0]: _FILE for name in (*_MEDIA_TYPES.values(), "application/octet-stream")}


@router.get(
    "/logs",
    response_class=StreamingResponse,
    responses={200: {"content": {name.partition(";")[0]: _FILE for name in _MEDIA_TYPES.values()}}},
)
def export(
    logger: LoggerDep,
    log_format: Annotated[LogFormat, Query(alias="format", description="What it is written as.")] = LogFormat.CSV,
    share: Annotated[
        bool,
        Query(description="Only our own runs, without names of pictures, reasons, accounts and addresses."),
    ] = False,
    origin: Annotated[
        str | None, Query(description="A label for our own runs, by which others tell whose they are: my-studio.")
    ] = None,
) -> StreamingResponse:
    """Every run as a file, oldest first: the columns of `logs.csv`."""
    try:
        pieces = export_logs(logger.engine, log_format, share=share, origin=origin)
    except ConfigurationError as error:  # whoever runs Stylegram can install what is missing
        raise Unavailable(error.message, advice=error.advice) from error
    name = {"Content-Disposition": f'attachment; filename="logs.{log_format}"'}
    return StreamingResponse(pieces, headers=name, media_type=_MEDIA_TYPES[log_format])


@router.post(
    "/logs",
    responses=responses(413),
    openapi_extra={"requestBody": {"required": True, "content": _FILES, "description": "The file, of any format."}},
)
async def import_file(
    request: Request,
    logger: LoggerDep,
    origin: Annotated[
        str | None,
        Query(description="Whose the runs are that do not say it; those of NST_instagram are its own by default."),
    ] = None,
    own: Annotated[bool, Query(description="Such runs are our own, as where a record is moved or restored.")] = False,
    dry_run: Annotated[bool, Query(description="Only look what would become of it.")] = False,
) -> ImportReport:
    """Add the runs of a file: a `logs.csv` of NST_instagram, or an export, as CSV or Parquet.

    What the file is, its content tells. A row that cannot be right is refused, and the others are added; a run that is
    known stays as it is, so that the same file again changes nothing.
    """
    owner = Owner(origin, own)
    with TemporaryFile() as file:
        async for piece in request.stream():
            await run_in_threadpool(file.write, piece)
        return await run_in_threadpool(_import, logger, file, owner, dry_run)


def _import(logger: LoggerService, file: BinaryIO, owner: Owner, dry_run: bool) -> ImportReport:
    try:
        return import_logs(logger.engine, file, owner, dry_run=dry_run)
    except ConfigurationError as error:
        raise Unavailable(error.message, advice=error.advice) from error
