"""The settings of a service that answers over HTTP."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from stylegram.common.settings import Settings

_LEAST_TOKEN_CHARACTERS = 16


def _tokens_in(secret: SecretStr) -> Sequence[str]:
    return re.findall(r"[^\s,]+", secret.get_secret_value())


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    tokens = _tokens_in(secret)
    if not tokens:
        # Taken for none, it would open to everybody what somebody meant to lock.
        raise ValueError("it is set and has no token in it; give one, or unset it")
    if not all(token.isascii() and token.isprintable() for token in tokens):
        raise ValueError(
            f"one of the {len(tokens)} tokens has characters that are not ASCII, which programs send differently"
        )
    if any(len(token) < _LEAST_TOKEN_CHARACTERS for token in tokens):
        raise ValueError(
            f"one of the {len(tokens)} tokens is too short, it needs {_LEAST_TOKEN_CHARACTERS} characters;"
            " make one with python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return secret


def _only_one(secret: SecretStr) -> SecretStr:
    tokens = _tokens_in(secret)
    if len(tokens) > 1:
        # A header of several lines is refused by what sends it, in words that show all of them.
        raise ValueError(f"it has {len(tokens)} tokens in it; give one of them")
    if not all(token.isascii() and token.isprintable() for token in tokens):
        raise ValueError("it has characters that are not ASCII, which programs send differently")
    return SecretStr("".join(tokens))


OneToken = Annotated[SecretStr, AfterValidator(_only_one)]
"""A token that somebody else's API takes; empty for none."""


class HttpSettings(Settings):
    """What a service that answers over HTTP is told besides what every service is."""

    api_tokens: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = Field(
        None,
        description="Tokens that the API takes, separated by commas or white space; it needs one to be reached from"
        " other machines.",
    )
    http_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port that the API listens on; 0 takes a free one.")

    @property
    def api_shows_metrics(self) -> bool:
        """Whether the API has `/metrics`: not where a port of its own has, which people need not reach."""
        return self.metrics_port is None

    @property
    def tokens(self) -> Sequence[str]:
        """The API's tokens, one by one."""
        return _tokens_in(self.api_tokens) if self.api_tokens else []
