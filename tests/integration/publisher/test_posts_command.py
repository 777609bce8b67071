"""`python -m stylegram.publisher posts …` and `… account …`, as a person runs them beside a publisher or without."""

import io
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from rich.text import Text
from sqlalchemy import update

from publisher_fakes import House, Killed, Script, ScriptedOutlet
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import AccountStopped, CoolDown, LoginNeeded, Refused
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.policy import Policy, written
from stylegram.publisher.posts_command import run
from stylegram.publisher.tables import PostRow, PostState

PROGRAM = "python -m stylegram.publisher"


class Outcome(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    house: House, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    for name, value in {
        "STYLEGRAM_DATABASE_URL": database_url,
        "STYLEGRAM_STORAGE_URL": (house.folder / "storage").as_uri(),
        "STYLEGRAM_PUBLISH_URL": "instagrapi://painter",
        "STYLEGRAM_POST_FORMAT": "landscape",
        "STYLEGRAM_POST_FIT": "stretch",
        "STYLEGRAM_POST_QUALITY": "92",
        "STYLEGRAM_POST_DAILY_BUDGET": "100",
        "STYLEGRAM_POST_WARM_UP_DAYS": "0",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)

    def run_it(*words: str) -> Outcome:
        capsys.readouterr()
        return Outcome(run(words), *capsys.readouterr())

    return run_it


def change(house: House, post: str, **values: Any) -> None:
    with transaction(house.engine) as session:
        session.execute(update(PostRow).where(PostRow.key == post).values(**values))


def waiting(house: House, outlet: ScriptedOutlet, **words: Any) -> PostRow:
    """A post that waits for a yes."""
    house.accounts.enter(outlet.account, approval=True)
    house.accounts.set_approval(outlet.account, True)
    house.ask(house.desk(outlet), house.request(**words))
    return house.ledger().posts()[0]


def published(house: House, outlet: ScriptedOutlet) -> PostRow:
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    row = house.row()
    assert row.state is PostState.PUBLISHED
    return row


def unknown(house: House, *, shows: bool = False) -> PostRow:
    """A post whose publisher died when it was about to hear whether it is out, on an account that does not show it."""
    outlet = ScriptedOutlet(Script(after_commit=[Killed()]), shows=shows)
    house.ask(house.desk(outlet), house.request())
    with pytest.raises(Killed):
        house.desk(outlet).publisher.step()
    house.time_passes(minutes=30)
    house.work_off(house.desk(outlet))
    row = house.row()
    assert row.state is PostState.NEEDS_REVIEW
    return row


def advised(out: str) -> list[list[str]]:
    """The commands that the output tells a person to run."""
    lines = [line.strip() for line in out.splitlines()]
    return [shlex.split(line.removeprefix(PROGRAM)) for line in lines if line.startswith(PROGRAM)]


# List


def test_the_list_says_of_each_post_what_it_waits_for_newest_first(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    out = published(house, outlet)
    for job_id in ("51", "52", "53", "54"):
        waiting(house, outlet, job_id=job_id)
    rows = house.ledger().posts((PostState.PREPARED,))
    far = utcnow() + timedelta(days=400)
    approvals: list[dict[str, Any]] = [
        {},
        {"approved_at": utcnow(), "not_before": far},
        *[{"approved_at": utcnow()}] * 2,
    ]
    for minutes, (row, approval) in enumerate(zip(rows, approvals, strict=True), 5):
        change(house, row.key, created_at=utcnow() - timedelta(minutes=minutes), **approval)
    change(house, out.key, created_at=utcnow() - timedelta(days=3), published_at=utcnow() - timedelta(hours=30))
    done = command("posts", "list")
    assert done.code == 0, done.err
    title, _, *lines = done.out.splitlines()
    assert title.strip() == "Posts of @painter"
    assert [line.split()[0] for line in lines] == [row.key[:8] for row in house.ledger().posts()]
    remarks = ["waits for a yes", f"tried again {far:%Y-%m-%d}", "in line", "due now", "https://example.org/p/1"]
    assert all(remark in line for remark, line in zip(remarks, lines, strict=True))
    assert "me.jpg × the_scream.jpg" in lines[0]
    assert [line.split()[1:3] for line in (lines[0], lines[-1])] == [["5", "min"], ["1", "d"]]


def test_the_list_is_filtered_limited_and_json(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    published(house, outlet)
    row = waiting(house, outlet, job_id="51")
    prepared = command("posts", "list", "--json", "--only", "prepared").out.splitlines()
    [post] = map(json.loads, prepared)
    assert (post["key"], post["content"], post["style"]) == (row.key, "me.jpg", "the_scream.jpg")
    assert post["waits_for"] == "waits for a yes"
    assert len(command("posts", "list", "--json").out.splitlines()) == 2
    assert len(command("posts", "list", "--json", "--limit", "1").out.splitlines()) == 1
    assert command("posts", "list", "--only", "failed") == (0, "", "There are no such posts.\n")
    refused = command("posts", "list", "--only", "lost")
    assert refused.code == 2
    assert all(state in refused.err for state in PostState)


def test_where_nothing_was_posted_it_says_so(command: Command) -> None:
    assert command("posts", "list") == (0, "", "There are no posts.\n")
    assert command("account", "show") == (0, "", "There are no accounts: nothing was posted yet.\n")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_list_fits_the_screen_and_cuts_no_address(
    command: Command, house: House, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    row = published(house, ScriptedOutlet())
    url = "https://www.instagram.com/p/DB3xY_abcde/"
    change(house, row.key, url=url, request=house.request(style_name="a_very_long_name_🌉" * 15).model_dump_json())
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("posts", "list").out.splitlines()
    assert max(Text(line).cell_len for line in lines) <= columns
    assert "…" in lines[2]
    # The rest of it stands below, in the same column.
    assert "".join(line[lines[1].index("remark") :].strip() for line in lines[2:]).endswith(url[-8:])
    assert url in "".join(line.split()[-1] for line in lines[2:])


def test_names_from_afar_do_not_steer_the_terminal(command: Command, house: House) -> None:
    waiting(house, ScriptedOutlet(), style_name="\x1b[2Jboo\r\n.jpg")
    for words in (("list",), ("show", house.row().key)):
        out = command("posts", *words).out
        assert "boo" in out
        assert "\x1b" not in out
        assert "\r" not in out


def test_a_template_that_is_wrong_keeps_nobody_from_the_list(
    command: Command, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = waiting(house, ScriptedOutlet())
    monkeypatch.setenv("STYLEGRAM_CAPTION_TEMPLATE", str(tmp_path / "none.j2"))
    assert command("posts", "list").code == 0
    refused = command("posts", "show", row.key, "--out", str(tmp_path / "out"))
    assert (refused.code, "none.j2" in refused.err) == (2, True)


# Show


def test_show_tells_everything_of_a_post(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    row = published(house, outlet)
    outlet.feedbacks = [Feedback(likes=12, reach=340), Feedback(likes=31, comments=2, reach=512)]
    for _ in range(2):
        change(house, row.key, feedback_due_at=utcnow())
        assert house.desk(outlet).reception.step()
    shown = command("posts", "show", row.key[:6].upper())
    assert shown.code == 0, shown.err
    facts = [line.split(maxsplit=1) for line in shown.out.splitlines()[1:] if line.strip()]
    told = dict(fact for fact in facts if len(fact) == 2)
    assert told["post"] == row.key
    assert told["url"] == "https://example.org/p/1"
    assert [fact[1].split(": ")[1] for fact in facts if fact[0] == "taken"] == [
        "likes 12, reach 340",
        "likes 31, comments 2, reach 512",
    ]
    assert row.caption
    assert row.alt_text
    assert row.alt_text in shown.out
    assert all(f"    {line}".rstrip() in shown.out for line in row.caption.splitlines())
    post = json.loads(command("posts", "show", row.key, "--json").out)
    assert (post["caption"], post["url"], post["state"]) == (row.caption, row.url, "published")
    assert [reading["likes"] for reading in post["feedback"]] == [12, 31]


def test_a_post_is_found_by_the_number_that_ends_its_caption(command: Command, house: House) -> None:
    row = waiting(house, ScriptedOutlet())
    assert row.key in command("posts", "show", marker_of(row.key)).out


def test_a_key_that_names_no_post_or_several_is_refused(command: Command, house: House) -> None:
    row = waiting(house, ScriptedOutlet())
    change(house, row.key, key="aaaa1111aaaa1111")
    row = waiting(house, ScriptedOutlet(), job_id="51")
    change(house, row.key, key="aaaa2222aaaa2222")
    for verb in ("show", "approve", "reject", "retry"):
        for key, words in (
            ("aaa", "4 characters"),
            ("aaaa", "Several posts"),
            ("bbbb", "no post"),
            ("%%%%", "no post"),
        ):
            refused = command("posts", verb, key)
            assert (refused.code, refused.out) == (1, "")
            assert words in refused.err
    assert not any(row.approved_at for row in house.ledger().posts())


@pytest.mark.parametrize(
    ("kind", "names"),
    [("photo", ["{key}.jpg", "{key}.txt"]), ("carousel", ["{key}-1.jpg", "{key}-2.jpg", "{key}-3.jpg", "{key}.txt"])],
)
def test_a_post_can_be_looked_at_before_it_goes_out(
    command: Command, house: House, tmp_path: Path, kind: str, names: list[str]
) -> None:
    row = waiting(house, ScriptedOutlet(), kinds=(PostKind(kind),))
    folder = tmp_path / "new" / "folder"
    shown = command("posts", "show", row.key, "--out", str(folder))
    assert shown.code == 0, shown.err
    files = [folder / name.format(key=row.key) for name in names]
    assert shown.out.splitlines()[-len(files) :] == list(map(str, files))
    assert {file.name for file in folder.iterdir()} == {file.name for file in files}
    for file in files[:-1]:
        assert Image.open(file).size == (1080, 566)
    # It is what goes out: to the byte.
    outlet = ScriptedOutlet()
    house.decisions.approve(row.key)
    house.work_off(house.desk(outlet))
    [post] = outlet.posts
    assert [file.read_bytes() for file in files[:-1]] == [medium.data for medium in post.media]
    assert files[-1].read_text(encoding="utf-8") == post.caption


def test_a_folder_that_cannot_be_written_is_said(command: Command, house: House, tmp_path: Path) -> None:
    row = waiting(house, ScriptedOutlet())
    (tmp_path / "file").touch()
    refused = command("posts", "show", row.key, "--out", str(tmp_path / "file" / "folder"))
    assert (refused.code, "--out" in refused.err) == (2, True)


# What nobody knows


def test_a_post_of_which_nobody_knows_says_what_is_unknown_and_how_to_find_out(command: Command, house: House) -> None:
    row = unknown(house)
    out = command("posts", "show", row.key).out
    assert "Nobody knows whether this post is out." in out
    assert f"{row.committing_at:%Y-%m-%d %H:%M:%S} UTC" in out
    assert f"the profile of @painter for a post from that time whose caption ends with “{marker_of(row.key)}”" in out
    assert len(advised(out)) == 3


def test_what_it_advises_of_a_post_that_is_out_settles_it(command: Command, house: House) -> None:
    row = unknown(house)
    is_out, _, _ = advised(command("posts", "show", row.key).out)
    url = "https://www.instagram.com/p/DB3xY/"
    done = command(*[url if word == "URL" else word for word in is_out])
    assert (done.code, done.out) == (0, f"Post {row.key} is published: {url}\n")
    settled = house.row()
    assert (settled.state, settled.url) == (PostState.PUBLISHED, url)


def test_what_it_advises_of_a_post_that_is_not_out_has_it_posted_once(command: Command, house: House) -> None:
    row = unknown(house)
    _, is_not_out, again = advised(command("posts", "show", row.key).out)
    done = command(*is_not_out)
    assert done.code == 0, done.err
    assert advised(done.out.replace(": python", ":\npython")) == [again]
    assert house.row().state is PostState.FAILED
    assert command(*again).code == 0
    outlet = ScriptedOutlet()
    house.work_off(house.desk(outlet))
    assert (house.row().state, len(outlet.posts)) == (PostState.PUBLISHED, 1)


def test_a_story_shows_no_caption_to_look_for(command: Command, house: House) -> None:
    row = waiting(house, ScriptedOutlet(), kinds=(PostKind.STORY,))
    change(house, row.key, state=PostState.NEEDS_REVIEW, committing_at=utcnow())
    out = command("posts", "show", row.key).out
    assert "stories of @painter" in out
    assert "ends with" not in out


def test_what_is_doubted_is_asked_for_before_it_is_posted(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    waiting(house, outlet)
    done = command("posts", "doubt", "--since", f"{utcnow() - timedelta(hours=1):%Y-%m-%d %H:%M:%S}+00")
    assert (done.code, done.out) == (0, "Posts that wait: 1. The next publisher asks whether they are out.\n"), done.err
    house.work_off(house.desk(outlet))
    assert (house.row().state, outlet.posts) == (PostState.NEEDS_REVIEW, [])


@pytest.mark.parametrize("when", ["yesterday", "2026-11-20 02:00:00", "9999-01-01T00:00:00Z", ""])
def test_a_doubt_has_a_time_with_its_zone_that_was(command: Command, house: House, when: str) -> None:
    row = waiting(house, ScriptedOutlet())
    refused = command("posts", "doubt", "--since", when)
    assert refused.code == 2
    assert ("in the future" if when[:4] == "9999" else "no time with its zone") in refused.err
    assert house.ledger().get(row.key).state is PostState.PREPARED


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--published URL, or --not-published"),
        (("--published", "https://x.org/p/1", "--not-published"), 2, "--published URL, or --not-published"),
        (("--published", "yes"), 1, "no address"),
        (("--published", "https://x.org/\n"), 1, "no address"),
    ],
)
def test_a_verdict_is_one_of_two(command: Command, house: House, words: tuple[str, ...], code: int, said: str) -> None:
    row = unknown(house)
    refused = command("posts", "resolve", row.key, *words)
    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err
    assert house.row().state is PostState.NEEDS_REVIEW


# Yes, no, again


def test_what_is_approved_goes_out_and_nothing_before(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    rows = [waiting(house, outlet, job_id=job_id) for job_id in ("51", "52")]
    for job_id in ("51", "52"):
        house.finish(job_id)
    desk = house.desk(outlet)
    house.work_off(desk)
    assert outlet.posts == []
    for row in rows:
        approve, reject = advised(command("posts", "show", row.key).out)
        assert (approve[1], reject[1]) == ("approve", "reject")
    done = command(*advised(command("posts", "show", rows[0].key).out)[0])
    assert (done.code, done.out) == (0, f"Post {rows[0].key} is approved: due now.\n")
    house.work_off(desk)
    assert [post.key for post in outlet.posts] == [rows[0].key]
    house.time_passes(hours=3)
    every = command("posts", "approve", "--all")
    assert (every.code, every.out) == (0, f"Post {rows[1].key} is approved: due now.\n")
    assert command("posts", "approve", "--all") == (0, "", "No post waits for a yes.\n")
    house.work_off(desk)
    assert len(outlet.posts) == 2


def test_one_tile_stands_for_its_grid(command: Command, house: House) -> None:
    row = waiting(house, ScriptedOutlet(), kinds=(PostKind.GRID,))
    assert command("posts", "approve", row.key).code == 0
    assert all(tile.approved_at for tile in house.ledger().posts())
    assert command("posts", "reject", row.key).code == 0
    assert set(house.rows().values()) == {PostState.FAILED}
    assert len(house.rows()) == 9


@pytest.mark.parametrize("words", [(), ("KEY", "--all")])
def test_nothing_is_approved_by_mistake(command: Command, house: House, words: tuple[str, ...]) -> None:
    row = waiting(house, ScriptedOutlet())
    refused = command("posts", "approve", *[word.replace("KEY", row.key) for word in words])
    assert (refused.code, "--all" in refused.err) == (2, True)
    assert command("posts", "approve", row.key, "ffff").code == 1, "a key is wrong"
    assert house.row().approved_at is None


def test_what_is_rejected_stays_where_it_is_until_somebody_wants_it_after_all(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    row = waiting(house, outlet)
    done = command("posts", "reject", row.key, "--why", "too dark")
    assert (done.code, done.out) == (0, f"Post {row.key} is rejected.\n")
    shown = command("posts", "show", row.key).out
    assert "Rejected: too dark" in shown
    house.work_off(house.desk(outlet))
    assert outlet.posts == []
    [again] = advised(shown)
    assert command(*again) == (0, f"Post {row.key} is to be tried again: due now.\n", "")
    house.work_off(house.desk(outlet))
    assert [post.key for post in outlet.posts] == [row.key]


def test_what_the_account_refused_says_why_and_how_to_try_again(command: Command, house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[Refused("Instagram does not take this picture.")]))
    house.ask(house.desk(outlet), house.request())
    house.work_off(house.desk(outlet))
    assert "Instagram does not take this picture." in command("posts", "list").out
    shown = command("posts", "show", house.row().key)
    assert "(refused)" in shown.out
    assert advised(shown.out) == [["posts", "retry", house.row().key[:8]]]


@pytest.mark.parametrize(
    "words",
    [("approve",), ("reject",), ("retry",), ("resolve", "--not-published"), ("caption", "--file", "words.txt")],
)
def test_what_is_published_is_published(
    command: Command, house: House, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "words.txt").write_text("Other words.")
    monkeypatch.chdir(tmp_path)
    row = published(house, ScriptedOutlet())
    verb, *rest = words
    refused = command("posts", verb, row.key, *rest)
    assert (refused.code, refused.out) == (1, "")
    assert f"Error: Post {row.key}" in refused.err
    assert "it is published, at https://example.org/p/1" in refused.err
    assert house.row().state is PostState.PUBLISHED


# Captions


def test_a_caption_of_ones_own_goes_out_with_the_number_below(
    command: Command, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = ScriptedOutlet()
    row = waiting(house, outlet)
    marker = marker_of(row.key)
    file = tmp_path / "caption.txt"
    for text in ("Grüße 🌊 \r\n\r\n#art", f"Grüße 🌊\n\n#art\n\n{marker}\n"):
        file.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert command("posts", "caption", row.key, "--file", str(file)).code == 0
        assert house.row().caption == f"Grüße 🌊\n\n#art\n\n{marker}"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Hola\n")))
    assert command("posts", "caption", row.key, "--file", "-").code == 0
    command("posts", "approve", row.key)
    house.work_off(house.desk(outlet))
    assert outlet.posts[0].caption == f"Hola\n\n{marker}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 2200, "characters with its last line"),
        ("🌊".encode() * 1100, "characters with its last line"),
        (" ".join(f"#tag{n}" for n in range(31)).encode(), "30 hashtags"),
        (" ".join(f"@name{n}" for n in range(21)).encode(), "20 mentions"),
    ],
)
def test_a_caption_that_instagram_would_drop_is_refused(
    command: Command, house: House, tmp_path: Path, text: bytes, words: str
) -> None:
    row = waiting(house, ScriptedOutlet())
    file = tmp_path / "caption.txt"
    file.write_bytes(text)
    refused = command("posts", "caption", row.key, "--file", str(file))
    assert (refused.code, refused.out) == (1, "")
    assert words in refused.err
    assert house.row().caption == row.caption
    assert "cannot be read" in command("posts", "caption", row.key, "--file", str(tmp_path / "none")).err


def test_a_caption_may_be_as_long_as_instagram_takes(command: Command, house: House, tmp_path: Path) -> None:
    row = waiting(house, ScriptedOutlet())
    file = tmp_path / "caption.txt"
    room = 2200 - len(f"\n\n{marker_of(row.key)}")
    for text in ("🌊" * (room // 2) + "x" * (room % 2 + 1), "x" * (room + 1)):
        file.write_text(text)
        assert "has 2201 characters" in command("posts", "caption", row.key, "--file", str(file)).err
        file.write_text(text[:-1])
        assert command("posts", "caption", row.key, "--file", str(file)).code == 0
        assert house.row().caption == f"{text[:-1]}\n\n{marker_of(row.key)}"


# Accounts


def test_a_stopped_account_posts_nothing_until_it_is_resumed(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    row = waiting(house, outlet)
    assert command("account", "stop", "painter").code == 2, "whoever comes later wants to know why"
    assert command("account", "stop", "painter", "--why", "holidays") == (0, "@painter is stopped.\n", "")
    assert command("posts", "approve", row.key).out == f"Post {row.key} is approved: waits: the account is stopped.\n"
    house.work_off(house.desk(outlet))
    assert outlet.posts == []
    shown = command("account", "show", "@painter").out
    assert "holidays" in shown
    assert "none while the account is stopped" in shown
    [resume] = advised(shown)
    assert command(*resume) == (0, "@painter goes on.\n", "")
    house.work_off(house.desk(outlet))
    assert len(outlet.posts) == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AccountStopped("Instagram wants a challenge."), "stopped"),
        (LoginNeeded("Instagram does not take the login."), "login needed"),
        (
            CoolDown("Wait a few minutes.", until=datetime(2100, 1, 1, 12, tzinfo=UTC)),
            "cooling until 2100-01-01 12:00:00 UTC",
        ),
    ],
)
def test_how_an_account_stands_is_said_with_its_reason(
    command: Command, house: House, error: Exception, state: str
) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[error]))
    house.ask(house.desk(outlet), house.request())
    house.work_off(house.desk(outlet))
    facts = dict(
        line.split(maxsplit=1) for line in command("account", "show").out.splitlines() if line.startswith("  ")
    )
    assert (facts["state"], facts["reason"]) == (state, str(error))
    account = json.loads(command("account", "show", "painter", "--json").out)
    assert account["state"] == state.split(" until")[0].replace(" ", "_")
    assert (account["next_due_at"], account["waiting"]) == (None, 1)


def test_whether_new_posts_wait_for_a_yes_is_said_and_kept(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    row = waiting(house, outlet)
    assert command("account", "approval", "painter", "off").code == 0
    assert "go out without being asked about" in command("account", "show").out
    house.ask(house.desk(outlet, approval=None), house.request(job_id="51"))
    approved = {each.key: each.approved_at is not None for each in house.ledger().posts()}
    assert approved.pop(row.key) is False, "what waited goes on waiting"
    assert list(approved.values()) == [True]
    assert command("account", "approval", "painter", "on").code == 0
    assert "wait for a yes" in command("account", "show").out
    assert command("account", "approval", "painter", "perhaps").code == 2


@pytest.mark.parametrize("words", [("show",), ("stop", "--why", "x"), ("resume",), ("approval", "on")])
def test_an_account_that_there_is_not_is_said(command: Command, house: House, words: tuple[str, ...]) -> None:
    verb, *rest = words
    refused = command("account", verb, "nobody", *rest)
    assert (refused.code, refused.out) == (1, "")
    assert "'nobody'" in refused.err


def test_people_read_when_the_next_post_is_due_in_their_own_time(
    command: Command, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = ScriptedOutlet()
    row = published(house, outlet)
    # So that the next is due tomorrow, also there: of a time today the day is not said.
    change(house, row.key, published_at=utcnow())
    after = waiting(house, outlet, job_id="51")
    house.decisions.approve(after.key)
    # The publisher's own, whatever the settings are where the question is asked.
    house.accounts.keep_policy(outlet.account, written(Policy(timezone=ZoneInfo("Asia/Kathmandu"), daily_budget=1)))
    monkeypatch.setenv("STYLEGRAM_TIMEZONE", "Asia/Kathmandu")
    out_at = house.ledger().get(row.key).published_at
    assert out_at
    there = (out_at + timedelta(days=1)).astimezone(ZoneInfo("Asia/Kathmandu"))
    shown = command("account", "show").out
    assert "the day's one post is out; the next is due" in shown
    assert f"{there:%H:%M} +0545" in shown
    assert f"due {there:%Y-%m-%d %H:%M}" in command("posts", "list", "--only", "prepared").out
    assert f"{there:%H:%M} +0545" in command("posts", "show", after.key).out


def test_a_dry_run_says_so(command: Command, house: House) -> None:
    outlet = ScriptedOutlet()
    house.ask(house.desk(outlet, dry_run=True), house.request())
    assert "waits for its rehearsal" in command("posts", "list").out
    house.work_off(house.desk(outlet, dry_run=True))
    assert "rehearsed; this is a dry run" in command("posts", "list").out
    assert "none, as this is a dry run" in command("account", "show").out


def test_an_account_is_known_by_its_name(command: Command, house: House) -> None:
    house.accounts.enter("instagrapi://painter", approval=True)
    for name in ("painter", "@Painter", "instagrapi://painter"):
        assert command("account", "show", name).out.startswith("instagrapi://painter\n")
    house.accounts.enter("graph://painter", approval=True)
    assert "No account 'painter'" in command("account", "show", "painter").err


@pytest.mark.parametrize("url", ["http://example.com/p/1", "https://instagram.com.example.org/p/1", "nowhere"])
def test_a_post_on_instagram_is_at_instagram(command: Command, house: House, url: str) -> None:
    row = unknown(house)
    change(house, row.key, account="instagrapi://painter")
    assert command("posts", "resolve", row.key, "--published", url).code == 1
    assert house.row().state is PostState.NEEDS_REVIEW
    assert command("posts", "resolve", row.key, "--not-published").code == 0
    # It was there after all.
    assert command("posts", "resolve", row.key, "--published", "https://www.instagram.com/p/x/").code == 0
    assert house.row().state is PostState.PUBLISHED


def test_what_an_older_version_left_is_shown(command: Command, house: House) -> None:
    row = waiting(house, ScriptedOutlet())
    change(house, row.key, request=None, caption=None, approved_at=None, account="folder")
    assert "waits to be requested again" in command("posts", "list").out
    shown = command("posts", "show", row.key)
    assert (shown.code, advised(shown.out)) == (0, [])
    assert "older version" in shown.out
    assert command("posts", "approve", row.key).code == 0


# As a process


def test_settings_that_are_wrong_are_wrong_usage(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_POST_WINDOWS", "8 to 11")
    refused = command("posts", "list")
    assert (refused.code, refused.out) == (2, "")
    assert "STYLEGRAM_POST_WINDOWS" in refused.err
    assert "'8 to 11' is no window" in refused.err


def test_help_is_there_without_a_database(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", "nonsense")
    for words in (("--help",), ("posts", "--help"), ("posts", "show", "--help"), ("account", "stop", "--help")):
        assert command(*words).code == 0
    assert command("posts", "list").code == 2
