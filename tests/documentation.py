"""The documentation as tests see it: its pages, and the commands on them that are to be run as they stand there."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
_COMMANDS = r"<!-- commands: {name} -->\n(?P<indent> *)```bash\n(?P<lines>.*?)\n(?P=indent)```"


def commands(page: str, name: str) -> str:
    """The shell commands that a page has under that name, in a comment that nobody sees who reads it.

    Args:
        page: its path from the root, as in "docs/operations/backup.md".
        name: what the comment before the block says.
    """
    text = (ROOT / page).read_text()
    found = list(re.finditer(_COMMANDS.format(name=re.escape(name)), text, re.DOTALL))
    assert len(found) == 1, f"{page} has {len(found)} blocks of commands called '{name}'"
    indent = found[0]["indent"]
    return "\n".join(line.removeprefix(indent) for line in found[0]["lines"].splitlines())


def run_commands(lines: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run them in that folder as somebody does who stops at the first that fails; returns what they printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
    return done.stdout
