"""The life of a release, from its installation to its end: these tests follow one another."""

import base64
import json
import os
import signal
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from PIL import Image

from cluster.api import SIDE, Api, sample
from cluster.gallery import DATA, FIRST, RELEASE, SECOND, SERVERS, SERVICES, Gallery, is_ready, restarts, tags_of
from cluster.namespace import Namespace, Object, processes_in
from cluster.waiting import eventually
from prometheus_server import PrometheusServer
from stylegram.common.messages import Priority

# Some half a minute of work for a worker with one thread.
LONG = 200
PAINTINGS = ("styles/two_fishes.jpg", "styles/paper_lagoon.jpg")
PHOTOGRAPHS = ("photos/coffee.png", "photos/dahlia.jpg")
# Shorter words of a configuration are none.
SHORTEST_SECRET = 16
USERS = dict.fromkeys(SERVICES, 10001) | dict.fromkeys(SERVERS, 999)


def job_of(cronjob: Object, name: str) -> Object:
    """What `kubectl create job --from=cronjob/…` makes, which this cluster is too old for."""
    template = cronjob["spec"]["jobTemplate"]
    metadata = {"name": name, "labels": template.get("metadata", {}).get("labels", {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def has_ended_well(job: Object) -> bool:
    failed = [found for found in job["status"].get("conditions", []) if found["type"] == "Failed"]
    assert not failed, failed
    return bool(job["status"].get("succeeded"))


def images(gallery: Gallery) -> set[str]:
    """Tags that the services' pods run."""
    return tags_of([pod for component in SERVICES for pod in gallery.pods(component)])


def test_every_pod_is_ready_and_none_was_started_twice(gallery: Gallery, watcher: PrometheusServer) -> None:
    for component in (*SERVICES, *SERVERS):
        (pod,) = gallery.pods(component)
        assert is_ready(pod), component
        assert restarts(pod) == 0, component


def test_helms_own_test_passes(gallery: Gallery) -> None:
    gallery.namespace.helm("test", RELEASE, "--timeout", "120s")


@pytest.mark.parametrize("component", [*SERVICES, *SERVERS])
def test_a_pod_has_no_rights_and_no_secrets_in_its_environment(gallery: Gallery, component: str) -> None:
    (pod,) = gallery.pods(component)
    assert int(gallery.inside(component, "id", "-u")) == USERS[component]
    assert "Read-only" in gallery.inside(component, "sh", "-c", "touch /forbidden 2>&1 || true")
    assert "No such file" in gallery.inside(component, "sh", "-c", "ls /var/run/secrets/kubernetes.io 2>&1 || true")
    environment = gallery.inside(component, "env")
    assert "STYLEGRAM_" in environment or component in SERVERS
    assert not [secret for secret in secrets_of(gallery) if secret in environment]
    assert pod["spec"]["automountServiceAccountToken"] is False


def secrets_of(gallery: Gallery) -> set[str]:
    """What nobody may read: tokens, passwords, and the passwords in addresses."""
    found: set[str | None] = set()
    for secret in gallery.namespace.objects("secrets", {"app.kubernetes.io/instance": RELEASE}):
        for text in gallery.namespace.secret(secret["metadata"]["name"]).values():
            found |= {urlsplit(text).password} if "://" in text else set(text.split())
    return {text for text in found if text and len(text) >= SHORTEST_SECRET}


def test_a_job_over_http_becomes_a_picture(api: Api) -> None:
    job = api.submit()
    api.succeeded(job)
    with Image.open(BytesIO(api.ask("GET", f"/v1/jobs/{job}/result").content)) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (SIDE, SIDE))
    record = api.record(job)
    assert (record.outcome, record.evaluations, record.device) == ("succeeded", 4, "cpu")
    assert api.ask_until_there(f"/v1/runs/{job}").json()["outcome"] == "succeeded"


def test_a_preview_is_there_at_once(api: Api) -> None:
    files = {"content": sample("photos/astronaut.png"), "style": sample("styles/two_fishes.jpg")}
    answer = api.ask("POST", "/v1/preview", files=files, data={"size": "128"})
    with Image.open(BytesIO(answer.content)) as picture:
        assert picture.format == "JPEG"


def test_the_daily_job_paints_and_posts(gallery: Gallery, api: Api) -> None:
    for folder, names in (("photos", PHOTOGRAPHS), ("paintings", PAINTINGS)):
        for name in names:
            put(gallery, f"{DATA}/{folder}/{name.rpartition('/')[2]}", sample(name))
    cronjob = gallery.namespace.object("cronjob", f"{RELEASE}-stylegram-daily")
    gallery.namespace.kubectl("apply", "--filename=-", given=json.dumps(job_of(cronjob, "today")))
    eventually(lambda: has_ended_well(gallery.namespace.object("job", "today")), "the day's Job ends well")
    said = gallery.namespace.kubectl("logs", "job/today")
    (job,) = [job for job in api.jobs() if (job.idempotency_key or "").startswith("daily-")]
    assert job.id in said, said
    assert api.published(job.id).state == "succeeded"
    (post,) = api.posts(job.id)
    assert (post.state, post.kind) == ("published", "photo")
    assert [name for name in gallery.outbox() if post.key in name]
    gallery.namespace.kubectl("delete", "job", "today")
    library = api.ask("GET", "/v1/assets", params={"role": "style"}).json()["items"]
    assert {asset["name"] for asset in library} >= {name.rpartition("/")[2] for name in PAINTINGS}


def put(gallery: Gallery, path: str, data: bytes) -> None:
    """A file into the volume that all pods share."""
    write = "import base64, pathlib, sys; pathlib.Path(sys.argv[1]).write_bytes(base64.b64decode(sys.argv[2]))"
    gallery.inside("ingest", "python", "-c", write, path, base64.b64encode(data).decode())


def test_the_schedule_makes_jobs_by_itself(gallery: Gallery) -> None:
    def scheduled() -> bool:
        jobs = gallery.namespace.objects("jobs", gallery.labels("errands"))
        owned = [job for job in jobs if owner(job) == f"{RELEASE}-stylegram-sync"]
        return any(has_ended_well(job) for job in owned)

    eventually(scheduled, "a sync that the schedule made ends well")


def owner(job: Object) -> str | None:
    """The CronJob that made a Job."""
    owners = job["metadata"].get("ownerReferences", [])
    return next((owner["name"] for owner in owners if owner["kind"] == "CronJob"), None)


def test_prometheus_sees_all(gallery: Gallery, api: Api, watcher: PrometheusServer) -> None:
    services = {f"{RELEASE}-stylegram-{service}" for service in (*SERVICES, "rabbitmq")}

    def all_up() -> bool:
        targets = watcher.targets()
        found = {target["labels"]["service"] for target in targets}
        return found == services and {target["health"] for target in targets} == {"up"}

    eventually(all_up, "every service is asked and answers")
    assert {rule["type"] for rule in watcher.rules()} == {"alerting", "recording"}
    eventually(lambda: {rule["health"] for rule in watcher.rules()} == {"ok"}, "every rule can be evaluated")
    jobs = [job for job in api.jobs() if job.state == "succeeded"]
    for query in (
        'sum(stylegram_jobs_total{state="succeeded"})',
        'sum(stylegram_stylizer_jobs_total{outcome="succeeded"})',
        'sum(stylegram_runs_total{outcome="succeeded"})',
    ):
        becomes(watcher, query, len(jobs))
    becomes(watcher, 'sum(stylegram_posts_total{outcome="published"})', len(gallery.outbox()))
    assert watcher.value('max(stylegram_queue_messages{state="dead"})') == 0
    alerts = watcher.ask("alerts")["alerts"]
    assert not [alert for alert in alerts if alert["state"] == "firing"], alerts


def becomes(watcher: PrometheusServer, query: str, number: float) -> None:
    """Returns when a query comes to that."""
    eventually(lambda: watcher.value(query) == number, f"{query} is {number}")


def test_a_killed_stylizer_loses_nothing_but_time(gallery: Gallery, api: Api) -> None:
    job = api.submit(evaluations=LONG)
    api.painted(job, LONG // 8)
    pod = gallery.ready_pod("stylizer")
    # As the kernel does when memory runs out: the container is started anew in the same pod.
    for process in processes_in(pod, "stylegram.stylizer"):
        os.kill(process, signal.SIGKILL)
    api.painted(job, LONG // 4, attempt=2)
    # As a node that is drained does: a checkpoint is written, and the job handed back.
    gallery.namespace.kubectl("delete", "pod", gallery.ready_pod("stylizer")["metadata"]["name"], "--wait=false")
    gentle = eventually(lambda: record_of_interruption(api, job), "the job is handed back")
    gallery.ready_pod("stylizer")
    api.painted(job, gentle)
    # As a node that is lost does.
    name = gallery.ready_pod("stylizer")["metadata"]["name"]
    gallery.namespace.kubectl("delete", "pod", name, "--grace-period=0", "--force")
    api.succeeded(job)
    record = api.record(job)
    assert len(record.resumed_at) == 3, record.resumed_at
    assert list(record.resumed_at) == sorted(record.resumed_at)
    assert record.resumed_at[0] > 0
    assert len(record.curve) == LONG


def record_of_interruption(api: Api, job_id: str) -> int | None:
    """At which evaluation a job waits for another worker."""
    job = api.job(job_id)
    return job.evaluation if job.state == "queued" else None


@pytest.mark.parametrize("component", ["publisher", "ingest", "logger", "rabbitmq", "postgresql"])
def test_others_may_end_at_any_time(gallery: Gallery, api: Api, component: str) -> None:
    before = gallery.outbox()
    jobs = [api.submit(publish=True, evaluations=8) for _ in range(3)]
    api.painted(jobs[0], 1)
    gallery.namespace.kubectl("delete", "pod", gallery.ready_pod(component)["metadata"]["name"])
    for job in jobs:
        api.succeeded(job)
        api.published(job)
    posts = [post for job in jobs for post in api.posts(job)]
    assert len(posts) == len(jobs)
    new = sorted(set(gallery.outbox()) - set(before))
    assert len(new) == len(jobs)
    assert all(any(post.key in name for name in new) for post in posts)
    for job in jobs:
        api.ask_until_there(f"/v1/runs/{job}")


def test_an_upgrade_and_its_way_back_lose_no_job(gallery: Gallery, api: Api) -> None:
    for change, tag in (
        (lambda: gallery.upgrade({"image.tag": SECOND}), SECOND),
        (lambda: gallery.namespace.helm("rollback", RELEASE, "1", "--wait", "--timeout", "240s"), FIRST),
    ):
        jobs = [api.submit(evaluations=LONG // 2)]
        jobs += [api.submit(evaluations=4, publish=True, priority=Priority.BATCH) for _ in range(3)]
        api.painted(jobs[0], 5)
        change()
        assert images(gallery) == {tag}
        for job in jobs:
            api.succeeded(job)
        for job in jobs[1:]:
            api.published(job)
        assert [len(api.posts(job)) for job in jobs] == [0, 1, 1, 1]
        assert api.record(jobs[0]).resumed_at


def test_nothing_is_lost_and_nothing_done_twice_in_all_that(
    gallery: Gallery, api: Api, watcher: PrometheusServer
) -> None:
    jobs = api.jobs()
    assert {str(job.state) for job in jobs} == {"succeeded"}
    wanted = [job.id for job in jobs if job.publish]
    for job in wanted:
        api.published(job)
    posts = [post.job_id for job in wanted for post in api.posts(job)]
    assert sorted(posts) == sorted(wanted)
    assert len(gallery.outbox()) == len(wanted)
    queues = api.ask("GET", "/v1/queues").json()["items"]
    assert not [queue for queue in queues if queue["dead"]], queues
    alerts = watcher.ask("alerts")["alerts"]
    assert not [alert for alert in alerts if alert["state"] == "firing"], alerts


def test_an_end_leaves_nothing_and_a_new_beginning_is_possible(
    gallery: Gallery, namespace: Namespace, empty: set[str]
) -> None:
    gallery.uninstall()
    eventually(lambda: not namespace.inventory() - empty, "nothing of the release is left")
    gallery.install()
    gallery.uninstall()
