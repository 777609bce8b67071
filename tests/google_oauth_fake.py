"""Google's login in a fake: tokens for users and for service accounts, and consent that is given at once."""

import base64
import functools
import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

ADA = "ada@example.org"
ROBOT = "stylegram@project.iam.gserviceaccount.com"
CLIENT = {"client_id": "client.apps.googleusercontent.com", "client_secret": "the-client-secret"}
# Whatever address a key file names.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(public: bool = False) -> str:
    if public:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return _key().public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    form_of_private = serialization.PrivateFormat.PKCS8
    return _key().private_bytes(serialization.Encoding.PEM, form_of_private, serialization.NoEncryption()).decode()


class GoogleOAuthFake:
    """The two endpoints of a login, `/auth` and `/token`, and the files that name them.

    Args:
        url: where the endpoints are.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.tokens: dict[str, str] = {}
        """Access tokens that are good, and whose they are."""
        self.refresh_tokens: dict[str, str] = {}
        self.declined = False
        """Whether the user says no."""
        self.gives_refresh_token = True
        self.revoked = False
        """Whether nothing is accepted any more: `invalid_grant`."""
        self.refuses = ""
        """The code of the error that everything is answered with."""
        self.grants_scope = ""
        """What is granted where that is not what was asked for."""
        self.consents: list[Mapping[str, str]] = []
        """What `/auth` was asked for."""
        self.grants: list[Mapping[str, str]] = []
        """What was asked of `/token`."""
        self._codes: dict[str, Mapping[str, str]] = {}
        self._numbers = itertools.count(1)

    def client_secrets(self, file: Path, kind: str = "installed") -> Path:
        """The file that Google's console gives for an OAuth client."""
        uris = {"auth_uri": f"{self.url}/auth", "token_uri": f"{self.url}/token", "redirect_uris": ["http://localhost"]}
        file.write_text(json.dumps({kind: {**CLIENT, **uris}}))
        return file

    def service_account(self, file: Path) -> Path:
        """The file that Google's console gives for a service account's key."""
        known = {"type": "service_account", "client_email": ROBOT, "private_key": _pem(), "private_key_id": "1"}
        file.write_text(json.dumps({**known, "token_uri": f"{self.url}/token", "project_id": "project"}))
        return file

    def consent(self, query: Mapping[str, str]) -> tuple[int, str]:
        """The page where the user consents: a status and where the browser goes on to."""
        self.consents.append(query)
        if query.get("client_id") != CLIENT["client_id"] or query.get("response_type") != "code":
            return 400, ""
        if self.declined:
            answer = {"error": "access_denied", "state": query["state"]}
        else:
            code = f"code-{next(self._numbers)}"
            self._codes[code] = query
            answer = {"code": code, "state": query["state"], "scope": self.grants_scope or query["scope"]}
        return 302, f"{query['redirect_uri']}?{urlencode(answer)}"

    def grant(self, form: Mapping[str, str], authorization: str = "") -> tuple[int, dict[str, Any]]:
        """What `/token` answers: a status and JSON. Who asks says so in the form or in the header."""
        if authorization.startswith("Basic "):
            said = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            form = {**form, **dict(zip(CLIENT, said.split(":"), strict=True))}
        self.grants.append(form)
        if self.revoked:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        if self.refuses:
            return 400, {"error": self.refuses, "error_description": "Bad Request"}
        kind = form.get("grant_type")
        if kind == _JWT_GRANT:
            claims = jwt.decode(form["assertion"], _pem(public=True))
            if claims["aud"] != _AUDIENCE or claims["iss"] != ROBOT or not claims["scope"]:
                return 400, {"error": "invalid_request"}
            return 200, self._token(claims.get("sub", ROBOT))
        if {name: form.get(name) for name in CLIENT} != CLIENT:
            return 401, {"error": "invalid_client"}
        if kind == "refresh_token" and (user := self.refresh_tokens.get(form["refresh_token"])):
            return 200, self._token(user)
        if kind == "authorization_code" and (asked := self._codes.pop(form["code"], None)) and _proven(asked, form):
            more = {"scope": self.grants_scope or asked["scope"]}
            if self.gives_refresh_token:
                more["refresh_token"] = f"refresh-{next(self._numbers)}"
                self.refresh_tokens[more["refresh_token"]] = ADA
            return 200, {**self._token(ADA), **more}
        return 400, {"error": "invalid_grant", "error_description": "Bad Request"}

    def _token(self, user: str) -> dict[str, Any]:
        token = f"access-{next(self._numbers)}"
        self.tokens[token] = user
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}


def _proven(asked: Mapping[str, str], form: Mapping[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return asked.get("code_challenge", challenge) == challenge and asked["redirect_uri"] == form["redirect_uri"]
