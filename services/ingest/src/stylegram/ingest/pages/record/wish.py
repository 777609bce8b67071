"""Which runs of the record an address asks for, and what may be asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import QueryParams

from stylegram.common.charts.svg import readable
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.choices import Choice
from stylegram.ingest.pages.words import title_of

OWN = "own"
# Before a label, which may be any word.
_FROM = "from:"
_DIGEST_LENGTH = 64
_EVERYBODYS, _OUR_OWN = Choice("", "Everybody’s"), Choice(OWN, "Our own")


@dataclass(frozen=True)
class Wish:
    """What an address asks for; empty is all.

    Args:
        content: the photograph, by its file's name or its digest.
        style: the painting, likewise.
        whose: `own`, or `from:` and the label of whose record runs were imported from.
        since: the first day, as in 2026-11-21.
    """

    content: str = ""
    style: str = ""
    whose: str = ""
    since: str = ""

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """What an address means; what means nothing is as if it were not there."""
        content, style, whose, since = (readable(query.get(name, "")) for name in cls.__dataclass_fields__)
        return cls(
            content, style, whose if whose == OWN or whose.startswith(_FROM) else "", since if _is_day(since) else ""
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing in particular is asked for."""
        return self == Wish()

    @property
    def question(self) -> dict[str, Any]:
        """The same as the record is asked for it."""
        origin = {OWN: "", "": None}.get(self.whose, self.whose.removeprefix(_FROM))
        return {
            "content": self.content or None,
            "style": self.style or None,
            "origin": origin,
            "started_at.min": self.since or None,
        }

    @property
    def asked(self) -> dict[str, str]:
        """The same as the API's own query, for people who go on from here with a program."""
        return {name: value for name, value in self.question.items() if value is not None}

    def query(self, **more: str | None) -> str:
        """The query of an address that asks for the same.

        Args:
            more: what else it says; None is left out.

        >>> Wish(whose=OWN).query(by="score", cursor=None)
        '?whose=own&by=score'
        """
        said = {name: value for name, value in {**vars(self), **more}.items() if value}
        return f"?{urlencode(said)}" if said else ""


def _is_day(text: str) -> bool:
    try:
        # It also reads 20261121 and 2026-W47-6, which neither the record nor a browser does.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _wish(request: Request) -> Wish:
    return Wish.of(request.query_params)


WishDep = Annotated[Wish, Depends(_wish)]


def pictures_in(
    runs: Iterable[RunView], role: Literal["content", "style"], further: Iterable[str], chosen: str
) -> Sequence[Choice]:
    """The photographs or paintings that one may ask for, by title.

    By their files' names, for of imported runs nothing else is known.

    Args:
        runs: some runs, whose pictures are among them.
        role: which of their two pictures.
        further: names of files.
        chosen: a name, a digest, or empty.
    """
    words = {name: title_of(name) for name in further}
    for run in runs:
        name, digest = (
            (run.content_name, run.content_sha256) if role == "content" else (run.style_name, run.style_sha256)
        )
        if name:
            words[name] = title_of(name)
            if digest == chosen:
                words[chosen] = title_of(name)
    if chosen and chosen not in words:
        words[chosen] = f"{chosen[:12]}…" if len(chosen) == _DIGEST_LENGTH else title_of(chosen)
    return sorted((Choice(*each) for each in words.items()), key=lambda choice: choice.words.casefold())


def owners_in(runs: Iterable[RunView], chosen: str) -> Sequence[Choice]:
    """Whose runs one may ask for: of everybody, our own, and of those from whom some were imported."""
    labels = {run.origin for run in runs if run.origin}
    if chosen.startswith(_FROM):
        labels.add(chosen.removeprefix(_FROM))
    return [_EVERYBODYS, _OUR_OWN, *(Choice(_FROM + label, f"From {label}") for label in sorted(labels))]
