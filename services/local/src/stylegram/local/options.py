"""What several commands take, and where they write."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

stdout = Console()
stderr = Console(stderr=True)

PATIENCE_SECONDS = 20.0
"""After which a call to Drive is given up: nobody waits for minutes at a prompt, as a service would."""

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where Stylegram answers; STYLEGRAM_URL or http://127.0.0.1:8000 by default. "
        "It is shown the token in STYLEGRAM_TOKEN, or in the file that STYLEGRAM_TOKEN_FILE names.",
    ),
]
StateFolder = Annotated[
    Path | None,
    typer.Option(
        "--state", exists=True, file_okay=False, help="Ask a laptop's state folder instead, with or without a server."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line, on standard output.")]
