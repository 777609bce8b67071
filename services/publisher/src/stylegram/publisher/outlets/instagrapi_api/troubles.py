"""What went wrong at Instagram, in our words: a verdict on it, and what was being done, are an error.

An answer that never came means that a post may be out, while an upload is simply made again.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    NotFound,
    OutcomeUnknown,
    Refused,
    StylegramError,
    Unavailable,
)
from stylegram.publisher.outlets.instagrapi_api.transport import Answer, NoAnswer, Transport
from stylegram.publisher.outlets.instagrapi_api.verdicts import TEXTS, Verdict, verdict_of


class Doing(StrEnum):
    """What was being done."""

    READ = "read"
    LOOK_UP = "look up"
    """Reading of one post, which may be gone."""
    UPLOAD = "upload"
    COMMIT = "commit"


_WAITS = {
    Verdict.WAIT: timedelta(hours=1),
    Verdict.WAIT_LONGER: timedelta(hours=2),
    Verdict.WAIT_LONGEST: timedelta(hours=12),
}
_LONGEST_WAIT = timedelta(days=1)
_SHORTEST_WAIT = timedelta(minutes=1)

_LOG_IN = "Log in again: stylegram auth instagram --username {username}."
_LOOK_AFTER = "Open the app, do what it asks for, and then `account resume`."
# Long words are identifiers and addresses, some of them secret.
_LONG_WORD = re.compile(r"\S{25,}|\S*[/=%]\S{8,}")
_LONGEST_QUOTE = 160


class StillTranscoding(Unavailable):
    """The film is not ready to be published, and is surely not out: it may be asked for again at once."""


@contextmanager
def translated(doing: Doing, transport: Transport, username: str) -> Iterator[None]:
    """Raise in our words what the client raises within.

    Nothing of what the client says is kept, nor the exception behind: it holds whole requests and answers.

    Raises:
        StylegramError: see `error_of`.
    """
    transport.answer = None
    try:
        yield
    except StylegramError:
        raise
    except Exception as error:
        verdict = verdict_of(error, transport.answer)
        raise error_of(verdict, doing, username, error=error, answer=transport.answer) from None


def error_of(
    verdict: Verdict, doing: Doing, username: str, *, error: BaseException | None = None, answer: Answer | None = None
) -> StylegramError:
    """The error that a verdict is.

    Args:
        verdict: any but `Verdict.JUDGE`.
        doing: what was being done.
        username: the account's.
        error: the exception, whose kind is named.
        answer: what came back, of which Instagram's own sentence is quoted.
    """
    account = f"@{username}"
    said = _said(error, answer)
    if doing is Doing.COMMIT and answer and answer.status >= 500:
        # What a server in distress says of a post that it was to show is not to be relied on.
        verdict = Verdict.LOST
    match verdict:
        case Verdict.STOP:
            return AccountStopped(f"Instagram wants a person to look after {account}{said}", advice=_LOOK_AFTER)
        case Verdict.LOGIN:
            return LoginNeeded(
                f"Instagram does not take the login of {account}{said}", advice=_LOG_IN.format(username=username)
            )
        case Verdict.WAIT | Verdict.WAIT_LONGER | Verdict.WAIT_LONGEST:
            until = utcnow() + _wait(answer, _WAITS[verdict])
            return CoolDown(
                f"Instagram wants to be left alone by {account} until {until:%Y-%m-%d %H:%M} UTC{said}", until=until
            )
        case Verdict.UPGRADE:
            return ConfigurationError(
                f"Instagram does not talk to this version of the client{said}", advice="Install a newer instagrapi."
            )
    return _by_what_was_done(verdict, doing, account, said)


def _by_what_was_done(verdict: Verdict, doing: Doing, account: str, said: str) -> StylegramError:
    match doing, verdict:
        case Doing.COMMIT, Verdict.LOST:
            return OutcomeUnknown(f"Whether the post of {account} is out, Instagram did not say{said}")
        case Doing.UPLOAD | Doing.COMMIT, Verdict.REFUSED:
            return Refused(f"Instagram does not take the post of {account}{said}")
        case Doing.LOOK_UP, Verdict.GONE:
            return NotFound(f"Instagram has no such post of {account}{said}")
        case Doing.COMMIT, Verdict.TRANSCODING:
            return StillTranscoding(f"Instagram still looks at the film of {account}{said}")
        case Doing.COMMIT, _:
            return Unavailable(f"Instagram did not publish the post of {account}{said}")
    return Unavailable(f"Instagram did not answer {account} as it should{said}")


def _wait(answer: Answer | None, usual: timedelta) -> timedelta:
    """What the answer asks for, within reason, else the usual."""
    wanted = answer.retry_after if answer else None
    if not wanted:
        return usual
    try:
        wait = timedelta(seconds=float(wanted))
    except (ValueError, OverflowError):
        try:
            wait = parsedate_to_datetime(wanted).astimezone(UTC) - utcnow()
        except (ValueError, OverflowError):
            return usual
    return min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT)


def _said(error: BaseException | None, answer: Answer | None) -> str:
    """The end of a sentence: why, as far as that can be shown."""
    reason = error.why if isinstance(error, NoAnswer) else _quote(answer)
    if not reason and answer and answer.status >= 400:
        reason = f"HTTP {answer.status}"
    if not reason and error:
        reason = type(error).__name__
    return f": {reason}." if reason else "."


def _quote(answer: Answer | None) -> str:
    body: Mapping[str, Any] = (answer.body if answer else None) or {}
    words = next((body[name] for name in reversed(TEXTS) if isinstance(body.get(name), str) and body[name]), "")
    plain = _LONG_WORD.sub("…", " ".join("".join(c if c.isprintable() else " " for c in words).split()))
    return plain[:_LONGEST_QUOTE].rstrip(" .")
