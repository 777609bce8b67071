"""Where pictures come from, as people write it on a command line."""

from pathlib import Path
from typing import Annotated

import typer


def source_url(text: str) -> str:
    """The URL of a source: of a folder on this machine, or what was written, where that is a URL or a link.

    >>> source_url("gdrive://1AbCdEfGh")
    'gdrive://1AbCdEfGh'

    Raises:
        typer.BadParameter: there is no such folder.
    """
    if "://" in text:
        return text
    if text.startswith("drive.google.com/"):  # as browsers show it
        return f"https://{text}"
    folder = Path(text).absolute()
    if not text or not folder.is_dir():
        what = f"'{text}' is a file" if folder.is_file() else f"There is no folder '{text}'"
        raise typer.BadParameter(f"{what}. Give a folder, or the link of one in Google Drive.")
    return folder.as_uri()


_HELP = "Folder of {}, or the link of one in Google Drive."
Photos = Annotated[str, typer.Option(parser=source_url, metavar="FOLDER|LINK", help=_HELP.format("photographs"))]
Styles = Annotated[str, typer.Option(parser=source_url, metavar="FOLDER|LINK", help=_HELP.format("paintings"))]
MaybePhotos = Annotated[
    str | None, typer.Option("--photos", parser=source_url, metavar="FOLDER|LINK", help=_HELP.format("photographs"))
]
MaybeStyles = Annotated[
    str | None, typer.Option("--styles", parser=source_url, metavar="FOLDER|LINK", help=_HELP.format("paintings"))
]
