"""Configuring, as Instagram calls it: the one request that turns uploads into a post that the world sees."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from instagrapi import Client
from instagrapi.utils.serialization import dumps

from stylegram.common.messages import PostKind
from stylegram.common.ports import Post
from stylegram.publisher.outlets.instagrapi_api.uploads import Uploaded

_ALT_TEXT = "custom_accessibility_caption"

Answer = Mapping[str, Any]


def configure(client: Client, post: Post, uploaded: Sequence[Uploaded]) -> Answer:
    """Publish the post; exactly one request, which the client makes as it stands.

    Raises:
        Exception: of the client's, or `NoAnswer`.
    """
    return _WAYS[post.kind](client, post, uploaded)


def _photo(client: Client, post: Post, uploaded: Sequence[Uploaded]) -> Answer:
    [picture], [medium] = uploaded, post.media
    extra = {_ALT_TEXT: medium.alt_text} if medium.alt_text else {}
    answer: Answer = client.photo_configure(picture.id, picture.width, picture.height, post.caption, extra_data=extra)
    return answer


def _carousel(client: Client, post: Post, uploaded: Sequence[Uploaded]) -> Answer:
    children = [
        {
            "upload_id": picture.id,
            "edits": dumps(
                {
                    "crop_original_size": [picture.width, picture.height],
                    "crop_center": [0.0, 0.0],
                    "crop_zoom": 1.0,
                }
            ),
            "extra": dumps({"source_width": picture.width, "source_height": picture.height}),
            **({_ALT_TEXT: medium.alt_text} if medium.alt_text else {}),
        }
        for picture, medium in zip(uploaded, post.media, strict=True)
    ]
    answer: Answer = client.album_configure(children, post.caption)
    return answer


def _story(client: Client, _post: Post, uploaded: Sequence[Uploaded]) -> Answer:
    [picture] = uploaded
    answer: Answer = client.photo_configure_to_story(picture.id, picture.width, picture.height, caption="")
    return answer


def _reel(client: Client, post: Post, uploaded: Sequence[Uploaded]) -> Answer:
    # Not the client's own way, which uploads the cover once more, encoded again, before it configures.
    [film] = uploaded
    seconds = film.seconds or 0.0
    segment = {
        "index": 0,
        "duration_ms": round(seconds * 1000),
        "source_type": 4,
        "media_type": "video",
        "original_media_type": 2,
        "audio_type": "original",
        "speed": 100,
        "camera_position": -1,
        "from_draft": 0,
    }
    data = {
        "upload_id": film.id,
        "caption": post.caption,
        "length": seconds,
        "source_type": "4",
        "capture_type": "clips_v2",
        "clips_creation_entry_point": "clips",
        "clips_segments_metadata": {"num_segments": 1, "clips_segments": [segment]},
        # Else it is on no list but that of reels.
        "clips_share_preview_to_feed": "1",
        "hide_from_profile_grid": "false",
        "audience": "default",
        "audio_muted": False,
        "original_width": film.width,
        "original_height": film.height,
        "extra": {"source_width": film.width, "source_height": film.height},
        "edits": {"filter_type": 0, "filter_strength": 1.0},
        "filter_type": "0",
        "poster_frame_index": 0,
        "timezone_offset": str(client.timezone_offset),
        "device": client.device,
    }
    answer: Answer = client.private_request("media/configure_to_clips/?video=1", client.with_default_data(data))
    return answer


_WAYS: Mapping[PostKind, Callable[[Client, Post, Sequence[Uploaded]], Answer]] = {
    PostKind.PHOTO: _photo,
    PostKind.CAROUSEL: _carousel,
    PostKind.STORY: _story,
    PostKind.REEL: _reel,
}

KINDS = frozenset(_WAYS)
"""What can be published."""
