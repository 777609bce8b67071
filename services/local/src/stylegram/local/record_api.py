"""The record over Stylegram's HTTP API, for the commands.

>>> with open_record("http://127.0.0.1:8000", None) as record:  # doctest: +SKIP
...     record.find("1b9d6bcd").score
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.schemas import Page
from stylegram.common.views.comparing import RunComparison
from stylegram.common.views.importance import Importance
from stylegram.common.views.runs import RunView
from stylegram.local.api import Api, open_api

Query = Sequence[tuple[str, str]]
"""Parameters of a query, as the API takes them."""

# The most that the API gives at once.
_PAGE = 1000
_SHORTEST_ID = 6


@contextmanager
def open_record(url: str | None, state: Path | None) -> Iterator["RecordApi"]:
    """The record of a Stylegram that runs, or of a state folder; see `open_api`."""
    with open_api(url, state) as api:
        yield RecordApi(api)


class RecordApi:
    """What the API says of runs; every method raises as those of `Api` do.

    Args:
        api: what answers.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def runs(self, query: Query = (), *, limit: int | None = None) -> Iterator[RunView]:
        """The runs that the query asks for, in its order; at most `limit`."""
        return self._all("/v1/runs", query, limit)

    def best(self, query: Query = (), *, limit: int | None = None) -> Iterator[RunView]:
        """The best runs that the query asks for, the best first; at most `limit`."""
        return self._all("/v1/leaderboard", query, limit)

    def find(self, job_id: str) -> RunView:
        """The run with that id, or the only one whose id begins so.

        Raises:
            InvalidInput: several ids begin so.
        """
        wanted = job_id.strip()
        try:
            return self._api.ask(RunView, "GET", f"/v1/runs/{quote(wanted, safe='')}")
        except NotFound:
            if len(wanted) < _SHORTEST_ID:
                raise NotFound(
                    f"The record has no run {job_id}.",
                    advice=f"Give its id, or {_SHORTEST_ID} characters of it or more; `stylegram runs list` has it.",
                ) from None
        found = list(self.runs([("id", wanted)], limit=2))
        if not found:
            raise NotFound(f"The record has no run {job_id}….", advice="`stylegram runs list` shows runs.")
        if len(found) > 1:
            raise InvalidInput(f"The ids of several runs begin with {job_id}.", advice="Give more of it.")
        return found[0]

    def compare(self, job_ids: Sequence[str]) -> RunComparison:
        """The runs side by side; each by its id, or its beginning."""
        ids = ",".join(self.find(job_id).job_id for job_id in job_ids)
        return self._api.ask(RunComparison, "GET", "/v1/runs/compare", params={"ids": ids})

    def importance(self, query: Query = ()) -> Importance:
        """Which hyperparameters matter."""
        return self._api.ask(Importance, "GET", "/v1/importance", params=list(query))

    def _all(self, path: str, query: Query, limit: int | None) -> Iterator[RunView]:
        return islice(self._pages(path, query, min(limit or _PAGE, _PAGE)), limit)

    def _pages(self, path: str, query: Query, size: int) -> Iterator[RunView]:
        """All items; a page may be empty although there are more."""
        asked = [*query, ("limit", str(size))]
        page = self._api.ask(Page[RunView], "GET", path, params=asked)
        yield from page.items
        while page.next is not None:
            page = self._api.ask(Page[RunView], "GET", path, params=[*asked, ("cursor", page.next)])
            yield from page.items
