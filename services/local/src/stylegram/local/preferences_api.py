"""What people prefer, over Stylegram's HTTP API, for the commands."""

from urllib.parse import quote

from stylegram.common.views.preferences import Comparison, Pair, Ranking
from stylegram.local.api import Api


class PreferencesApi:
    """What the API takes and says of preferences; every method raises as those of `Api` do.

    Args:
        api: what answers.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def say(self, better: str, worse: str) -> Comparison:
        """Say that one job's picture is better than another's."""
        return self._api.ask(Comparison, "POST", "/v1/comparisons", json={"better": better, "worse": worse})

    def take_back(self, comparison_id: str) -> None:
        """Forget what was said under that id."""
        self._api._request("DELETE", f"/v1/comparisons/{quote(comparison_id, safe='')}")

    def next_pair(self) -> Pair:
        """The two pictures whose comparison tells most."""
        return self._api.ask(Pair, "GET", "/v1/comparisons/next")

    def ranking(self, limit: int) -> Ranking:
        """The pictures that people like most, at most `limit`."""
        return self._api.ask(Ranking, "GET", "/v1/ranking", params={"limit": limit})

    def rate(self, job_id: str, rating: int | None) -> None:
        """Give a run's picture 1 … 5 stars, or take them back."""
        self._api._request("PUT", f"/v1/runs/{quote(job_id, safe='')}/rating", json={"rating": rating})
