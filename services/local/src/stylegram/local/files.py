"""The picture files that commands are given: read with their names in the errors, written whole or not at all."""

from pathlib import Path

from PIL import Image

from stylegram.common.encoders import Pixels, check_encodable, encode_pixels
from stylegram.common.errors import ConfigurationError, InvalidImage
from stylegram.common.files import write_atomically
from stylegram.common.images import check_file_size, decode_image


def check_output(path: Path, *inputs: Path) -> None:
    """Refuse an output file that could not or should not be written, before the work and not after it.

    Raises:
        ConfigurationError: its name has an unknown ending, its folder is not there, or it is one of the inputs.
    """
    check_encodable(path.suffix)
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"There is no folder '{path.parent}'.", advice="Make it first.")
    if path.exists() and any(path.samefile(each) for each in inputs):
        raise ConfigurationError(f"'{path}' is one of the pictures to paint from.", advice="Choose another --out.")


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
        OSError: it could not be written; what was there is as it was.
    """
    write_atomically(path, encode_pixels(pixels, path.suffix))
