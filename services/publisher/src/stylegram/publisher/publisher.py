"""The publisher at work: one loop over an account's posts."""

import threading

import structlog

from stylegram.common.errors import StylegramError
from stylegram.publisher.dispatch import Dispatcher
from stylegram.publisher.gauges import Gauges
from stylegram.publisher.news import News
from stylegram.publisher.reception import Reception

_log = structlog.get_logger(__name__)
# Seconds between looks into the ledger; a request is noticed within that time.
_POLL = 0.25
_PAUSE_AFTER_TROUBLE = 2.0


class Publisher:
    """Brings posts out, tells of them, and reads back how they are taken.

    Args:
        dispatcher: brings them out.
        news: tells of them.
        reception: reads back how they are taken; None where nobody wants to know.
        gauges: show how things stand.
    """

    def __init__(self, dispatcher: Dispatcher, news: News, reception: Reception | None, gauges: Gauges) -> None:
        self._dispatcher = dispatcher
        self._news = news
        self._reception = reception
        self._gauges = gauges

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is being posted is finished first. A database that is away is waited for."""
        while not stop.is_set():
            try:
                if not self.step():
                    stop.wait(_POLL)
            except StylegramError as error:
                _log.warning("publisher_waits", reason=str(error))
                stop.wait(_PAUSE_AFTER_TROUBLE)

    def step(self) -> bool:
        """Do one thing; False if there is nothing to do now.

        Raises:
            Unavailable: the database or the broker did not answer; nothing is lost.
        """
        self._gauges.refresh()
        posted = self._dispatcher.step()
        told = self._news.tell(nothing_is_due=not posted)
        return posted or bool(told) or (self._reception is not None and self._reception.step())
