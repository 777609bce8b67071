"""The app: every feature's endpoints around one publisher.

>>> app = create_app(bootstrap(PublisherSettings()))  # doctest: +SKIP
>>> serve(app, listen("127.0.0.1", 8003), threading.Event())  # doctest: +SKIP
"""

from collections.abc import Collection, Sequence
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from stylegram.common.health import Check
from stylegram.common.http.app import Part, assemble
from stylegram.publisher.bootstrap import PublisherService, look_of
from stylegram.publisher.http import accounts, posts
from stylegram.publisher.http.media import MediaMaker

ROUTERS: Sequence[APIRouter] = [posts.router, accounts.router]
"""One a feature, in the order in which they are described."""
_TAGS = [
    {"name": "posts", "description": "What goes out, with which words, and what people decide about it."},
    {"name": "accounts", "description": "Where posts go, and how that stands."},
]


def publisher_part(publisher: PublisherService) -> Part:
    """What the publisher has to answer with, at whatever address."""
    desk = publisher.desk()
    media = MediaMaker(desk.composer, repr(look_of(publisher.settings)))
    return Part(routers=ROUTERS, state={"desk": desk, "media": media}, tags=_TAGS)


def create_app(
    publisher: PublisherService,
    *,
    tokens: Collection[str] = (),
    max_upload_megabytes: float = 1.0,
    alive: Check = lambda: None,
    shows_metrics: bool = True,
) -> FastAPI:
    """The HTTP face of `publisher`; see `assemble`.

    Args:
        publisher: the service; whoever opened it closes it.
        tokens: see `assemble`.
        max_upload_megabytes: likewise; nobody brings more along than a caption.
        alive: likewise.
        shows_metrics: likewise.
    """
    return assemble(
        publisher_part(publisher),
        title="Stylegram's posts",
        version=version("stylegram-publisher"),
        description="What goes out on which account, when, and with which words.",
        tokens=tokens,
        max_upload_megabytes=max_upload_megabytes,
        alive=alive,
        ready=publisher.check,
        shows_metrics=shows_metrics,
    )
