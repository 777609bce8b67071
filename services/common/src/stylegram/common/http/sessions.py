"""Who has logged in with a token is known by a cookie from then on.

The cookie is signed with a key that follows from the token. So nothing is kept anywhere, every replica that has the
same tokens knows it, and taking a token away ends all that was begun with it.
"""

import hmac
from collections.abc import Collection

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "stylegram"
_SALT = "stylegram.session"
_SECONDS = 30 * 86_400
_MOST_COOKIES = 8


class Sessions:
    """Begins sessions, and knows them again.

    Args:
        tokens: any of them begins one.
        path: where the pages begin, as in `/stylegram`. With a slash behind it, browsers would not send the cookie to
            the address that people type.
    """

    def __init__(self, tokens: Collection[str], path: str = "/") -> None:
        self._signers = [TimestampSigner(token, salt=_SALT) for token in tokens]
        self._path = path

    def begin(self, token: str, request: Request, response: Response) -> bool:
        """Have the browser remember that it knows a token; False where it does not.

        Args:
            token: what somebody typed.
            request: which brought it.
            response: gets the cookie.
        """
        given = token.strip().encode()
        # All of them, always: the time that it takes says nothing about which one it was like.
        known = [signer for signer in self._signers if hmac.compare_digest(signer.secret_key, given)]
        if not known:
            return False
        response.set_cookie(
            COOKIE,
            known[0].sign("in").decode(),
            max_age=_SECONDS,
            path=self._path,
            httponly=True,
            # Browsers say where a form was sent from, whoever takes TLS off on the way.
            secure=request.headers.get("origin", "").startswith("https:"),
            samesite="lax",
        )
        return True

    def end(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(COOKIE, path=self._path, httponly=True, samesite="lax")

    def known_by_cookie(self, request: Request) -> bool:
        """Whether the request carries a session of one of the tokens, not older than thirty days."""
        fields = ";".join(request.headers.getlist("cookie"))
        pairs = (pair.strip().partition("=") for pair in fields.split(";"))
        # Another Stylegram whose path lies above ours may have set one as well, and browsers send both.
        values = [value for name, _, value in pairs if name == COOKIE][:_MOST_COOKIES]
        return any([self._is_of(signer, value) for signer in self._signers for value in values])  # noqa: C419

    @staticmethod
    def _is_of(signer: TimestampSigner, value: str) -> bool:
        try:
            said, begun = signer.unsign(value, return_timestamp=True)
        except BadSignature:
            return False
        # One that is to begin in a moment, another replica began whose clock is ahead of ours.
        return said == b"in" and signer.get_timestamp() - begun.timestamp() <= _SECONDS
