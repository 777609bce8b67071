"""All services as processes, a job that is painted, posted and rated, and a Prometheus that watches."""

from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import certifi
import httpx2
import pytest
from monitoring.render import rendered

from ingest_samples import folder_url, png
from prometheus_server import PrometheusServer, program, prometheus
from service_processes import PATIENCE, free_port, process_of, wait_until, wait_until_ready

_SERVICES = {
    "ingest": ("stylegram.ingest",),
    "stylizer": ("stylegram.stylizer",),
    "preview": ("stylegram.stylizer", "preview"),
    "publisher": ("stylegram.publisher",),
    "logger": ("stylegram.logger",),
}
_HYPERPARAMETERS = {"size": 64, "evaluations": [40]}


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The rules as they are written for Prometheus."""
    folder = tmp_path_factory.mktemp("rules")
    files = {folder / path.name: text for path, text in rendered().items() if path.parent.name == "rules"}
    for file, text in files.items():
        file.write_text(text)
    return list(files)


# Not longer than its file: services that idle slow down all other tests.
@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, rules: list[Path]) -> Iterator[PrometheusServer]:
    """What Prometheus has seen of the services when a job is painted, posted and rated."""
    program("prometheus")
    folder = tmp_path_factory.mktemp("house")
    for source in ("photos", "paintings"):
        (folder / source).mkdir()
        (folder / source / "a.png").write_bytes(png(len(source)))
    (folder / "photos" / "none.png").write_text("no picture")
    ports = {name: (free_port(), free_port()) for name in _SERVICES}
    with ExitStack() as resources:
        resources.enter_context(pytest.MonkeyPatch.context()).setenv("OMP_NUM_THREADS", "1")
        processes = {
            name: resources.enter_context(process_of(module, settings_of(folder, name, ports), *words))
            for name, (module, *words) in _SERVICES.items()
        }
        (folder / "prometheus").mkdir()
        scrapes = [scrape_of(f"stylegram-{name}", metrics) for name, (_, metrics) in ports.items()]
        server = resources.enter_context(prometheus(folder / "prometheus", scrapes, rules))
        for name, process in processes.items():
            wait_until_ready(ports[name][1], process)
        api = httpx2.Client(base_url=f"http://127.0.0.1:{ports['ingest'][0]}", timeout=PATIENCE)
        resources.callback(api.close)
        live_through_a_day(api)
        # One more scrape of each, after all that happened.
        wait_until(lambda: bool(server.query("stylegram_run_rating_count > 0 and stylegram_run_score_count > 0")))
        wait_until(lambda: bool(server.query('stylegram_posts_total{outcome="published"} > 0')))
        wait_until(lambda: bool(server.query("stylegram_last_post_timestamp_seconds > 0")))
        yield server


def scrape_of(job: str, port: int) -> dict[str, Any]:
    """How Prometheus is told to ask a service on this machine."""
    targets = {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "house"}}
    return {"job_name": job, "static_configs": [targets]}


def settings_of(folder: Path, name: str, ports: dict[str, tuple[int, int]]) -> dict[str, str]:
    """What a service is told, without the prefix."""
    http, metrics = ports[name]
    settings = {
        "BROKER_URL": f"sqlite://{folder}/broker.sqlite",
        "BROKER_CA_FILE": certifi.where(),
        "DATABASE_URL": f"sqlite:///{folder}/{name}.sqlite",
        "STORAGE_URL": folder_url(folder / "storage"),
        "METRICS_PORT": str(metrics),
    }
    if name != "stylizer":
        settings["HTTP_PORT"] = str(http)
    if name == "ingest":
        settings |= {
            "CONTENT_SOURCE_URL": folder_url(folder / "photos"),
            "STYLE_SOURCE_URL": folder_url(folder / "paintings"),
            "LOGGER_URL": f"http://127.0.0.1:{ports['logger'][0]}",
            "PREVIEW_URL": f"http://127.0.0.1:{ports['preview'][0]}",
        }
    if name == "publisher":
        settings |= {"PUBLISH_URL": f"folder://{folder}/outbox", "POST_DAILY_BUDGET": "3"}
    return settings


def live_through_a_day(api: httpx2.Client) -> None:
    """Sync, preview, paint, post and rate."""
    assert api.post("/v1/sync").status_code == 200
    assets = {
        role: api.get("/v1/assets", params={"role": role}).json()["items"][0]["sha256"] for role in ("content", "style")
    }
    files: dict[str, Any] = {name: BytesIO(png(seed)) for name, seed in (("content", 3), ("style", 4))}
    assert api.post("/v1/preview", files=files).status_code == 200
    order = {**assets, "hyperparameters": _HYPERPARAMETERS, "publish": True}
    job = f"/v1/jobs/{api.post('/v1/jobs', json=order).json()['id']}"

    def is_painted() -> bool:
        now = api.get(job).json()
        assert now["state"] in ("queued", "running", "succeeded"), now
        return bool(now["state"] == "succeeded")

    wait_until(is_painted, patience=300)
    wait_until(lambda: api.get(job).json()["post_state"] == "published")
    run = f"/v1/runs/{job.rpartition('/')[2]}"
    wait_until(lambda: api.get(run).status_code == 200)
    assert api.put(f"{run}/rating", json={"rating": 4}).status_code == 204
