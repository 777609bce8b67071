"""Addresses of posts, as people give them."""

from urllib.parse import urlsplit

from stylegram.common.errors import InvalidInput

_ADVICE = "It looks like https://www.instagram.com/p/…."


def check_address(url: str, account: str) -> None:
    """Refuse what cannot be where a post of the account's is out.

    Raises:
        InvalidInput: it is no address, or is elsewhere than the account.
    """
    try:
        given = urlsplit(url)
    except ValueError:
        raise InvalidInput(f"'{url}' is no address.", advice=_ADVICE) from None
    # Browsers take a backslash for a slash, and so another part of it for the host.
    if given.scheme not in ("http", "https", "file") or not url.isprintable() or "\\" in url:
        raise InvalidInput(f"'{url}' is no address.", advice=_ADVICE)
    on_instagram = urlsplit(account).scheme in ("instagrapi", "graph")
    if on_instagram and not f".{given.hostname or ''}".endswith(".instagram.com"):
        raise InvalidInput(f"'{url}' is not at Instagram, as the account is.", advice=_ADVICE)
