"""What the Graph API takes, and what it says of the rest."""

import urllib.request
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import av
from PIL import Image

FEED_SHAPES = (0.8, 1.91)
"""Width by height, of the widest and the narrowest picture in a feed."""
UPRIGHT = (0.5624, 0.5626)
"""The same of a story, a reel and its cover: 9:16."""
_MAX_IMAGE = 8 * 2**20
PARAMETERS = {
    "": {"image_url", "caption", "alt_text"},
    "ITEM": {"image_url", "alt_text", "is_carousel_item"},
    "CAROUSEL": {"media_type", "children", "caption"},
    "STORIES": {"media_type", "image_url"},
    "REELS": {"media_type", "video_url", "cover_url", "caption", "share_to_feed"},
}
"""Of a container, by its type; of the items of a carousel, ITEM."""
KINDS = {"": "photo", "ITEM": "item", "CAROUSEL": "carousel", "STORIES": "story", "REELS": "reel"}
"""The kinds of posts, by the same."""


class GraphRefusal(Exception):
    """An error of the API's."""

    def __init__(
        self, message: str, code: int, subcode: int = 0, *, status: int = 400, user: str = "", transient: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "error": {
                "message": message,
                "type": "OAuthException",
                "code": code,
                "is_transient": transient,
                "fbtrace_id": "AbCdEfGh",
            }
        }
        if subcode:
            self.body["error"] |= {"error_subcode": subcode, "error_user_title": "Error", "error_user_msg": user}


def _fetched(address: str) -> bytes:
    """What is at the address.

    Raises:
        GraphRefusal: nothing is.
    """
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return bytes(response.read())
    except (OSError, ValueError):
        message = f"The media could not be fetched from this URI: {address}. Please check the limitations."
        raise GraphRefusal("Only photo or video can be accepted as media type.", 9004, 2207052, user=message) from None


def shape(size: tuple[int, int]) -> float:
    """Width by height."""
    return size[0] / size[1]


def picture(address: str, shapes: tuple[float, float]) -> bytes:
    """The picture at the address, if it is one to take."""
    data = _fetched(address)
    if len(data) > _MAX_IMAGE:
        raise GraphRefusal("Too large", 36000, 2207004, user="The image is too large to download.")
    try:
        image = Image.open(BytesIO(data))
    except OSError:
        raise GraphRefusal("Unknown", 36001, 2207005, user="The image format is not supported.") from None
    if image.format != "JPEG":
        raise GraphRefusal("Unsupported", 36001, 2207005, user=f"The image format {image.format} is not supported.")
    if not shapes[0] <= shape(image.size) <= shapes[1]:
        raise GraphRefusal("Invalid", 36003, 2207009, user=f"The aspect ratio {shape(image.size):.2f} is not.")
    return data


def film(address: str) -> tuple[bytes, str]:
    """The film, and what is wrong with it; films are looked at in the server's own time."""
    try:
        data = _fetched(address)
    except GraphRefusal:
        return b"", "Media upload has failed with error code 2207052"
    try:
        with av.open(BytesIO(data), "r") as opened:
            stream = opened.streams.video[0]
            seconds = float(opened.duration or 0) / av.time_base
            upright = UPRIGHT[0] <= stream.width / stream.height <= UPRIGHT[1]
            if stream.codec_context.name == "h264" and upright and 3 <= seconds <= 900:
                return data, ""
    except (av.FFmpegError, LookupError):
        pass
    return data, "Media upload has failed with error code 2207026"


def only(form: Mapping[str, str], known: set[str]) -> None:
    """Raise if there is a parameter that is not known."""
    if unknown := sorted(set(form) - known):
        raise GraphRefusal(f"(#100) Unexpected parameter: {', '.join(unknown)}", 100)
