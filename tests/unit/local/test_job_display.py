from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState
from stylegram.local.job_display import print_job, show_progress, table_of, what_the_post_waits_for
from stylegram.local.stages import Stages


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
        "created_at": utcnow() - timedelta(hours=2),
    }
    return Job.model_validate(unknown | known | facts)


def written(show: Any, *wanted: Any, width: int = 200, terminal: bool = False) -> str:
    """What a log gets of it, which is no terminal unless that is said."""
    text = StringIO()
    console = Console(file=text, width=width, force_terminal=terminal, color_system=None)
    show(console, *wanted)
    return text.getvalue()


def stage_of(*jobs: Job) -> str:
    def show(console: Console, *jobs: Job) -> None:
        with Stages(console) as stages:
            stage = stages.begin("Paint")
            for each in jobs:
                show_progress(stage, each)

    return written(show, *jobs)


def test_names_are_shown_as_they_are() -> None:
    assert "[red]a.jpg × b.jpg" in written(Console.print, table_of([job()], 200))
    assert "[red]a.jpg × b.jpg" in written(print_job, job())


def test_a_job_is_cancelled_only_when_it_is() -> None:
    asked = job(state=JobState.RUNNING, cancel_requested_at=utcnow())
    ended = job(state=JobState.CANCELLED, cancel_requested_at=utcnow(), finished_at=utcnow(), reason="Cancelled.")
    assert "being cancelled" in written(Console.print, table_of([asked], 200))
    assert "running, being cancelled" in written(print_job, asked)
    assert "being cancelled" not in written(Console.print, table_of([ended], 200))


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
    assert "43%" in written(Console.print, table_of([painted], 200)), "three of 32 pixels, of them and one of 64"


def test_the_bar_follows_a_job_that_is_put_back_and_goes_on() -> None:
    painted = {"evaluation": 3, "evaluations": 4, "loss": 0.5}
    lines = stage_of(
        job(),
        job(state=JobState.RUNNING),
        job(state=JobState.QUEUED, **painted),
        job(state=JobState.SUCCEEDED, finished_at=utcnow(), **painted),
    ).splitlines()
    assert len(lines) == 2, "a line for the first quarter that is full, and one for the end"
    assert "43% evaluation 3 of 4, loss 0.5000, waits for a worker" in lines[0]
    assert "the picture is there" in lines[1]


def test_the_bar_says_why_there_is_no_picture_and_praises_nothing() -> None:
    failed = stage_of(job(state=JobState.FAILED, reason="The weights are corrupt.", finished_at=utcnow()))
    cancelled = stage_of(job(state=JobState.CANCELLED, reason="Cancelled.", finished_at=utcnow()))
    assert failed.split(maxsplit=2) == ["✗", "Paint", "failed: The weights are corrupt.\n"]
    assert cancelled.split() == ["–", "Paint", "cancelled"]


def test_a_line_of_the_table_is_no_longer_than_the_screen() -> None:
    long = {"content": picture(f"{'harbour_' * 6}a.jpg"), "style": picture(f"{'storm_' * 9}b.jpg")}
    jobs = [
        job(**long, state=JobState.FAILED, reason="The weights\nare corrupt, and nobody knows since when."),
        job(**long, state=JobState.RUNNING, evaluation=3, evaluations=4, cancel_requested_at=utcnow()),
        job(**long, further_styles=[picture("third.jpg")] * 5),
        job(style=long["style"]),
    ]
    for some in (jobs, *([each] for each in jobs)):
        lines = written(Console.print, table_of(some, 80), width=80).splitlines()
        assert len(lines) == 1 + len(some)
        assert max(map(len, lines)) <= 80
    (_, failed, running, *_) = written(Console.print, table_of(jobs, 80), width=80).splitlines()
    assert all(words in failed for words in ("harbou… ×", "× storm_", "The weights")), "of each there is something"
    assert running.rstrip().endswith("43%   2 h  being cancelled")


def test_a_short_name_leaves_its_room_to_a_long_one() -> None:
    long = picture("a_very_long_name_of_a_painting.jpg")
    (_, line) = written(Console.print, table_of([job(content=picture("c.jpg"), style=long)], 66)).splitlines()
    assert "c.jpg × a_very_long_name_of_a…" in line


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    cancelled = job(state=JobState.CANCELLED, reason="Cancelled.", finished_at=utcnow())
    header = written(Console.print, table_of([job(), cancelled], 200)).splitlines()[0]
    assert header.split() == ["id", "state", "priority", "pictures", "age"]
    assert "Cancelled." not in written(Console.print, table_of([cancelled, job(reason="No.")], 200))


def test_a_job_fits_a_small_screen_and_its_times_stand_in_their_order() -> None:
    facts = {
        "state": JobState.FAILED,
        "reason": "The weights are corrupt, and nobody has any idea since when, or who may have brought them here.",
        "worker": "a-worker-of-a-cluster-with-a-long-name:1",
        "evaluation": 3,
        "evaluations": 4,
        "loss": 0.5,
        "started_at": utcnow() - timedelta(seconds=30),
        "cancel_requested_at": utcnow() - timedelta(seconds=20),
        "finished_at": utcnow(),
    }
    lines = written(print_job, job(**facts), width=80, terminal=True).splitlines()
    assert max(map(len, lines)) <= 80
    labels = [line[2:15].strip() for line in lines]
    assert [each for each in labels if each in ("submitted", "started", "cancel asked", "ended")] == [
        *("submitted", "started", "cancel asked", "ended")
    ]
    piped = written(print_job, job(**facts), width=80)
    assert f"reason       {facts['reason']}\n" in piped, "a fact is a line for a program"
    assert "progress     43%, evaluation 3 of 4, loss 0.5000\n" in piped
    assert f"style        b.jpg, SHA-256 {'0' * 12}…\n" in piped
    assert "(2 h ago)\n" in piped


def test_what_became_of_each_post_is_told() -> None:
    out = {"kind": "photo", "state": "published", "url": "https://example.org/1", "said_at": utcnow()}
    no_film = {"kind": "reel", "state": "failed", "reason": "There is no film.", "said_at": utcnow()}
    word = {"post_state": "published", "post_url": "https://example.org/1"}
    alone = written(print_job, job(state=JobState.SUCCEEDED, posts={"a": out}, **word))
    assert "post         published, https://example.org/1\n" in alone
    both = written(print_job, job(state=JobState.SUCCEEDED, posts={"b": no_film, "a": out}, **word))
    assert "post         photo published, https://example.org/1\n" in both
    assert "post         reel failed, There is no film.\n" in both
    before = written(print_job, job(state=JobState.SUCCEEDED, post_state="waiting", post_reason="For a yes."))
    assert "post         waiting, For a yes.\n" in before, "what an older version left is of one post"


def test_the_command_that_says_yes_finds_the_state_folder() -> None:
    waiting = {"kind": "photo", "state": "waiting", "reason": "It waits for a yes.", "said_at": utcnow()}
    asked = job(post_state="waiting", post_reason="It waits for a yes.", posts={"3f9a1c27d0": waiting})
    words = what_the_post_waits_for(asked, Path("/my state"))
    assert words == "It waits for a yes: stylegram posts approve 3f9a1c27d0 --state '/my state'"
    due = "the day's 3 posts are out; the next is due 2026-11-21 09:10 UTC"
    assert what_the_post_waits_for(job(post_state="waiting", post_reason=due), Path("/my state")) == due


def test_that_several_posts_wait_is_said() -> None:
    waiting = {"kind": "photo", "state": "waiting", "reason": "It waits for a yes.", "said_at": utcnow()}
    asked = job(post_state="waiting", post_reason="It waits for a yes.", posts={"a": waiting, "b": waiting})
    words = what_the_post_waits_for(asked, Path("/state"))
    assert words == "It waits for a yes. (one of 2: stylegram posts list --state /state)"


def test_a_job_of_a_paused_queue_says_so_and_what_to_do() -> None:
    shown = written(print_job, job(), "stylizer.batch", width=80, terminal=True)
    assert "  waits: its queue stylizer.batch is paused (stylegram queue resume stylizer)\n" in shown
