"""What runs at certain times, and what runs before an upgrade."""

from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from chart_environment import environment, secret
from chart_rendering import Rendering, deep, example, merged, render
from stylegram.common.service import read_settings
from stylegram.logger.settings import LoggerSettings

PRODUCTION, ERRANDS = example("production"), example("errands")
ALL = ("daily", "sync", "reconcile", "forget")


def _cron(rendering: Rendering, name: str) -> Any:
    return rendering.get("CronJob", name)["spec"]


def test_there_are_those_that_are_wanted() -> None:
    assert set(render(PRODUCTION).names("CronJob")) == {"stylegram-daily"}, "without sources there is nothing to sync"
    assert set(render(example("drive")).names("CronJob")) == {"stylegram-daily", "stylegram-sync"}
    assert set(render(ERRANDS).names("CronJob")) == {f"stylegram-{name}" for name in ALL}
    assert not render(example("without-hooks")).names("CronJob")


@pytest.mark.parametrize("name", ALL)
def test_a_schedule_never_overlaps_itself_and_leaves_no_heap(name: str) -> None:
    cron = _cron(render(ERRANDS), name)
    assert cron["concurrencyPolicy"] == "Forbid"
    assert 60 <= cron["startingDeadlineSeconds"] <= 86400
    assert cron["successfulJobsHistoryLimit"] == 3 and cron["failedJobsHistoryLimit"] == 3
    assert cron["timeZone"] in available_timezones()
    assert cron["suspend"] is False
    job = cron["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] > 0 and job["backoffLimit"] == 2
    assert job["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", ALL)
def test_a_schedule_is_as_the_values_say(name: str) -> None:
    own = {
        "schedule": "1 2 3 4 5",
        "timeZone": "Europe/Berlin",
        "suspend": True,
        "startingDeadlineSeconds": 77,
        "activeDeadlineSeconds": 7777,
        "backoffLimit": 7,
        "successfulJobsHistoryLimit": 8,
        "failedJobsHistoryLimit": 9,
        "ttlSecondsAfterFinished": 10,
    }
    cron = _cron(render(ERRANDS, values=deep(name, own)), name)
    got = {**cron, **cron["jobTemplate"]["spec"]}
    assert {key: got[key] for key in own} == own


def test_a_day_is_followed_for_no_longer_than_its_job_may_last() -> None:
    cron = _cron(render(example("drive")), "daily")
    args = cron["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == ["daily", "--wait", "600", "--follow", "10800"]
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] >= 600 + 10800
    assert cron["schedule"] == "30 5 * * *" and cron["timeZone"] == "Europe/Berlin"


def test_a_day_without_sources_syncs_none() -> None:
    args = render(PRODUCTION).pod("CronJob/daily").container()["args"]
    assert "--no-sync" in args
    unwanted = render(example("drive"), values=deep("daily.sync", False))
    assert "--no-sync" in unwanted.pod("CronJob/daily").container()["args"]


@pytest.mark.parametrize("name", ["daily", "sync", "reconcile"])
def test_an_errand_knows_where_ingest_is_and_shows_its_token(name: str, tmp_path: Path) -> None:
    own = merged(deep("tokens.errandsKey", "errands"), deep("ingest.settings.httpPrefix", "/stylegram"))
    rendering = render(ERRANDS, values=own)
    pod = rendering.pod(f"CronJob/{name}")
    container = pod.container()
    assert container["image"] == rendering.pod("ingest").container()["image"]
    assert container["args"][0] == name
    with environment(rendering, pod, container, tmp_path) as variables:
        assert variables["STYLEGRAM_URL"] == "http://stylegram-ingest:8000/stylegram"
        token = Path(variables["STYLEGRAM_TOKEN_FILE"]).read_text(encoding="utf-8")
        assert token == secret("stylegram-tokens", "errands")
        assert not [each for each in variables if "BROKER" in each or "DATABASE" in each], "it needs nothing else"


def test_what_is_forgotten_is_what_the_logger_is_told_to(tmp_path: Path) -> None:
    rendering = render(ERRANDS)
    pod = rendering.pod("CronJob/forget")
    container = pod.container()
    assert container["args"] == ["forget"]
    assert container["image"] == rendering.pod("logger").container()["image"]
    with environment(rendering, pod, container, tmp_path):
        settings = read_settings(LoggerSettings)
    assert (settings.keep_curves_days, settings.keep_failed_days) == (365, 90)
    assert settings.database_url.get_secret_value() == secret("stylegram-database", "url")
    assert settings.migrate_at_start is False


def test_tables_are_brought_up_to_date_before_services_start() -> None:
    rendering = render(PRODUCTION)
    jobs = rendering.of_kind("Job")
    migrated = set()
    for pod in rendering.pods:
        if pod.owner["kind"] != "Job":
            continue
        annotations = pod.owner["metadata"]["annotations"]
        assert set(annotations["helm.sh/hook"].split(",")) == {"pre-install", "pre-upgrade"}
        assert "before-hook-creation" in annotations["helm.sh/hook-delete-policy"]
        assert pod.spec["restartPolicy"] == "Never"
        for container in pod.containers:
            assert container["args"][0] == "migrate"
            assert container["args"][container["args"].index("--wait") + 1] == "300"
            migrated.add(container["image"].partition(":")[0])
    assert jobs
    assert migrated == {"stylegram-ingest", "stylegram-publisher", "stylegram-logger"}


def test_what_a_hook_needs_is_made_before_it() -> None:
    """Hooks run before the chart's own objects are there, but for other hooks of less weight."""
    rendering = render(PRODUCTION)

    def weight(manifest: Any) -> int | None:
        annotations = manifest["metadata"].get("annotations", {})
        return int(annotations.get("helm.sh/hook-weight", 0)) if "helm.sh/hook" in annotations else None

    for pod in rendering.pods:
        if pod.owner["kind"] != "Job":
            continue
        own = weight(pod.owner)
        assert own is not None
        account = weight(rendering.get("ServiceAccount", pod.spec["serviceAccountName"]))
        assert account is not None and account < own
        for container in pod.containers:
            for source in container.get("envFrom", []):
                needed = weight(rendering.get("ConfigMap", source["configMapRef"]["name"]))
                assert needed is not None and needed < own
        reaching = {
            policy["metadata"]["name"]: weight(policy)
            for policy in rendering.of_kind("NetworkPolicy")
            if "migrations" in str(policy["spec"]["podSelector"])
        }
        # At an upgrade all others are those of the release before, which may know another database.
        assert set(reaching) == {"stylegram-migrations-to-dns", "stylegram-migrations-to-database"}
        assert all(before is not None and before < own for before in reaching.values())


@pytest.mark.parametrize("name", ["demo", "without-hooks"])
def test_without_hooks_services_do_it_as_they_start(name: str) -> None:
    assert not render(example(name)).of_kind("Job")


def test_a_release_is_tested_as_whoever_is_asked_answers() -> None:
    rendering = render(PRODUCTION)
    (pod,) = rendering.of_kind("Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    for component in ("ingest", "stylizer", "preview", "publisher", "logger"):
        assert f"stylegram-{component}:9100" in rendering.text
