"""Where pictures come from, as people write it on a command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stylegram.common.errors import ConfigurationError


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


def _option(name: str, pictures: str) -> Any:  # noqa: ANN401  (typer's own)
    help_ = f"Folder of {pictures}, or the link of one in Google Drive."
    return typer.Option(name, parser=source_url, metavar="FOLDER|LINK", help=help_)


_PHOTOS, _STYLES = _option("--photos", "photographs"), _option("--styles", "paintings")
Photos = Annotated[str, _PHOTOS]
Styles = Annotated[str, _STYLES]
MaybePhotos = Annotated[str | None, _PHOTOS]
MaybeStyles = Annotated[str | None, _STYLES]


def check_state_is_given(state: Path | None, photos: str | None, styles: str | None) -> None:
    """Refuse sources that nothing could be done with.

    Raises:
        ConfigurationError: there are sources, and no state folder.
    """
    if state is None and (photos or styles):
        raise ConfigurationError(
            "--photos and --styles are the sources of a laptop's state folder.", advice="Give its --state as well."
        )
