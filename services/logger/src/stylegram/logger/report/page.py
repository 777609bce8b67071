"""The report as one HTML page: nothing beside it is fetched, and nothing in it runs."""

import math
import shlex
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stylegram.common.charts.key import key_of_shades
from stylegram.common.charts.scales import number
from stylegram.common.charts.svg import readable
from stylegram.logger.report import figures
from stylegram.logger.report.findings import Findings, differing
from stylegram.logger.report.model import Image, Pictures, Report, Value

_JPEG = b"\xff\xd8\xff"
_MOST_PAIRS = 12
"""Pairs beyond these have no chart and no pictures of their own."""


class _Album:
    """The pictures of a page, each read once and embedded once.

    Photographs and paintings come back in many places: they are backgrounds of a class each.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._classes: dict[tuple[str, str], str] = {}
        self.styles = Markup("")

    def result(self, job_id: str | None) -> Markup | None:
        """The address of a job's picture; None where there is none."""
        return None if job_id is None else _address_of(self._pictures.result(job_id))

    def large_result(self, job_id: str | None) -> Markup | None:
        """The same, larger."""
        read = self._pictures.large_result or self._pictures.result
        return None if job_id is None else _address_of(read(job_id))

    def photograph(self, image: Image) -> str:
        """The class of a photograph; empty where it is not to be had."""
        return self._class_of("photograph", self._pictures.photograph, image)

    def painting(self, image: Image) -> str:
        """The class of a painting; likewise."""
        return self._class_of("painting", self._pictures.painting, image)

    def _class_of(self, role: str, read: Callable[[str], bytes | None], image: Image) -> str:
        if image.sha256 is None:
            return ""
        key = role, image.sha256
        if key not in self._classes:
            address = _address_of(read(image.sha256))
            self._classes[key] = f"picture-{len(self._classes)}" if address else ""
            if address:
                self.styles += Markup(".{}{{background-image:url({})}}\n").format(self._classes[key], address)
        return self._classes[key]


def render_report(report: Report, pictures: Pictures | None = None) -> str:
    """The page.

    Args:
        report: what it tells of.
        pictures: where its pictures come from; None leaves them out.
    """
    findings, album = Findings(report), _Album(pictures or Pictures())
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            findings=findings,
            figures=figures,
            key_of_shades=key_of_shades,
            album=album,
            pairs=findings.by_pair[:_MOST_PAIRS],
            differing=lambda hyperparameters: differing(hyperparameters, report.base),
            styles=_styles(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("stylegram.logger.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Names and reasons are anybody's: what no page may have is taken out of all that is shown.
        finalize=lambda value: readable(value) if type(value) is str else value,
    )
    environment.filters.update(
        number=number,
        value=value_words,
        assignment=assignment,
        day=day_words,
        duration=duration_words,
    )
    return environment


@cache
def _styles() -> Markup:
    sheets = (
        files("stylegram.common.charts") / "static" / "charts.css",
        files("stylegram.logger.report") / "templates" / "report.css",
    )
    return Markup("").join(Markup(sheet.read_text(encoding="utf-8")) for sheet in sheets)  # noqa: S704  (our own)


def value_words(value: Value) -> str:
    """A hyperparameter's value as `--set` takes it, numbers in four digits.

    >>> value_words([0.123456, 2]), value_words(None), value_words(True)
    ('0.1235,2', 'none', 'true')
    """
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.4g}" if math.isfinite(value) else "–"
        case list() | tuple():
            return ",".join(map(value_words, value))
        case _:
            return str(value)


def assignment(name: str, value: Value) -> str:
    """What a shell is to be given for `--set`.

    >>> assignment("style_layers", ["relu1_1", "relu2_1"]), assignment("x", "$(y)")
    ('style_layers=relu1_1,relu2_1', "'x=$(y)'")
    """
    return shlex.quote(f"{name}={value_words(value)}")


def day_words(when: datetime) -> str:
    """A day, and the time in the zone that it has."""
    return f"{when.day} {when:%B %Y, %H:%M} {when:%Z}".rstrip()


def duration_words(seconds: float | None) -> str:
    """A time span in its two largest units.

    >>> [duration_words(seconds) for seconds in (20.4, 200, 9000, None)]
    ['20 s', '3 min 20 s', '2 h 30 min', '–']
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _address_of(jpeg: bytes | None) -> Markup | None:
    """As a data URI; None for what is no JPEG."""
    if jpeg is None or not jpeg.startswith(_JPEG):
        return None
    return Markup("data:image/jpeg;base64,{}").format(b64encode(jpeg).decode())
