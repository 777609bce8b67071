"""`stylegram auth instagram`: the one login that a person makes, for the publisher to go by."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, SecretStr

from stylegram.common.errors import ConfigurationError
from stylegram.common.settings import Settings

# Or the address, or the telephone number, by which Instagram knows the account too.
_NAME = re.compile(r"[A-Za-z0-9._]{1,30}|[^\s/@]+@[^\s/@]+|\+\d{5,20}")

_Username = Annotated[str, typer.Option(metavar="NAME", help="The account's name, as in its address.")]
_Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Where the login is kept; by default STYLEGRAM_INSTAGRAM_SESSION_FILE, else a file of the account's own.",
    ),
]


class LoginSettings(Settings):
    """What is typed in otherwise; read from the environment, for logins without a terminal."""

    instagram_password: SecretStr | None = Field(None, description="The account's password.")
    instagram_totp_seed: SecretStr | None = Field(
        None, description="What the codes of its second factor are made of: the text beside the square code."
    )


def instagram(username: _Username, out: _Out = None) -> None:
    """Log in to Instagram once: the login is kept in a file by which the publisher goes, and the password is not.

    It is asked for, unless STYLEGRAM_INSTAGRAM_PASSWORD_FILE names a file with it.
    For accounts with a second factor likewise STYLEGRAM_INSTAGRAM_TOTP_SEED_FILE.
    A login renewed into the same file comes from the same phone, as Instagram sees it.
    """
    from stylegram.common.service import read_settings
    from stylegram.publisher.outlets.instagrapi_api.client import checked_proxy
    from stylegram.publisher.outlets.instagrapi_api.login import Credentials, checked_seed, log_in
    from stylegram.publisher.outlets.instagrapi_api.transport import Transport
    from stylegram.publisher.settings import PublisherSettings, default_session_file

    settings, login = read_settings(PublisherSettings), read_settings(LoginSettings)
    name = username.strip().removeprefix("@")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"'{username}' is no account's name.", advice="Those have letters, digits, dots and underscores, up to 30."
        )
    proxy = checked_proxy(settings.instagram_proxy)
    is_set = "instagram_session_file" in settings.model_fields_set
    file = out or (settings.instagram_session_file if is_set else default_session_file(name))
    seed = login.instagram_totp_seed and checked_seed(login.instagram_totp_seed.get_secret_value())
    password = login.instagram_password.get_secret_value() if login.instagram_password else _ask(f"Password of @{name}")
    transport = Transport(settings.instagram_transport, endpoint=settings.instagram_endpoint, proxy=proxy)
    credentials = Credentials(name, password, seed or "", ask_code=lambda words: _ask(f"The {words}"))
    known_as = log_in(file, credentials, transport, pause_seconds=settings.instagram_pause_seconds)
    typer.echo(f"Logged in as @{known_as}. The login is kept in {file}: a secret, as good as the password.")
    typer.echo("Have it used, unless it is already:")
    typer.echo(f"  STYLEGRAM_PUBLISH_URL=instagrapi://{known_as}")
    typer.echo(f"  STYLEGRAM_INSTAGRAM_SESSION_FILE={file.absolute()}")
    typer.echo("A publisher that waits for this login notices by itself.")


def _ask(words: str) -> str:
    """What somebody types, without showing it."""
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"{words}: there is nobody to ask.",
            advice="Run this at a terminal, or name files in STYLEGRAM_INSTAGRAM_PASSWORD_FILE"
            " and STYLEGRAM_INSTAGRAM_TOTP_SEED_FILE.",
        )
    answer: str = typer.prompt(words, hide_input=True, err=True)
    return answer.strip()
