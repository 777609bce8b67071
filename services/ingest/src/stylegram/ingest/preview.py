"""The `Previewer` that another process is, asked over HTTP."""

from http import HTTPStatus

import httpx2
from pydantic import SecretStr

from stylegram.common.errors import InvalidImage, Unavailable
from stylegram.common.http.problems import error_of

# It is near, or not there; and a preview that takes as long is none.
_CONNECT_SECONDS = 2.0
_PATIENCE_SECONDS = 20.0


class PreviewService:
    """The previewer that `python -m stylegram.stylizer preview` is.

    Args:
        url: where it answers.
        token: the one that it knows us by.
        patience: seconds for which it may say nothing.
    """

    def __init__(self, url: str, token: SecretStr | None, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._url = f"{url}/v1/preview"
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._timeout = httpx2.Timeout(patience, connect=min(patience, _CONNECT_SECONDS))
        # Made once, for it reads many certificates, which takes as long as a preview.
        self._tls = httpx2.create_ssl_context()

    def preview(self, content: bytes, style: bytes) -> bytes:
        """See `Previewer`."""
        try:
            answer = httpx2.post(
                self._url,
                files={"content": ("content", content), "style": ("style", style)},
                headers=self._headers,
                timeout=self._timeout,
                verify=self._tls,
                trust_env=False,
            )
        except httpx2.RequestError as error:
            raise Unavailable(
                f"The preview service did not answer: {type(error).__name__}.", advice="Paint without a preview."
            ) from error
        if answer.status_code == HTTPStatus.OK and answer.headers.get("content-type") == "image/jpeg":
            return answer.content
        problem = error_of(answer.status_code, answer.content)
        if answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidImage(str(problem))
        raise Unavailable(f"The preview service makes none: it says {answer.status_code}. {problem}")
