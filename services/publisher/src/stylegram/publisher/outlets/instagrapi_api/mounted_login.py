"""A login that comes as a file nobody can write, as a cluster mounts its secrets.

The publisher keeps its session up to date, and so works on a copy. Beside the copy lies a digest of the login that it
was made from: while that is the login which is mounted, the copy is the newer of the two and stays; another one that
is mounted takes its place.
"""

from pathlib import Path

import structlog

from stylegram.common.errors import ConfigurationError
from stylegram.common.files import write_atomically
from stylegram.publisher.outlets.instagrapi_api import session

_log = structlog.get_logger(__name__)
_ADVICE = (
    "Put there what `stylegram auth instagram --username NAME --out FILE` leaves in FILE, or unset"
    " STYLEGRAM_INSTAGRAM_LOGIN_FILE."
)


def take_over_login(login_file: Path, session_file: Path) -> None:
    """Have the session be one of that login: it is copied, unless the session was made from it before.

    Args:
        login_file: the login, as `stylegram auth instagram` left it; only read.
        session_file: the session; nobody else may read it, nor the digest beside it, which ends in `.login`.

    Raises:
        ConfigurationError: the login cannot be read or is none, or the session cannot be written; the text shows
            nothing that is in them.
    """
    login = _read(login_file)
    digest = session.digest(login)
    mark = session_file.with_name(f"{session_file.name}.login")
    try:
        if _holds_a_login(session_file) and mark.exists() and mark.read_bytes() == digest.encode():
            return
        session.write(session_file, login)
        # Last: were it there without the session, the login would never be copied.
        write_atomically(mark, digest.encode(), private=True)
    except OSError as error:
        raise ConfigurationError(
            f"The login of '{login_file}' cannot be kept in '{error.filename or session_file}': {error.strerror}.",
            advice="STYLEGRAM_INSTAGRAM_SESSION_FILE names a file on a volume that the publisher may write to.",
        ) from None
    _log.info("instagram_login_taken_over", login_file=str(login_file), session_file=str(session_file))


def _read(login_file: Path) -> session.Session:
    try:
        login = session.read(login_file)
    except (OSError, ValueError) as error:
        why = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else "is no session file"
        raise ConfigurationError(f"The login '{login_file}' {why}.", advice=_ADVICE) from None
    if not session.digest(login):
        raise ConfigurationError(f"Nobody is logged in in '{login_file}'.", advice=_ADVICE)
    return login


def _holds_a_login(session_file: Path) -> bool:
    try:
        return bool(session.digest(session.read(session_file)))
    except (FileNotFoundError, ValueError):
        return False
