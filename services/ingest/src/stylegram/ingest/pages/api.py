"""Pages ask the same API as everybody: in this process, in the name of whoever looks at the page.

So a page shows nothing that a program could not ask for, and does not mind who answers: on a laptop the record and the
posts are answered in this process, in a cluster they are forwarded.
"""

from typing import Annotated, Any, TypeVar

import httpx2
from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from stylegram.common.errors import Unavailable
from stylegram.common.http.problems import error_of

# What says who asks, and under which name. As bytes: others below the same name set cookies that are not ASCII.
_PASSED_ON = (b"authorization", b"cookie", b"host")

_Answer = TypeVar("_Answer", bound=BaseModel)


class Api:
    """The app's own API.

    Args:
        request: the page's.
    """

    def __init__(self, request: Request) -> None:
        self._app = request.app
        self._headers = [(name, value) for name, value in request.headers.raw if name in _PASSED_ON]
        self._base = f"{request.url.scheme}://{request.url.netloc}"

    async def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401  (whatever JSON may be)
        """What is at the path, as JSON.

        Args:
            path: below the prefix, as in `/v1/runs`.
            query: by name; None is left out, and lists say a name several times.

        Raises:
            StylegramError: it is refused; the kind of error and its words are the API's.
        """
        return await self.ask("GET", path, params=_said(query))

    async def get_as(self, model: type[_Answer], path: str, **query: Any) -> _Answer:  # noqa: ANN401  (see `get`)
        """The same, as what it should be.

        Raises:
            Unavailable: it is something else, as of a neighbour of another version while both are being replaced.
            StylegramError: it is refused.
        """
        answer = await self.get(path, **query)
        try:
            return model.model_validate(answer)
        except ValidationError:
            raise Unavailable(
                f"What {path} answers is of another version of Stylegram.", advice="Try again when all of it runs one."
            ) from None

    async def ask(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  (likewise, and the client's own)
        """The answer to any request, as JSON; None where there is nothing to say.

        Raises:
            StylegramError: likewise.
        """
        transport = httpx2.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=self._base, headers=self._headers) as client:
            response = await client.request(method, path, **request)
        if not response.is_success:
            raise error_of(response.status_code, response.content)
        return response.json() if response.content else None


def _said(query: dict[str, Any]) -> list[tuple[str, Any]]:
    pairs = (
        (name, value) for name, values in query.items() for value in (values if isinstance(values, list) else [values])
    )
    return [(name, value) for name, value in pairs if value is not None]


ApiDep = Annotated[Api, Depends(Api)]
