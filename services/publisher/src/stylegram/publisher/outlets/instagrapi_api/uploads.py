"""Uploading: the files byte for byte, as the app sends them.

The client's own way is to decode every picture and to encode it again, at another quality; and it wants moviepy to
measure films. What comes here has its size already, and so only the requests are left.
"""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from uuid import uuid4

from instagrapi import Client
from instagrapi.exceptions import ClipNotUpload, PhotoNotUpload
from requests import Response

from stylegram.common.errors import Refused, Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Medium, Post

_HOST = "https://i.instagram.com"
_NO_RETRIES = json.dumps({"num_step_auto_retry": 0, "num_reupload": 0, "num_step_manual_retry": 0})


@dataclass(frozen=True)
class Uploaded:
    """A medium that Instagram has, and nobody sees.

    Args:
        id: what it is called; made here, of the time.
        width: pixels.
        height: pixels.
        seconds: of a film.
    """

    id: str
    width: int
    height: int
    seconds: float | None = None


def upload(client: Client, post: Post) -> tuple[Uploaded, ...]:
    """Hand over the post's media, in their order.

    Raises:
        Refused: a film without its length or its cover.
        Exception: of the client's, or `NoAnswer`.
    """
    if post.kind is PostKind.REEL:
        return (_film(client, post.media[0]),)
    in_album = post.kind is PostKind.CAROUSEL
    return tuple(_picture(client, medium, in_album=in_album) for medium in post.media)


def handle_of(uploaded: tuple[Uploaded, ...]) -> str:
    """The uploads as text."""
    return json.dumps([asdict(one) for one in uploaded])


def of_handle(handle: str) -> tuple[Uploaded, ...]:
    """The uploads again.

    Raises:
        Unavailable: that is no such text.
    """
    try:
        return tuple(Uploaded(**one) for one in json.loads(handle))
    except (ValueError, TypeError):
        raise Unavailable("What is known of the upload cannot be read; it is made again.") from None


_latest = 0


def _new_id() -> str:
    """Milliseconds of the clock, as the app does it, but no two alike."""
    global _latest
    _latest = max(_latest + 1, int(time.time() * 1000))
    return str(_latest)


def _picture(client: Client, medium: Medium, *, in_album: bool) -> Uploaded:
    uploaded = Uploaded(_new_id(), medium.width, medium.height)
    _send_picture(client, medium.data, uploaded.id, {"is_sidecar": "1"} if in_album else {})
    return uploaded


def _send_picture(client: Client, data: bytes, upload_id: str, parameters: Mapping[str, str]) -> None:
    name = f"{upload_id}_0_{random.randint(1_000_000_000, 9_999_999_999)}"
    described = {
        "upload_id": upload_id,
        "media_type": "1",
        "retry_context": _NO_RETRIES,
        "image_compression": json.dumps({"lib_name": "moz", "lib_version": "3.1.m", "quality": "80"}),
        "xsharing_user_ids": "[]",
        **parameters,
    }
    headers = {
        "X-Instagram-Rupload-Params": json.dumps(described),
        "X_FB_PHOTO_WATERFALL_ID": str(uuid4()),
        **_whole(data, name, "image/jpeg"),
    }
    response = client.private.post(
        f"{_HOST}/rupload_igphoto/{name}", data=data, headers=client.private_headers(headers)
    )
    _taken(response, PhotoNotUpload)


def _film(client: Client, medium: Medium) -> Uploaded:
    if medium.cover is None or medium.seconds is None:
        raise Refused("A reel needs a cover, and its length in seconds.")
    uploaded = Uploaded(_new_id(), medium.width, medium.height, medium.seconds)
    session = str(uuid4())
    _announce(client, uploaded, session, size=len(medium.data))
    name = f"{uuid4().hex}-0-{len(medium.data)}-{uploaded.id}-{uploaded.id}"
    described = {
        "upload_id": uploaded.id,
        "session_id": uploaded.id,
        "media_type": "2",
        "is_clips_video": "1",
        "share_type": "reels",
        "upload_media_width": str(medium.width),
        "upload_media_height": str(medium.height),
        "upload_media_duration_ms": str(_milliseconds(medium.seconds)),
        "content_tags": "use_default_cover",
        "extract_cover_frame": "1",
        "provenance_metadata": json.dumps({"origin": ["EXTERNAL"]}),
        "retry_context": _NO_RETRIES,
        "xsharing_user_ids": "[]",
    }
    headers = {
        "X-Instagram-Rupload-Params": json.dumps(described),
        "X_FB_VIDEO_WATERFALL_ID": f"{session}_{uuid4().hex[:12].upper()}_Mixed_0",
        "X-Entity-Type": "video/mp4",
        "Segment-Start-Offset": "0",
        "Segment-Type": "3",
    }
    address = f"{_HOST}/rupload_igvideo/{name}"
    _taken(client.private.get(address, headers=client.private_headers(headers)), ClipNotUpload)
    headers |= _whole(medium.data, name, "video/mp4")
    _taken(client.private.post(address, data=medium.data, headers=client.private_headers(headers)), ClipNotUpload)
    _send_picture(client, medium.cover, uploaded.id, {})
    return uploaded


def _announce(client: Client, film: Uploaded, session: str, *, size: int) -> None:
    """Say what is coming."""
    length = _milliseconds(film.seconds or 0)
    properties = {
        "upload_settings_version": "v0.1",
        "codec": {},
        "context": {"source_type": "clips", "source_attribution": None, "quality": "", "target_id": client.user_id},
        "video": {
            "video_width": film.width,
            "video_height": film.height,
            "video_original_file_size": size,
            "video_duration_milliseconds": length,
            "target_duration": length // 1000,
            "video_rotation_angle": 0,
        },
        "creative_tools": {"transmuxing_eligible": False, "transcoding_required": True},
    }
    preview = {"spec_version": 1, "video_dur_ms": length, "audio_dur_ms": length}
    settings = {"composer_session_id": session, "upload_setting_properties": properties, "preview_spec": preview}
    data = json.dumps(settings).encode()
    headers = {
        **_whole(data, "upload_settings", "application/json"),
        "Content-Type": "application/json",
        "X_FB_VIDEO_WATERFALL_ID": f"{session}_settings",
    }
    response = client.private.post(
        f"{_HOST}/upload_settings/{session}", data=data, headers=client.private_headers(headers)
    )
    _taken(response, ClipNotUpload)


def _whole(data: bytes, name: str, content_type: str) -> dict[str, str]:
    """Headers of an upload that comes in one piece."""
    return {
        "Offset": "0",
        "X-Entity-Name": name,
        "X-Entity-Type": content_type,
        "X-Entity-Length": str(len(data)),
        "Content-Length": str(len(data)),
        "Content-Type": "application/octet-stream",
        "Accept-Encoding": "gzip",
    }


def _taken(response: Response, refusal: type[Exception]) -> None:
    """Raise what means to look at the answer, unless it is a yes."""
    # The exception says nothing of its own, lest the answer's text be in it.
    if response.status_code != 200:
        raise refusal
    said = response.json()
    if said.get("status", "ok") != "ok" or "error_title" in said:
        raise refusal


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
