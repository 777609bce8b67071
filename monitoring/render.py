"""Writes rules and dashboards to where the chart has them: `python -m monitoring.render`."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.alerts import ALERTS
from monitoring.dashboards import DASHBOARDS
from monitoring.recordings import RECORDINGS
from monitoring.rules import written

FOLDER = Path(__file__).parent.parent / "helm" / "stylegram" / "files"


def rendered() -> dict[Path, str]:
    """Each file's path below the chart's files, and what is in it."""
    return {
        Path("rules", "recording.yaml"): written(RECORDINGS),
        Path("rules", "alerts.yaml"): written(ALERTS),
        **{Path("dashboards", f"{name}.json"): _json(board) for name, board in DASHBOARDS.items()},
    }


def main() -> None:
    """Write the files; of dashboards that are no more, none stays."""
    files = rendered()
    for old in (FOLDER / "dashboards").glob("*.json"):
        if old.relative_to(FOLDER) not in files:
            old.unlink()
    for path, text in files.items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


def _json(board: Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=1).encode(board) + "\n"


if __name__ == "__main__":
    main()
