"""The way to Drive's API: a service object per thread, with one patience for all of them."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import google_auth_httplib2
import httplib2
from google.auth.credentials import Credentials
from googleapiclient.discovery import build

from stylegram.ingest.sources.drive.patience import Patience
from stylegram.ingest.sources.drive.troubles import TROUBLES, explained

if TYPE_CHECKING:
    from googleapiclient._apis.drive.v3 import DriveResource

_T = TypeVar("_T")


class Link:
    """Service objects, and calls that are repeated. Any number of threads may use it.

    Args:
        credentials: gives them when they are first needed; raises ConfigurationError.
        subject: e-mail address of the user in whose name they act, if they do.
        endpoint: where the API answers; Google's own where None.
        patience: see there.
        timeout: seconds that a server may stay silent.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        *,
        subject: str | None = None,
        endpoint: str | None = None,
        patience: Patience | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._load = credentials
        self._subject = subject
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._timeout = timeout
        self._credentials: Credentials | None = None
        self._loading = threading.Lock()
        # httplib2 is not made for several threads.
        self._of_thread = threading.local()

    @property
    def account(self) -> str:
        """Who we are to Drive, as far as that can be told without asking."""
        known = self._subject or str(getattr(self._who(), "service_account_email", ""))
        # A machine's own account goes by the name of "default" until it has logged in.
        return known if "@" in known else "the account that is logged in"

    def service(self) -> "DriveResource":
        """The calling thread's service object.

        Raises:
            ConfigurationError: there are no credentials, or they cannot be used.
        """
        if (service := getattr(self._of_thread, "service", None)) is None:
            http = httplib2.Http(timeout=self._timeout)
            service = self._of_thread.service = build(
                "drive",
                "v3",
                http=google_auth_httplib2.AuthorizedHttp(self._who(), http=http),
                client_options={"api_endpoint": self._endpoint} if self._endpoint else None,
                # The description of the API comes with the package; nothing is fetched for it.
                static_discovery=True,
                # Else each thread logs that there is no cache for it.
                cache_discovery=False,
            )
        found: DriveResource = service
        return found

    def call(self, what: str, attempt: Callable[[], _T]) -> _T:
        """What the attempt gives, repeated with patience.

        Args:
            what: is asked for, for errors.
            attempt: uses this thread's service object.

        Raises:
            NotFound: caused by what was raised, as is the next.
            Unavailable: it did not pass in time, or is a refusal.
        """
        try:
            return self._patience.call(attempt)
        except TROUBLES as error:
            raise explained(error, what, self.account) from error

    def _who(self) -> Credentials:
        with self._loading:
            if self._credentials is None:
                self._credentials = self._load()
            return self._credentials
