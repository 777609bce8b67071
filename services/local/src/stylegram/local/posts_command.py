"""`stylegram posts` and `stylegram account`: the publisher's own commands, on a laptop's state folder."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stylegram.publisher.account_command import account_app as account_app_at
from stylegram.publisher.desk import Desk
from stylegram.publisher.posts_command import posts_app as posts_app_at


@contextmanager
def _open_state(
    state: Annotated[
        Path,
        typer.Option(
            "--state",
            exists=True,
            file_okay=False,
            envvar="STYLEGRAM_STATE",
            help="A laptop's state folder, with or without a server.",
        ),
    ],
) -> Iterator[Desk]:
    from stylegram.local.state_folder import check_is_state_folder, publisher_settings
    from stylegram.publisher.desk import open_desk

    check_is_state_folder(state)
    with open_desk(
        publisher_settings(state.absolute()), lambda words: f"stylegram {words} --state {shlex.quote(str(state))}"
    ) as desk:
        yield desk


posts_app = posts_app_at(_open_state)
account_app = account_app_at(_open_state)
