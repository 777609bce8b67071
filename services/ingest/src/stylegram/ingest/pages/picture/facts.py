"""A run's numbers in words: what came of it, how good it is, what it was painted with."""

from dataclasses import dataclass

from stylegram.common.charts.scales import number
from stylegram.common.records import Metrics, RunRecord
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.picture.run import Run
from stylegram.ingest.pages.settings import Setting
from stylegram.ingest.pages.words import span
from stylegram.ingest.schemas import Job


@dataclass(frozen=True)
class Mark:
    """How good a picture is in one respect.

    Args:
        name: the respect.
        value: as it is shown.
        share: the same as a share of 1, where it is one.
        about: what it tells.
    """

    name: str
    value: str
    share: float | None
    about: str


def marks_of(view: RunView) -> list[Mark]:
    """How good the picture is; nothing of what was not measured."""
    metrics = view.metrics or {}
    marks = [
        _mark_of(
            "Score", view.score, "Lower is better: 1 would have all of both pictures, the photograph unpainted has 2."
        ),
        _share_of(
            "Photograph kept",
            view.relative_content_error,
            "100 % is the photograph itself, 0 % another picture that is as busy.",
        ),
        _share_of(
            "Painting reached",
            view.relative_style_error,
            "100 % is the painting’s own manner, 0 % the photograph unpainted.",
        ),
        _mark_of("Likeness", metrics.get("ssim"), "Of light and dark, place by place; 1 is equal. As you like it."),
        _share_of("Colours reached", metrics.get("color_distance"), "100 % are the painting’s own."),
        _mark_of(
            "Finest details",
            metrics.get("high_frequency_ratio"),
            "As the painting has them at 1; far above is noise, far below is blur.",
        ),
    ]
    return [mark for mark in marks if mark]


def measures_of(view: RunView) -> list[Setting]:
    """All that was measured, each with what it tells."""
    return [
        Setting(name, number(value), "", Metrics.model_fields[name].description or "")
        for name, value in (view.metrics or {}).items()
        if name in Metrics.model_fields
    ]


def facts_of(job: Job | None, run: Run | None, record: RunRecord | None) -> list[tuple[str, str]]:
    """What else there is to know, each with its name; what is not known is left out.

    Args:
        job: what ingest knows.
        run: what the record knows.
        record: what the worker wrote down.
    """
    view = run.view if run else None
    trial = view.trial if view else job.trial if job else None
    facts: list[tuple[str, object]] = []
    if view:
        facts += [
            ("Size", view.width and view.height and f"{view.width} × {view.height} pixels"),
            ("Painted in", view.seconds is not None and span(view.seconds)),
            ("Processor time", view.cpu_seconds is not None and span(view.cpu_seconds)),
            ("Evaluations", view.evaluations_done),
            ("Device", view.device),
            ("Memory", view.peak_memory_mb and f"{view.peak_memory_mb:,.0f} MB"),
            ("Engine", view.engine_version),
        ]
    if record:
        facts += [
            ("Torch", record.torch_version),
            ("Weights", record.weights.rpartition("/")[2]),
            ("Precision", record.precision),
            ("Went on at", ", ".join(map(str, record.resumed_at))),
        ]
    facts += [
        ("Worker", job and job.worker),
        ("Attempt", job and job.attempt and job.attempt > 1 and job.attempt),
        ("Trial", trial),
        ("Imported from", view and view.origin),
        ("Likes", view and view.likes),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "") and value is not False]


def _mark_of(name: str, value: float | None, about: str) -> Mark | None:
    return None if value is None else Mark(name, number(value), None, about)


def _share_of(name: str, error: float | None, about: str) -> Mark | None:
    if error is None:
        return None
    share = min(max(1 - error, 0.0), 1.0)
    return Mark(name, f"{share:.0%}".replace("%", " %"), share, about)
