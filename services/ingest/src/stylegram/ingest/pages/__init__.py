"""The pages for people: written here, with little script, on nothing but the API that programs have too.

Each page is a module or a package, with templates, and, where it needs them, a sheet and scripts of its own. Every
form's answer is a redirect, so that a reload repeats nothing.
"""

from collections.abc import Sequence

from fastapi import APIRouter

from stylegram.ingest.pages import library, login, queue
from stylegram.ingest.pages.better import page as better
from stylegram.ingest.pages.gallery import page as gallery
from stylegram.ingest.pages.paint import page as paint
from stylegram.ingest.pages.picture import page as picture
from stylegram.ingest.pages.posts import page as posts
from stylegram.ingest.pages.record import page as record

ROUTERS: Sequence[APIRouter] = [
    page.router for page in (paint, picture, gallery, better, record, library, queue, posts, login)
]
"""One a page."""
