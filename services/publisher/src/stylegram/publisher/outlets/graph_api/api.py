"""Calls to the Graph API: one request each, never sent again, with the token in a header alone.

The token goes as `Authorization: Bearer`, which the API takes as well as a parameter
(https://developers.facebook.com/docs/facebook-login/guides/access-tokens), so that no address has it.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import RequestException

from stylegram.common.errors import ConfigurationError
from stylegram.publisher.outlets.graph_api.troubles import NoAnswer, NotSent, Refusal, cleaned
from stylegram.publisher.outlets.sending import was_sent

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two bytes."""
_TOKEN = re.compile(r"[!-~]+")


class GraphApi:
    """The API at one address, in one version, for whoever the token is of.

    Args:
        endpoint: as in https://graph.facebook.com.
        version: as in v23.0.
        token: who we are.
        timeout: seconds to connect, and between two bytes.

    Raises:
        ConfigurationError: the token cannot be one.
    """

    def __init__(
        self, endpoint: str, version: str, token: SecretStr, *, timeout: tuple[float, float] = TIMEOUT
    ) -> None:
        # A line's end at the end of a file, say, which would fail as a header with the token in the error's text.
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ConfigurationError(
                "STYLEGRAM_GRAPH_TOKEN is no access token: there are blanks in it, or nothing.",
                advice="Copy it once more, without what stands around it.",
            )
        self._base = f"{endpoint.rstrip('/')}/{version}"
        self._token = token
        self._timeout = timeout

    def get(self, path: str, **parameters: str | int) -> Mapping[str, Any]:
        """Ask for an object or an edge.

        Args:
            path: as in `178414/media`.
            parameters: of the query.

        Raises:
            Refusal: it answered with an error.
            NotSent: it could not be reached.
            NoAnswer: nothing came back, or nothing sensible.
        """
        return self._ask("GET", path, query=parameters)

    def post(self, path: str, **parameters: str | int) -> Mapping[str, Any]:
        """Change something. The parameters go in the body: addresses are logged on the way, bodies are not.

        Args:
            path: as in `178414/media`.
            parameters: of the form.

        Raises:
            Refusal: it answered with an error.
            NotSent: it could not be reached, so that nothing has changed.
            NoAnswer: nothing came back, or nothing sensible: it may have been done.
        """
        return self._ask("POST", path, form=parameters)

    def cleaned(self, words: str) -> str:
        """What the API said, with nothing secret in it, see `troubles.cleaned`."""
        return cleaned(words, self._token)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
    ) -> Mapping[str, Any]:
        try:
            # A redirected POST would become a GET, and the token would go elsewhere.
            with self._session() as session:
                response = session.request(
                    method,
                    f"{self._base}/{path}",
                    params=query,
                    data=form,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except RequestException as error:
            # Never the error's own words: they have the address in them, and what stands in a body that broke off.
            raise (NoAnswer if was_sent(error) else NotSent)(type(error).__name__) from None
        return self._read(response)

    def _session(self) -> requests.Session:
        # A new one each time, and with it a connection: a server may give up an idle one just as a request goes out on
        # it, and then nobody knows whether that was carried out.
        session = requests.Session()
        # Not a plain header: a ~/.netrc that knows the host would replace that.
        session.auth = _Bearer(self._token)
        session.headers["Connection"] = "close"
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))
        return session

    def _read(self, response: requests.Response) -> Mapping[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if isinstance(answer, dict):
            # Some errors come with a status that says that all is well.
            if isinstance(error := answer.get("error"), dict):
                raise self._refusal(response, error)
            if response.status_code == requests.codes.ok:
                return answer
        raise NoAnswer(f"HTTP {response.status_code} and no JSON of the API's", status=response.status_code)

    def _refusal(self, response: requests.Response, error: Mapping[str, Any]) -> Refusal:
        # What is for the user says more than what is for the developer, as in "Invalid parameter".
        words = error.get("error_user_msg") or error.get("message") or ""
        return Refusal(
            status=response.status_code,
            code=_number(error.get("code")),
            subcode=_number(error.get("error_subcode")),
            message=self.cleaned(str(words)),
            is_transient=error.get("is_transient") is True,
            wait=_wait(response.headers.get("X-Business-Use-Case-Usage", "")),
        )


class _Bearer(AuthBase):
    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _wait(header: str) -> timedelta | None:
    """How long until calls are taken again, of all that the header says: minutes, by business
    (https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers-2)."""
    try:
        usages = [usage for business in json.loads(header).values() for usage in business]
        minutes = max(int(usage.get("estimated_time_to_regain_access", 0)) for usage in usages)
        return timedelta(minutes=minutes) if minutes > 0 else None
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
