"""What the sources call themselves, for pages: Google is not asked each time that one is drawn, nor waited for."""

import threading
import time
from dataclasses import dataclass, field

from stylegram.common.errors import StylegramError
from stylegram.common.ports import Source

# Seconds. What a folder is called hardly changes; that it is away should be seen soon.
_FRESH = 30.0
# Seconds that a page waits; what was known before is shown where the source takes longer.
_PATIENCE = 1.0


@dataclass(frozen=True)
class SourceDescription:
    """A source, for people.

    Args:
        words: what it calls itself, or its URL where it has not said.
        problem: why it cannot be used now.
    """

    words: str
    problem: str | None = None


@dataclass
class _Question:
    answer: SourceDescription
    asked_at: float
    answered: threading.Event = field(default_factory=threading.Event)


class SourceWords:
    """What sources said of themselves a moment ago."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}

    def of(self, source: Source) -> SourceDescription:
        """The source in words, within a second."""
        question, now = self._questions.get(source.url), time.monotonic()
        if question is None or now - question.asked_at > _FRESH:
            before = question.answer if question else SourceDescription(source.url)
            question = self._questions[source.url] = _Question(before, now)
            threading.Thread(target=_ask, args=(source, question), name="source-words", daemon=True).start()
            question.answered.wait(_PATIENCE)
        return question.answer


def _ask(source: Source, question: _Question) -> None:
    try:
        question.answer = SourceDescription(source.describe())
    except StylegramError as error:
        question.answer = SourceDescription(source.url, str(error))
    finally:
        question.answered.set()
