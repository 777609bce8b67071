"""Makes the secrets that compose.yaml mounts: `python3 docker/new_secrets.py`. Those that are there stay.

The folder is for its owner alone; the files in it can be read by anybody, for containers see them as other users.
"""

import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"


def make(folder: Path) -> None:
    """Write each file that is absent; passwords that stand in several files are the same in all of them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    broker, database = (_password(folder / name) for name in ("rabbitmq_password", "postgres_password"))
    for name in ("api_token", "grafana_password", "internal_token"):
        _password(folder / name)
    _write(folder / "broker_url", f"amqp://stylegram:{broker}@rabbitmq:5672/stylegram")
    _write(folder / "database_url", f"postgresql+psycopg://stylegram:{database}@postgres/stylegram")
    settings = ("default_user = stylegram", f"default_pass = {broker}", "default_vhost = stylegram")
    _write(folder / "rabbitmq.conf", "".join(f"{line}\n" for line in settings))


def _password(path: Path) -> str:
    _write(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)


if __name__ == "__main__":
    make(FOLDER)
