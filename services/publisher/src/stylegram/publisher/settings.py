"""The publisher's settings."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from stylegram.common.http.settings import HttpSettings
from stylegram.common.messages import PostKind
from stylegram.common.settings import DatabaseSettings
from stylegram.common.timezones import TimezoneName, timezone_of
from stylegram.publisher.captions import Language
from stylegram.publisher.policy import Policy, Windows
from stylegram.publisher.renditions import Fit, PostFormat

# What a public account gets where nobody says otherwise.
_PUBLIC_BUDGET, _PUBLIC_SPACING_MINUTES, _PUBLIC_WARM_UP_DAYS = 3, 120.0, 14.0


def _read_kinds(value: object) -> object:
    """The kinds in a text like 'photo, reel', or in a JSON list.

    Raises:
        ValueError: there are none, or one is none.
    """
    if not isinstance(value, str):
        return value
    words = re.findall(r"[^\s,\[\]\"']+", value)
    if unknown := [word for word in words if word not in list(PostKind)]:
        raise ValueError(f"'{unknown[0]}' is no kind of post; those are {', '.join(PostKind)}")
    if not words:
        raise ValueError(f"there is no kind of post in it; those are {', '.join(PostKind)}")
    return tuple(dict.fromkeys(words))


# NoDecode: settings would take what is in the environment for JSON.
_Kinds = Annotated[tuple[PostKind, ...], NoDecode, BeforeValidator(_read_kinds)]
# Set to nothing, a file is not named.
_File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class PublisherSettings(HttpSettings, DatabaseSettings):
    """What the publisher needs beside what every service that answers over HTTP needs."""

    publish_url: str = Field(
        "folder:///var/lib/stylegram/outbox",
        description="Where posts go: folder:///path, instagrapi://username, or graph://the-account's-number.",
    )
    # Beside ingest's and the logger's on one machine.
    http_port: int = Field(8003, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")
    post_kinds: _Kinds = Field(
        (PostKind.PHOTO,),
        description="What a picture is posted as, as in 'photo, reel'; of photo, carousel, grid, story and reel.",
    )
    post_format: PostFormat = Field("square", description="Size of a post: 1080×1080, 1080×1350 or 1080×566.")
    post_fit: Fit = Field(
        "crop", description="How a picture gets that size: cut around its subject, padded with itself, or distorted."
    )
    post_quality: int = Field(95, ge=92, le=95, description="Quality of the JPEG.")
    post_max_enlargement: float = Field(
        2.0, ge=1, description="How often enlarged a picture may be at most; beyond that it is padded with itself."
    )
    caption_template: _File = Field(
        None, description="Jinja2 template of the caption; the one of the language by default."
    )
    caption_language: Language = Field("en", description="Language of captions: en or es.")
    style_names: _File = Field(None, description="JSON file: a painting's file name → its title.")
    hashtags: _File = Field(
        None, description='JSON file: {"always": ["#art", …], "styles": {"scream.jpg": ["#munch", …]}}; see docs.'
    )
    timezone: TimezoneName = Field("UTC", description="Time zone of the windows, as in Europe/Berlin.")
    post_windows: Windows = Field(
        (),
        description="When posts go out, as in '08:00-11:00, 17:30-21:00' or 'mon-fri 18:00-20:00, sat 10:00-14:00';"
        " at any time where empty.",
    )
    post_daily_budget: int | None = Field(
        None, ge=1, description="Posts in 24 hours at most; 3 by default on a public account, any number in a folder."
    )
    post_spacing_minutes: float | None = Field(
        None, ge=0, description="Pause between two posts; 120 by default on a public account, none in a folder."
    )
    post_jitter: float = Field(
        0.3, ge=0, le=1, description="Share of the pause by which chance makes it longer; half as much on average."
    )
    post_warm_up_days: float | None = Field(
        None,
        ge=0,
        description="Days in which a new account's budget grows from one; 14 by default on a public account.",
    )
    post_approval: bool | None = Field(
        None, description="Whether a new account's posts wait for a yes; by default a public account's do."
    )
    dry_run: bool = Field(False, description="Do all but post: what would go out waits, and is logged.")
    post_hold_seconds: float = Field(
        600.0, gt=1, description="Until a post is taken up whose publisher died; longer than an upload takes."
    )
    feedback: bool = Field(True, description="Read back how published posts are taken.")
    instagram_session_file: Path = Field(
        Path("/var/lib/stylegram/instagram-session.json"),
        description="The login that `stylegram auth instagram` made: a secret, which the publisher keeps up to date.",
    )
    instagram_login_file: _File = Field(
        None,
        description="A login that `stylegram auth instagram` made, where it cannot be kept up to date, as in a secret"
        " of a cluster: at the publisher's start it goes into the session file, unless it went there before.",
    )
    instagram_proxy: SecretStr | None = Field(
        None, description="Proxy for Instagram, as http://user:password@host:port; always the same for one account."
    )
    instagram_pause_seconds: float = Field(1.0, ge=0, description="Pause before each call to Instagram.")
    instagram_transport: Literal["curl", "requests"] = Field(
        "curl", description="What talks to Instagram: curl has the app's fingerprint, requests is plain Python."
    )
    instagram_endpoint: str | None = Field(None, description="Where Instagram answers, if not at its own addresses.")
    graph_token: SecretStr | None = Field(
        None, description="Access token of the official Graph API with the right to publish; for graph://."
    )
    graph_endpoint: str = Field(
        "https://graph.facebook.com",
        description="Where the Graph API answers; https://graph.instagram.com for accounts that log in with Instagram.",
    )
    graph_version: str = Field("v23.0", pattern=r"^v\d+\.\d+$", description="Version of the Graph API.")

    def policy(self, *, is_public: bool) -> Policy:
        """What an account's posts keep to.

        Args:
            is_public: whether carelessness could cost the account; a folder takes what comes, where nobody says
                otherwise.
        """
        budget, spacing, warm_up = self.post_daily_budget, self.post_spacing_minutes, self.post_warm_up_days
        if is_public:
            budget = _PUBLIC_BUDGET if budget is None else budget
            spacing = _PUBLIC_SPACING_MINUTES if spacing is None else spacing
            warm_up = _PUBLIC_WARM_UP_DAYS if warm_up is None else warm_up
        return Policy(
            windows=self.post_windows,
            timezone=timezone_of(self.timezone),
            daily_budget=budget,
            spacing=timedelta(minutes=spacing or 0),
            jitter=self.post_jitter,
            warm_up=timedelta(days=warm_up or 0),
            dry_run=self.dry_run,
        )


def default_session_file(username: str) -> Path:
    """Where `stylegram auth instagram` leaves a login on a machine that has no other place for it."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "stylegram" / f"instagram-{username.lower()}.json"
