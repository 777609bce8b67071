"""What goes wrong between us and the Graph API, sorted by what helps, and said in our own words.

The codes are those of https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
(publishing), https://developers.facebook.com/docs/graph-api/guides/error-handling (everything) and
https://developers.facebook.com/docs/graph-api/overview/rate-limiting (limits).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from pydantic import SecretStr

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    OutcomeUnknown,
    Refused,
    StylegramError,
    Unavailable,
)

_LONGEST_MESSAGE = 200
# An address or a part of one, what begins as tokens do, and whatever is longer than a word, as signatures are.
_SECRETIVE = re.compile(r"https?(?:://|%3A%2F%2F)\S+|\S*X-Goog-\S*|\b(?:EAA|IG[AQ])\w{8,}|\S{41,}", re.IGNORECASE)


class Trouble(Exception):
    """A call that did not succeed."""


class NotSent(Trouble):
    """The API was not reached, so that nothing was done."""


class NoAnswer(Trouble):
    """What became of the call is not known.

    Args:
        why: what happened, in a few words.
        status: HTTP's, if there was an answer, but none of the API's; else 0.
    """

    def __init__(self, why: str, *, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class Refusal(Trouble):
    """The API answered with an error.

    Args:
        status: HTTP's.
        code: the API's.
        subcode: the API's, which says more; 0 where there is none.
        message: its words, cleaned.
        is_transient: whether it says itself that it will pass.
        wait: for how long it says that it will not take calls.
    """

    def __init__(
        self,
        *,
        status: int = 400,
        code: int = 0,
        subcode: int = 0,
        message: str = "",
        is_transient: bool = False,
        wait: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.subcode = subcode
        self.message = message
        self.is_transient = is_transient
        self.wait = wait

    @property
    def is_of_nothing(self) -> bool:
        """Whether it says that there is no such object, or none any more, or that we may not see it; it has been wrong
        about that: https://github.com/gitroomhq/postiz-app/issues/1562."""
        return (self.code, self.subcode) == (100, 33) or self.code == 24


class Step(Enum):
    """What was asked for."""

    UPLOAD = auto()
    """To take media over."""
    COMMIT = auto()
    """To show a post to the world."""
    READ = auto()
    """To tell something."""


class Remedy(Enum):
    """What helps."""

    AGAIN = auto()
    """To try again; nothing was done."""
    LOOK = auto()
    """To try again; if it was to show a post, after looking whether it did."""
    LOG_IN = auto()
    """A new token."""
    PERMIT = auto()
    """A person, who grants a right or corrects a setting."""
    WAIT = auto()
    """To leave the account alone for a while."""
    STOP = auto()
    """A person, who looks after the account."""
    REFUSE = auto()
    """Nothing: the post is at fault."""


@dataclass(frozen=True)
class Entry:
    """What is known of an error.

    Args:
        remedy: what helps.
        what: it means, as the end of "Instagram …".
        advice: what a person can do.
    """

    remedy: Remedy
    what: str
    advice: str = ""


_APP = "Open Instagram's app, do what it asks, and resume the account."
_RIGHTS = (
    "The token's user must have granted instagram_basic and instagram_content_publish (after a login with Instagram:"
    " instagram_business_basic and instagram_business_content_publish): make a token with them."
)
_NEW_TOKEN = "Make a new long-lived token, put it into STYLEGRAM_GRAPH_TOKEN, and restart."  # noqa: S105  # is none
_SLOWLY = "It takes calls again by itself."
_SEEN = "Does the bucket's signed address open from outside? Instagram fetches the pictures itself."

TABLE: Mapping[tuple[int, int], Entry] = {
    # By subcode, whatever the code is.
    (0, 2207001): Entry(Remedy.LOOK, "has a problem of its own"),
    (0, 2207003): Entry(Remedy.AGAIN, "took too long to fetch the medium", _SEEN),
    (0, 2207004): Entry(Remedy.REFUSE, "finds the picture too large: it takes 8 MiB"),
    (0, 2207005): Entry(Remedy.REFUSE, "does not take the picture's format: it takes JPEG"),
    (0, 2207006): Entry(Remedy.LOOK, "does not find what was uploaded"),
    (0, 2207008): Entry(Remedy.LOOK, "could not publish it for the moment"),
    (0, 2207009): Entry(Remedy.REFUSE, "does not take the picture's shape: it takes 4:5 to 1.91:1"),
    (0, 2207010): Entry(Remedy.REFUSE, "finds the caption too long: it takes 2,200 characters, 30 hashtags, 20 @"),
    (0, 2207020): Entry(Remedy.AGAIN, "has forgotten what was uploaded"),
    (0, 2207023): Entry(Remedy.REFUSE, "does not know that type of medium"),
    (0, 2207026): Entry(Remedy.REFUSE, "does not take the film's format"),
    (0, 2207027): Entry(Remedy.AGAIN, "is not ready with what was uploaded"),
    (0, 2207028): Entry(Remedy.REFUSE, "does not take the carousel: it takes 2 to 10 media"),
    (0, 2207032): Entry(Remedy.LOOK, "could not take the media"),
    (0, 2207040): Entry(Remedy.REFUSE, "finds too many tags on it"),
    (0, 2207042): Entry(Remedy.WAIT, "takes no more posts of this account today", _SLOWLY),
    (0, 2207050): Entry(Remedy.STOP, "has restricted the account", _APP),
    (0, 2207051): Entry(Remedy.STOP, "takes what the account does for spam", _APP),
    (0, 2207052): Entry(Remedy.AGAIN, "could not fetch the medium", _SEEN),
    (0, 2207053): Entry(Remedy.AGAIN, "could not take the film"),
    (0, 2207057): Entry(Remedy.REFUSE, "does not take the film's cover"),
    # By code, where the subcode is none of those.
    (-2, 0): Entry(Remedy.AGAIN, "could not take the medium"),
    (-1, 0): Entry(Remedy.LOOK, "has a problem of its own"),
    (1, 0): Entry(Remedy.LOOK, "has a problem of its own"),
    (2, 0): Entry(Remedy.LOOK, "is not available"),
    (3, 0): Entry(Remedy.PERMIT, "does not let the app do this", _RIGHTS),
    (4, 0): Entry(Remedy.WAIT, "gets too many calls from the app", _SLOWLY),
    (9, 0): Entry(Remedy.WAIT, "takes no more posts of this account today", _SLOWLY),
    (10, 0): Entry(Remedy.PERMIT, "does not give the app this right", _RIGHTS),
    (17, 0): Entry(Remedy.WAIT, "gets too many calls from this account", _SLOWLY),
    (24, 0): Entry(Remedy.LOOK, "does not find what was uploaded"),
    (25, 0): Entry(Remedy.STOP, "has restricted the account", _APP),
    (32, 0): Entry(Remedy.WAIT, "gets too many calls for this page", _SLOWLY),
    (100, 33): Entry(
        Remedy.PERMIT,
        "has no such account, or does not show it to the token's user",
        "STYLEGRAM_PUBLISH_URL takes graph://the-account's-number, which is not the name. " + _RIGHTS,
    ),
    (102, 0): Entry(Remedy.LOG_IN, "does not take the token", _NEW_TOKEN),
    (190, 0): Entry(Remedy.LOG_IN, "does not take the token", _NEW_TOKEN),
    (341, 0): Entry(Remedy.WAIT, "gets too many calls from the app", _SLOWLY),
    (352, 0): Entry(Remedy.REFUSE, "does not take the film's format"),
    (368, 0): Entry(Remedy.STOP, "has blocked the account for what it did", _APP),
    (613, 0): Entry(Remedy.WAIT, "gets too many calls", _SLOWLY),
    (803, 0): Entry(
        Remedy.PERMIT,
        "has no account of that number",
        "STYLEGRAM_PUBLISH_URL takes graph://the-account's-number, which is not the name. " + _RIGHTS,
    ),
    (2635, 0): Entry(Remedy.PERMIT, "no longer speaks this version of the API", "Raise STYLEGRAM_GRAPH_VERSION."),
    (9004, 0): Entry(Remedy.AGAIN, "could not fetch the medium", _SEEN),
    (9007, 0): Entry(Remedy.AGAIN, "is not ready with what was uploaded"),
    (36000, 0): Entry(Remedy.REFUSE, "finds the picture too large: it takes 8 MiB"),
    (36001, 0): Entry(Remedy.REFUSE, "does not take the picture's format: it takes JPEG"),
    (36003, 0): Entry(Remedy.REFUSE, "does not take the picture's shape: it takes 4:5 to 1.91:1"),
    (36004, 0): Entry(Remedy.REFUSE, "finds the caption too long: it takes 2,200 characters, 30 hashtags, 20 @"),
    (80002, 0): Entry(Remedy.WAIT, "gets too many calls for this account", _SLOWLY),
}
"""By (0, subcode) and (code, subcode) and (code, 0), the first that is there."""
_PERMISSIONS = range(200, 300)
# The window of its limits, of calls and of posts, moves on; where it does not say by how much, we look every hour.
_HOUR = timedelta(hours=1)


def cleaned(words: str, token: SecretStr) -> str:
    """Somebody else's words with nothing in them that is secret: no token, no address, nothing of their length.

    Args:
        words: what the API said; it may repeat what it was sent.
        token: that was sent.

    Returns:
        One line of 200 characters at most, with no full stop.
    """
    hidden = _SECRETIVE.sub("…", words.replace(token.get_secret_value(), "…"))
    return " ".join(hidden.split())[:_LONGEST_MESSAGE].rstrip(".")


def explained(trouble: Trouble, step: Step) -> StylegramError:
    """A trouble as an error of ours.

    Args:
        trouble: what was raised.
        step: what was asked for.
    """
    if isinstance(trouble, NotSent):
        return Unavailable(f"Instagram's Graph API could not be reached: {trouble}.", advice="Look at the network.")
    if isinstance(trouble, Refusal):
        return _refused(trouble, step)
    if isinstance(trouble, NoAnswer) and trouble.status == 429:  # from a gateway before the API
        return _cool_down("Instagram gets too many calls: HTTP 429.", None)
    return _lost(f"Instagram's Graph API did not answer: {trouble}.", step)


def of_subcode(subcode: int, message: str) -> StylegramError:
    """Why a container came to nothing, which is known by the subcode alone."""
    return _refused(Refusal(subcode=subcode, message=message), Step.UPLOAD)


def entry_of(refusal: Refusal) -> Entry:
    """What is known of an error, or can be told from how it came."""
    for key in ((0, refusal.subcode), (refusal.code, refusal.subcode), (refusal.code, 0)):
        if found := TABLE.get(key):
            return found
    if refusal.code in _PERMISSIONS:
        return Entry(Remedy.PERMIT, "does not give the app this right", _RIGHTS)
    if refusal.status == 429:
        return Entry(Remedy.WAIT, "gets too many calls", _SLOWLY)
    if refusal.is_transient or refusal.status >= 500:
        return Entry(Remedy.LOOK, "has a problem that it says will pass")
    return Entry(Remedy.REFUSE, "does not take it")


def _refused(refusal: Refusal, step: Step) -> StylegramError:
    entry = entry_of(refusal)
    number = "/".join(str(number) for number in (refusal.code, refusal.subcode) if number) or "of no number"
    sentence = f"Instagram {entry.what}{f': {refusal.message}' if refusal.message else ''} (error {number})."
    # What a server in distress says of a post that it was to show is not to be relied on.
    if step is Step.COMMIT and refusal.status >= 500:
        return _lost(sentence, step)
    match entry.remedy:
        case Remedy.LOG_IN:
            return LoginNeeded(sentence, advice=entry.advice)
        case Remedy.PERMIT:
            return ConfigurationError(sentence, advice=entry.advice)
        case Remedy.WAIT:
            return _cool_down(sentence, refusal.wait)
        case Remedy.STOP:
            return AccountStopped(sentence, advice=entry.advice)
        case Remedy.REFUSE if step is not Step.READ:
            return Refused(sentence, advice=entry.advice)
        case Remedy.LOOK:
            return _lost(sentence, step)
    return Unavailable(sentence, advice=entry.advice)


def _cool_down(sentence: str, wait: timedelta | None) -> CoolDown:
    return CoolDown(sentence, until=utcnow() + min(wait or _HOUR, 24 * _HOUR), advice=_SLOWLY)


def _lost(sentence: str, step: Step) -> StylegramError:
    if step is Step.COMMIT:
        return OutcomeUnknown(sentence, advice="Look at the account: the post may be out.")
    return Unavailable(sentence)
