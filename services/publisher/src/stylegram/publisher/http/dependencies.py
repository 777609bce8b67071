"""What endpoints are given: the desk on the publisher's ledger, and what makes a post's media."""

from typing import Annotated

from fastapi import Depends, Request

from stylegram.publisher.desk import Desk
from stylegram.publisher.http.media import MediaMaker


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _media(request: Request) -> MediaMaker:
    media: MediaMaker = request.app.state.media
    return media


DeskDep = Annotated[Desk, Depends(_desk)]
MediaDep = Annotated[MediaMaker, Depends(_media)]
