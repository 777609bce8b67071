"""`stylegram auth`: log in where pictures come from, and where they go."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylegram.common.errors import ConfigurationError, StylegramError, Unavailable
from stylegram.local.auth_instagram import instagram
from stylegram.local.options import PATIENCE_SECONDS

if TYPE_CHECKING:
    from google.oauth2.credentials import Credentials

auth_app = typer.Typer(no_args_is_help=True, help="Log in where pictures come from, and where they go.")

_CONSENT_SECONDS = 600
_CONSOLE = "https://console.cloud.google.com/apis/credentials"
_SECRETS_ADVICE = f"At {_CONSOLE} create an OAuth client of the type desktop app, and download its JSON file."
_REVOKE = "https://myaccount.google.com/connections"

_Secrets = Annotated[
    Path, typer.Option(metavar="FILE", help="The JSON file of an OAuth client of yours, of the type desktop app.")
]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Where the login is kept; by default where syncs look for it."),
]
_NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address of Google's page, do not open it.")]
_Port = Annotated[
    int,
    typer.Option(
        min=0,
        max=65535,
        show_default=False,
        help="Port of this machine that Google's page comes back to; a free one by default.",
    ),
]


@auth_app.command()
def drive(client_secrets: _Secrets, out: _Out = None, no_browser: _NoBrowser = False, port: _Port = 0) -> None:
    """Let Stylegram read your Google Drive: you consent on a page of Google's, and the login is kept in a file.

    The page has to know which app asks. Create an OAuth client of the type
    desktop app, once, and download its JSON file:
    https://console.cloud.google.com/apis/credentials
    While that app is in testing, logins end after seven days.
    """
    from stylegram.common.service import read_settings
    from stylegram.ingest.settings import IngestSettings
    from stylegram.ingest.sources.drive.api import DriveApi
    from stylegram.ingest.sources.drive.link import Link
    from stylegram.ingest.sources.drive.login import default_token_file
    from stylegram.ingest.sources.drive.patience import Patience

    endpoint = read_settings(IngestSettings).drive_endpoint
    file = out or default_token_file()
    credentials = _consent(client_secrets, port, no_browser=no_browser)
    _keep(credentials, file)
    typer.echo(f"The login is kept in {file}.")
    api = DriveApi(Link(lambda: credentials, endpoint=endpoint, patience=Patience(PATIENCE_SECONDS)))
    typer.echo(f"Stylegram reads Google Drive as {api.user()}.")
    if out:
        typer.echo(f"Have it used: STYLEGRAM_DRIVE_CREDENTIALS_FILE={out.absolute()}")
    typer.echo("Name a folder by its link, as in STYLEGRAM_CONTENT_SOURCE_URL=https://drive.google.com/drive/folders/…")


auth_app.command()(instagram)


def _consent(client_secrets: Path, port: int, *, no_browser: bool) -> "Credentials":
    from google_auth_oauthlib.flow import InstalledAppFlow

    from stylegram.ingest.sources.drive.login import SCOPES

    flow = InstalledAppFlow.from_client_config(_read_secrets(client_secrets), scopes=SCOPES)
    with _explained(port), contextlib.redirect_stdout(sys.stderr):
        credentials: Credentials = flow.run_local_server(
            port=port,
            open_browser=not no_browser,
            authorization_prompt_message="Consent on this page of Google's:\n{url}",
            success_message="Stylegram may read your Google Drive. You may close this window.",
            timeout_seconds=_CONSENT_SECONDS,
            # Else Google gives what lasts to those only who consent for the first time.
            prompt="consent",
        )
    if not credentials.refresh_token:
        raise StylegramError(
            "Google gave a login that ends within the hour.",
            advice=f"Take the app's access away at {_REVOKE}, and run this again.",
        )
    return credentials


def _read_secrets(file: Path) -> dict[str, object]:
    try:
        secrets = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"'{file}' cannot be read: {error.strerror}.", advice=_SECRETS_ADVICE) from None
    except ValueError:
        secrets = None
    if isinstance(secrets, dict) and secrets.get("type") == "service_account":
        raise ConfigurationError(
            f"'{file}' is a service account's key, which needs no login.",
            advice=f"Name it in STYLEGRAM_DRIVE_CREDENTIALS_FILE={file.absolute()}.",
        )
    if isinstance(secrets, dict) and "web" in secrets:
        raise ConfigurationError(f"'{file}' is of an OAuth client of the type web application.", advice=_SECRETS_ADVICE)
    client = secrets.get("installed") if isinstance(secrets, dict) else None
    needed = {"client_id", "client_secret", "auth_uri", "token_uri"}
    if not isinstance(client, dict) or not needed <= client.keys():
        raise ConfigurationError(f"'{file}' is not the JSON file of an OAuth client.", advice=_SECRETS_ADVICE)
    return {"installed": client}


@contextlib.contextmanager
def _explained(port: int) -> Iterator[None]:
    """Say in our own words what may go wrong on the way to consent and back."""
    import webbrowser

    from google_auth_oauthlib.flow import WSGITimeoutError
    from oauthlib.oauth2 import AccessDeniedError, OAuth2Error
    from requests import RequestException

    try:
        yield
    except WSGITimeoutError:
        raise StylegramError(
            f"Nobody consented within {_CONSENT_SECONDS // 60} minutes.", advice="Run this again."
        ) from None
    except AccessDeniedError:
        raise StylegramError(
            "Google was told not to let Stylegram read Drive.", advice="Run this again and consent."
        ) from None
    except OAuth2Error as error:
        raise StylegramError(f"Google does not log in: {error.error or type(error).__name__}.") from None
    except Warning:
        # That is how the library says that other scopes were granted than were asked for.
        raise StylegramError(
            "Stylegram was let in, but not to read Drive.", advice="Run this again, and tick that box."
        ) from None
    except RequestException as error:
        raise Unavailable(f"Google could not be reached: {type(error).__name__}.", advice="Run this again.") from None
    except webbrowser.Error:
        raise ConfigurationError("There is no browser to be opened here.", advice="Add --no-browser.") from None
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be listened on: {error.strerror}.", advice="Name another by --port."
        ) from None


def _keep(credentials: "Credentials", file: Path) -> None:
    """Write Google's own form of a user's login, readable by nobody else at any time."""
    from stylegram.common.files import write_atomically

    login = {"type": "authorized_user", "refresh_token": credentials.refresh_token}
    login |= {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    try:
        write_atomically(file, json.dumps(login, indent=1).encode(), private=True)
    except OSError as error:
        raise ConfigurationError(
            f"The login cannot be kept in '{file}': {error.strerror}.", advice="Name another file by --out."
        ) from error
