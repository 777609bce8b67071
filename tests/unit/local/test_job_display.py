from datetime import timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState
from stylegram.local.job_display import print_job, show_progress, table_of
from stylegram.local.stages import Stages

NOW = utcnow()


def picture(name: str) -> AssetReference:
    return AssetReference(sha256="0" * 64, object_name="assets/a.png", name=name)


def job(**facts: Any) -> Job:
    """A job of which nothing is known but what is said here."""
    unknown = dict.fromkeys(name for name, field in Job.model_fields.items() if field.is_required())
    known = {
        "id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
        "content": picture("[red]a.jpg"),
        "style": picture("b.jpg"),
        "hyperparameters": Hyperparameters(size=64, evaluations=(3, 1)),
        "publish": False,
        "priority": "interactive",
        "state": JobState.QUEUED,
        "sequence": 1,
        "publications": 1,
        "created_at": NOW - timedelta(hours=2),
    }
    return Job.model_validate(unknown | known | facts)


def written(show: Any, wanted: Any) -> str:
    """What a log, which is no terminal, gets of it."""
    text = StringIO()
    console = Console(file=text, width=200)
    show(console, wanted)
    return text.getvalue()


def stage_of(*jobs: Job) -> str:
    def show(console: Console, jobs: tuple[Job, ...]) -> None:
        with Stages(console) as stages:
            stage = stages.begin("Paint")
            for each in jobs:
                show_progress(stage, each)

    return written(show, jobs)


def test_names_are_shown_as_they_are() -> None:
    assert "[red]a.jpg × b.jpg" in written(Console.print, table_of([job()]))
    assert "[red]a.jpg × b.jpg" in written(print_job, job())


def test_a_job_is_cancelled_only_when_it_is() -> None:
    asked = job(state=JobState.RUNNING, cancel_requested_at=NOW)
    ended = job(state=JobState.CANCELLED, cancel_requested_at=NOW, finished_at=NOW, reason="Cancelled.")
    assert "running, being cancelled" in written(Console.print, table_of([asked]))
    assert "being cancelled" not in written(Console.print, table_of([ended]))


def test_what_nobody_knows_is_left_out() -> None:
    facts = {line.split()[0] for line in written(print_job, job()).splitlines()[1:]}
    assert facts == {"job", "state", "priority", "content", "style", "settings", "submitted"}


def test_all_pictures_and_settings_are_shown() -> None:
    shown = written(
        print_job,
        job(
            further_styles=(picture("c.jpg"),),
            masks=(None, picture("m.png")),
            start_image=picture("s.png"),
            hyperparameters=Hyperparameters(style_weights=(1, 2), start="image"),
            time_limit_seconds=600,
        ),
    )
    assert "a.jpg × b.jpg × c.jpg" in shown
    assert "masks        none, m.png" in shown
    assert "start image  s.png" in shown
    assert "settings     start=image style_weights=1.0,2.0" in shown
    assert "time limit   10 min" in shown
    assert "settings     the defaults" in written(print_job, job(hyperparameters=Hyperparameters()))


def test_progress_goes_by_the_pixels() -> None:
    painted = job(state=JobState.RUNNING, evaluation=3, evaluations=4, loss=0.5)
    assert "43%" in written(Console.print, table_of([painted])), "three of 32 pixels, of them and one of 64"


def test_the_bar_follows_a_job_that_is_put_back_and_goes_on() -> None:
    painted = {"evaluation": 3, "evaluations": 4, "loss": 0.5}
    lines = stage_of(
        job(),
        job(state=JobState.RUNNING),
        job(state=JobState.QUEUED, **painted),
        job(state=JobState.SUCCEEDED, finished_at=NOW, **painted),
    ).splitlines()
    assert len(lines) == 2, "a line for the first quarter that is full, and one for the end"
    assert "43% evaluation 3 of 4, loss 0.5000, waits for a worker" in lines[0]
    assert "the picture is there" in lines[1]


def test_the_bar_says_why_there_is_no_picture() -> None:
    assert "failed: The weights are corrupt." in stage_of(job(state=JobState.FAILED, reason="The weights are corrupt."))
