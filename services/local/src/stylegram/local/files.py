"""The picture files that commands are given: read with their names in the errors, written whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from PIL import Image

from stylegram.common.encoders import Pixels, check_encodable, encode_pixels
from stylegram.common.errors import ConfigurationError, InvalidImage, StylegramError
from stylegram.common.files import write_atomically
from stylegram.common.images import check_file_size, decode_image


def check_output(picture: Path, *inputs: Path, beside: Sequence[Path] = ()) -> None:
    """Refuse output files that could not or should not be written, before the work and not after it.

    Args:
        picture: the picture's.
        inputs: what it is painted from.
        beside: other files that are written, of whatever kind.

    Raises:
        ConfigurationError: the picture's name has an unknown ending; or a file's folder is not there or takes no
            files, or the file is one of the inputs or another output.
    """
    check_encodable(picture.suffix)
    outputs = [picture, *beside]
    for number, path in enumerate(outputs):
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"There is no folder '{path.parent}'.", advice="Make it first.")
        check_folder(path.parent)
        if any(_is_same(path, each) for each in inputs):
            raise ConfigurationError(
                f"'{path}' is one of the pictures to paint from, and would be overwritten.",
                advice="Choose another name for what is written.",
            )
        if any(_is_same(path, each) for each in outputs[:number]):
            raise ConfigurationError(
                f"'{path}' is given for two files that are written, and can be only one of them.",
                advice="Give each a name of its own.",
            )


def check_folder(folder: Path) -> None:
    """Refuse a folder that takes no files; one that is yet to be made is as good as what it is made in.

    Raises:
        ConfigurationError: no file could be written there; the message says why.
    """
    place = folder.absolute()
    try:
        with TemporaryFile(dir=next(each for each in (place, *place.parents) if each.exists())):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"No file can be written into the folder '{folder}': {error.strerror}.", advice="Choose another folder."
        ) from error


def read_picture(path: Path) -> tuple[Image.Image, bytes]:
    """The picture in a file, and the file's bytes.

    Raises:
        InvalidImage: it cannot be read, or is no picture that can be used; the message names it.
    """
    try:
        check_file_size(path.stat().st_size)
        data = path.read_bytes()
        return decode_image(data).pixels, data
    except InvalidImage as error:
        raise InvalidImage(f"'{path}' cannot be used. {error.message}", advice=error.advice) from error
    except OSError as error:
        raise InvalidImage(f"'{path}' cannot be read: {error.strerror}.") from error


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write a picture in the format that the file's ending asks for, whole or not at all.

    Args:
        path: where to.
        pixels: shape (height, width, 3), sRGB in 0 … 1.

    Raises:
        ConfigurationError: the ending is unknown, or its format does not hold so large a picture.
        StylegramError: it could not be written; what was there is as it was.
    """
    data = encode_pixels(pixels, path.suffix)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise StylegramError(f"The picture '{path}' cannot be written: {error.strerror}.") from error


def _is_same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)
