"""The pages for people: written here, with little script, on nothing but the API that programs have too.

Each page is a module, a template, and, where it needs them, a sheet and a script of its own. Every form's answer is a
redirect, so that a reload repeats nothing.
"""

from collections.abc import Sequence

from fastapi import APIRouter

from stylegram.ingest.pages import better, gallery, library, login, paint, picture, posts, queue, record

ROUTERS: Sequence[APIRouter] = [
    page.router for page in (paint, picture, gallery, better, record, library, queue, posts, login)
]
"""One a page."""
