"""Outlets, chosen by the scheme of a URL."""

from urllib.parse import urlsplit

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Outlet, Storage
from stylegram.publisher.outlets.folder import FolderOutlet
from stylegram.publisher.settings import PublisherSettings

_ADVICE = (
    "STYLEGRAM_PUBLISH_URL takes folder:///an/absolute/path, instagrapi://username, or graph://the-account's-number."
)


def open_outlet(settings: PublisherSettings, storage: Storage) -> Outlet:
    """The outlet that the settings name; nothing is asked of it yet.

    Args:
        settings: the publisher's.
        storage: where the Graph API fetches pictures from.

    Raises:
        ConfigurationError: no outlet for that scheme, no name in the URL, or what the outlet needs is missing.
    """
    # Imported where they are needed: instagrapi alone takes a second.
    match urlsplit(settings.publish_url):
        case (("folder"), *_):
            return FolderOutlet(url_path(settings.publish_url))
        case (("instagrapi"), str(username), *_) if username:
            from stylegram.publisher.outlets.instagrapi_api import InstagrapiOutlet, take_over_login

            if settings.instagram_login_file:
                take_over_login(settings.instagram_login_file, settings.instagram_session_file)
            return InstagrapiOutlet(
                username,
                session_file=settings.instagram_session_file,
                proxy=settings.instagram_proxy,
                pause_seconds=settings.instagram_pause_seconds,
                transport=settings.instagram_transport,
                endpoint=settings.instagram_endpoint,
            )
        case (("graph"), str(user_id), *_) if user_id:
            from stylegram.publisher.outlets.graph_api import GraphOutlet

            if settings.graph_token is None:
                raise ConfigurationError(
                    "graph:// needs an access token.",
                    advice="Set STYLEGRAM_GRAPH_TOKEN, or STYLEGRAM_GRAPH_TOKEN_FILE to a file that has it.",
                )
            return GraphOutlet(
                user_id,
                token=settings.graph_token,
                endpoint=settings.graph_endpoint,
                version=settings.graph_version,
                storage=storage,
            )
        case (scheme, *_):
            raise ConfigurationError(f"No outlet for '{scheme}:'.", advice=_ADVICE)
