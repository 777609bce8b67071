"""Posts as people read them: a line in a table, or all that matters."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylegram.publisher.desk import Desk
from stylegram.publisher.outlook import Outlook, state_words
from stylegram.publisher.review import review
from stylegram.publisher.tables import FeedbackRow, PostRow, PostState
from stylegram.publisher.terminal import cut, fact, printable, say, width
from stylegram.publisher.views import names

SHORT_KEY = 8
_GAP = 2
_TIMES = " × "
_MOST_OF_ACCOUNT = 16
# A column that is narrower says nothing.
_LEAST_WIDTH = 14


def remark(row: PostRow, outlook: Outlook | None) -> str:
    """Beside its state, what matters most of a post."""
    match row.state:
        case PostState.PREPARED:
            return outlook.remark(row) if outlook else "waits to be requested again"
        case PostState.PUBLISHED:
            return row.url or ""
        case PostState.UPLOADING | PostState.COMMITTING:
            return row.reason or "being posted"
        case _:
            return row.reason or ""


def table_of(posts: Sequence[tuple[PostRow, str, str]], line: int) -> Table:
    """A line for each.

    Args:
        posts: one at least; each with when it was and a remark.
        line: characters that one may have; names are shortened for it, and remarks take several lines.
    """
    accounts = {row.account for row, *_ in posts}
    columns = {
        "post": [row.key[:SHORT_KEY] for row, *_ in posts],
        "when": [when for _, when, _ in posts],
        "kind": [row.kind for row, *_ in posts],
        "account": [cut(row.account, _MOST_OF_ACCOUNT) for row, *_ in posts] if len(accounts) > 1 else [],
        "pictures": [pictures(row) for row, *_ in posts],
        "state": [state_words(row.state) for row, *_ in posts],
        "remark": [words for *_, words in posts],
    }
    columns = {name: [printable(cell) for cell in cells] for name, cells in columns.items() if any(cells)}
    widths = {name: max(width(cell) for cell in (name, *cells)) for name, cells in columns.items()}
    elastic = [name for name in columns if name in ("pictures", "remark")]
    room = line - _GAP * (len(widths) - 1) - sum(widths[name] for name in widths if name not in elastic)
    # What a short one does not need is for the longer ones.
    for others, name in zip(range(len(elastic), 0, -1), sorted(elastic, key=widths.__getitem__), strict=True):
        widths[name] = min(widths[name], max(room // others, _LEAST_WIDTH))
        room -= widths[name]
    title = None if len(accounts) > 1 else Text(printable(f"Posts of {next(iter(accounts))}"))
    columns["pictures"] = [pictures(row, widths["pictures"]) for row, *_ in posts]
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), title=title, title_justify="left")
    for name in columns:
        # A URL that is cut leads nowhere.
        table.add_column(name, no_wrap=name != "remark", overflow="fold", max_width=widths[name])
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, cells))
    return table


def print_post(
    console: Console, desk: Desk, row: PostRow, waits_for: str | None, feedback: Sequence[FeedbackRow]
) -> None:
    """All that matters of a post, and what can be done with it.

    Args:
        console: where.
        desk: knows the time zone, and the commands.
        row: which.
        waits_for: what it waits for, as a sentence.
        feedback: how it was taken, oldest first.
    """
    say(console, pictures(row), bold=True)
    for label, value in _facts(desk, row, waits_for):
        fact(console, label, value)
    for reading in feedback:
        fact(console, "taken", f"{desk.when(reading.read_at)}: {_taken(reading)}")
    if row.caption:
        say(console, "  caption")
        for line in row.caption.splitlines():
            say(console, f"    {line}", indent=4)
    for line in _advice(desk, row):
        say(console, line, indent=len(line) - len(line.lstrip()))


def pictures(row: PostRow, room: int | None = None) -> str:
    """The names of the post's pictures, each shortened for its part of the room, in characters."""
    content, style = map(printable, names(row))
    if not style:
        return cut(printable(row.artifact), room)
    if room is not None:
        room -= len(_TIMES)
        # What the other does not need, and half where both want more.
        content, style = (
            cut(content, max(room // 2, room - width(style))),
            cut(style, max(room // 2, room - width(content))),
        )
    return f"{content}{_TIMES}{style}"


def _facts(desk: Desk, row: PostRow, waits_for: str | None) -> Iterator[tuple[str, str | None]]:
    yield "post", row.key
    yield "account", row.account
    yield "kind", row.kind
    yield "state", state_words(row.state)
    yield "waits", waits_for
    if row.reason and row.reason not in (waits_for or ""):
        yield "reason", f"{row.reason} ({row.error_code})" if row.error_code else row.reason
    yield "url", row.url
    yield "media id", row.media_id
    yield "job", row.job_id
    yield "picture", row.artifact
    yield "entered", desk.when(row.created_at)
    yield "approved", desk.when(row.approved_at)
    yield "rehearsed", desk.when(row.rehearsed_at)
    yield "handed over", desk.when(row.committing_at)
    yield "published", desk.when(row.published_at)
    yield "attempts", f"{row.attempts} in a row came to nothing" if row.attempts else None
    yield "alt text", row.alt_text


def _advice(desk: Desk, row: PostRow) -> Iterator[str]:
    key = row.key[:SHORT_KEY]
    match row.state:
        case PostState.PREPARED if row.request is not None and row.approved_at is None:
            yield "It waits for a yes, or a no:"
            yield f"  {desk.command(f'posts approve {key}')}"
            yield f"  {desk.command(f'posts reject {key}')}"
        case PostState.FAILED:
            yield "It is not out. To have it tried again:"
            yield f"  {desk.command(f'posts retry {key}')}"
        case PostState.NEEDS_REVIEW:
            yield from _review(desk, row)
        case _:
            pass


def _review(desk: Desk, row: PostRow) -> Iterator[str]:
    key = row.key[:SHORT_KEY]
    yield from review(desk, row)
    yield "If it is there, give its address:"
    yield f"  {desk.command(f'posts resolve {key} --published URL')}"
    yield "If it is not there, not even an hour later, say so; after that it can be tried again:"
    yield f"  {desk.command(f'posts resolve {key} --not-published')}"
    yield f"  {desk.command(f'posts retry {key}')}"


def _taken(reading: FeedbackRow) -> str:
    counts = {name: getattr(reading, name) for name in ("likes", "comments", "reach", "saves", "shares")}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count is not None) or "nothing told"
