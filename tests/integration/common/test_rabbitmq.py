"""What only RabbitMQ can do wrong: connections that end, servers that restart, and its patience with consumers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pika
import pytest

from rabbitmq_node import RabbitNode
from stylegram.common.adapters import open_broker
from stylegram.common.adapters.rabbitmq import RabbitBroker
from stylegram.common.adapters.rabbitmq.layout import Server
from stylegram.common.adapters.tls import TlsFiles
from stylegram.common.consumer import Consumer
from stylegram.common.errors import ConfigurationError, InvalidMessage, StylegramError, Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import CancelJob, Message, PostPublished, StyleJob, decode
from stylegram.common.ports import Broker, Delivery
from stylegram.common.records import AssetReference
from stylegram.common.topology import Queue

PATIENCE = 60.0
# Seconds; the server looks at its consumers every so often.
ACK_TIMEOUT = 2.0
# A queue that is younger than this when its node is killed has no leader ever after (RabbitMQ 3.10.8, alone).
KNOWN_AFTER = 2.0
LARGEST = 1_000_000
"""Bytes that the server takes of a message."""
ADVANCED = f"[{{rabbit, [{{consumer_timeout, {ACK_TIMEOUT * 1000:.0f}}}, {{channel_tick_interval, 500}}]}}]."

Opener = Callable[..., RabbitBroker]
_T = TypeVar("_T")


@pytest.fixture(scope="module")
def impatient(rabbitmq: RabbitNode) -> Iterator[RabbitNode]:
    """A node that takes messages back from slow consumers, and that tests may stop and start."""
    with tempfile.TemporaryDirectory(prefix="rabbit") as folder:
        node = RabbitNode(Path(folder) / "node", (f"max_message_size = {LARGEST}",), advanced=ADVANCED)
        node.start()
        yield node
        node.kill()


@pytest.fixture
def open_at() -> Iterator[Opener]:
    """Opens brokers, and closes them after the test."""
    opened: list[RabbitBroker] = []

    def open_(url: str, **options: Any) -> RabbitBroker:
        broker = open_broker(url, **options)
        assert isinstance(broker, RabbitBroker)
        opened.append(broker)
        return broker

    yield open_
    for broker in opened:
        broker.close()


@pytest.fixture
def cancels() -> Queue:
    """A queue of the test's own."""
    return Queue(f"test.cancels.{uuid4()}", ("job.cancel",), attempts=2)


@pytest.fixture
def broker(impatient: RabbitNode, open_at: Opener, cancels: Queue) -> RabbitBroker:
    broker = open_at(impatient.url, ack_timeout=ACK_TIMEOUT)
    broker.declare([cancels])
    return broker


def take(broker: Broker, queue: Queue) -> Delivery:
    delivery = insist(lambda: broker.receive(queue.name, timeout=0.5))
    assert delivery is not None
    return delivery


def insist(ask: Callable[[], _T]) -> _T:
    """What the call gives once it gives something; a broker that is away is asked again, as consumers do."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if answer := ask():
                return answer
            reason = "nothing came"
        except Unavailable as error:
            reason = str(error)
            time.sleep(0.1)
        assert time.monotonic() < deadline, reason


def publish(broker: Broker, job_id: str) -> None:
    def ask() -> bool:
        broker.publish(CancelJob(job_id=job_id))
        return True

    insist(ask)


def extending(broker: Broker, delivery: Delivery, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert broker.extend(delivery)
        time.sleep(0.1)


def test_work_that_outlasts_the_servers_patience_and_its_heartbeats_is_delivered_once(
    impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    broker = open_at(f"{impatient.url}?heartbeat=1", visibility=2.0, ack_timeout=ACK_TIMEOUT)
    other = open_at(impatient.url)
    broker.declare([cancels])
    publish(broker, "1")
    handled: list[tuple[str, int]] = []

    def work(message: Message, attempt: int) -> None:
        handled.append((message.job_id, attempt))
        if len(handled) == 1:
            time.sleep(4 * ACK_TIMEOUT)
            assert other.receive(cancels.name) is None

    consumer = Consumer(broker, cancels, work, stop=threading.Event())
    assert consumer.step(timeout=PATIENCE)
    assert not consumer.step(timeout=1)
    assert handled == [("1", 1)]
    assert broker.dead_letters(cancels.name) == []


def test_the_server_of_these_tests_is_impatient(
    broker: Broker, impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    """Or the test before would prove nothing."""
    publish(broker, "1")
    unaware = open_at(impatient.url, ack_timeout=600)
    delivery = take(unaware, cancels)
    # One too many where the waiting began in the very moment in which the server took it back.
    assert take(broker, cancels).count >= 2
    # Its own thread has to hear of that first.
    time.sleep(ACK_TIMEOUT)
    assert not unaware.ack(delivery)


@pytest.mark.parametrize(
    ("settle", "count"),
    [(lambda broker, delivery: broker.retry(delivery), 2), (lambda broker, delivery: broker.release(delivery), 1)],
    ids=["retry", "release"],
)
def test_a_claim_that_moved_is_settled_like_any(
    broker: Broker, settle: Callable[[Broker, Delivery], bool], count: int, cancels: Queue
) -> None:
    publish(broker, "1")
    delivery = take(broker, cancels)
    extending(broker, delivery, 1.5 * ACK_TIMEOUT)
    assert settle(broker, delivery)
    again = take(broker, cancels)
    assert (again.body, again.count) == (delivery.body, count)
    assert broker.reject(again, "no")
    assert [letter.reason for letter in broker.dead_letters(cancels.name)] == ["no"]


def test_a_claim_that_moved_and_is_not_extended_runs_out(
    impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    broker = open_at(impatient.url, visibility=1.0, ack_timeout=ACK_TIMEOUT)
    broker.declare([cancels])
    publish(broker, "1")
    extending(broker, take(broker, cancels), 1.5 * ACK_TIMEOUT)
    assert take(broker, cancels).count == 2


WORKER = f"""
import sys, time
from stylegram.common.adapters import open_broker
from stylegram.common.logs import configure_logs
configure_logs()
broker = open_broker(sys.argv[1], ack_timeout={ACK_TIMEOUT})
while not (delivery := broker.receive(sys.argv[2], timeout=1)):
    pass
print("taken", flush=True)
while broker.extend(delivery):
    time.sleep(0.1)
"""


@pytest.mark.parametrize("moved", [False, True])
def test_what_a_killed_worker_had_comes_to_others(
    broker: Broker, impatient: RabbitNode, moved: bool, cancels: Queue
) -> None:
    publish(broker, "1")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, impatient.url, cancels.name], stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout and worker.stdout.readline() == b"taken\n"
        time.sleep(1.5 * ACK_TIMEOUT if moved else 0)
        worker.kill()
    # In one go: what comes in the very moment in which a client stops waiting is counted once too often.
    delivery = broker.receive(cancels.name, timeout=PATIENCE)
    assert delivery
    assert (decode(delivery.body).job_id, delivery.count) == ("1", 2)
    assert broker.ack(delivery)


def test_a_worker_that_froze_loses_its_message_and_is_told_so(
    broker: Broker, impatient: RabbitNode, cancels: Queue
) -> None:
    publish(broker, "1")
    url = f"{impatient.url}?heartbeat=1"
    with subprocess.Popen([sys.executable, "-c", WORKER, url, cancels.name], stdout=subprocess.PIPE) as worker:
        assert worker.stdout and worker.stdout.readline() == b"taken\n"
        os.kill(worker.pid, signal.SIGSTOP)
        assert take(broker, cancels).count == 2
        os.kill(worker.pid, signal.SIGCONT)
        assert worker.wait(PATIENCE) == 0, "it went on as if nothing had happened"


def test_messages_survive_the_server(impatient: RabbitNode, open_at: Opener, cancels: Queue) -> None:
    broker = open_at(impatient.url)
    broker.declare([cancels])
    for number in range(5):
        publish(broker, str(number))
    claimed = take(broker, cancels)
    time.sleep(KNOWN_AFTER)
    impatient.kill()
    with pytest.raises(Unavailable, match="broker did not answer"):
        broker.publish(CancelJob(job_id="lost"))
    impatient.start()
    publish(broker, "5")
    assert not broker.ack(claimed), "its connection is gone, and it with it"
    found: list[str] = []
    # The last one may be there twice: a server that has just started may take a message and not live up to saying so.
    while set(found) != set("012345"):
        delivery = take(broker, cancels)
        found.append(decode(delivery.body).job_id)
        assert broker.ack(delivery)


def test_who_waits_while_the_server_restarts_gets_what_comes_after(
    broker: Broker, impatient: RabbitNode, cancels: Queue
) -> None:
    found: list[Delivery] = []
    waiting = threading.Thread(target=lambda: found.append(take(broker, cancels)))
    waiting.start()
    time.sleep(0.2)
    impatient.stop()
    impatient.start()
    publish(broker, "1")
    waiting.join(PATIENCE)
    assert [decode(delivery.body).job_id for delivery in found] == ["1"]


def test_a_server_without_its_data_gets_the_queues_again(broker: Broker, impatient: RabbitNode, cancels: Queue) -> None:
    impatient.kill()
    shutil.rmtree(impatient.folder / "data")
    impatient.start()
    publish(broker, "1")
    assert take(broker, cancels).count == 1


def test_a_message_over_which_consumers_die_is_given_up_by_the_server(
    broker: Broker, impatient: RabbitNode, cancels: Queue
) -> None:
    publish(broker, "1")
    deaths = 0
    while not (letters := broker.dead_letters(cancels.name)):
        connection = pika.BlockingConnection(pika.URLParameters(impatient.url))
        method, _, _ = connection.channel().basic_get(cancels.name)
        deaths += method is not None
        connection.close()
    assert deaths > cancels.attempts, "a consumer that lives has the first word"
    (letter,) = letters
    assert "delivery_limit" in letter.reason
    assert decode(letter.body).job_id == "1"
    assert broker.drain_dead(cancels.name, requeue=True) == letters
    assert take(broker, cancels).count == 1


def test_a_queue_that_was_made_otherwise_is_an_error_that_says_so(impatient: RabbitNode, open_at: Opener) -> None:
    other = Queue(f"test.other.{uuid4()}", ("job.cancel",), attempts=1)
    broker = open_at(impatient.url)
    broker.declare([other])
    with pytest.raises(ConfigurationError, match=r"made otherwise.*x-delivery-limit"):
        broker.declare([Queue(other.name, other.topics, attempts=7)])
    broker.publish(CancelJob(job_id="1"))
    assert take(broker, other).count == 1, "the error cost the connection"


def test_wrong_credentials_are_a_configuration_error_that_keeps_the_secret(
    impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    broker = open_at(impatient.url.replace("guest:guest", "guest:hunter2"))
    with pytest.raises(ConfigurationError, match="STYLEGRAM_BROKER_URL") as refused:
        broker.depth(cancels.name)
    assert "hunter2" not in str(refused.value)


def test_a_server_that_is_not_there_is_unavailable(open_at: Opener, cancels: Queue) -> None:
    broker = open_at("amqp://guest:guest@127.0.0.1:9/")
    with pytest.raises(Unavailable, match="did not answer"):
        broker.depth(cancels.name)


@pytest.mark.parametrize("url", ["amqp://host:port", "amqp://host/?heartbeat=often"])
def test_a_wrong_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no AMQP URL"):
        open_broker(url)


def test_closing_hands_back_what_was_claimed(
    broker: Broker, impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    publish(broker, "1")
    other = open_at(impatient.url)
    take(other, cancels)
    other.close()
    assert take(broker, cancels).count == 2


def test_of_two_messages_at_once_one_waits_for_the_next_to_ask(broker: Broker, cancels: Queue) -> None:
    """Who waits at two queues may be given a message of each, and wants one."""
    posts = Queue(f"test.posts.{uuid4()}", ("post.*",))
    broker.declare([posts])
    for number in range(10):
        waiting: list[Delivery | None] = []
        thread = threading.Thread(
            target=lambda taken=waiting: taken.append(broker.receive(cancels.name, posts.name, timeout=PATIENCE))
        )
        thread.start()
        time.sleep(0.05)
        broker.publish(PostPublished(job_id=str(number), account="a", media_id="b", url="c"))
        broker.publish(CancelJob(job_id=str(number)))
        thread.join()
        taken = [*waiting, broker.receive(cancels.name, posts.name, timeout=PATIENCE)]
        assert {each.queue for each in taken if each} == {cancels.name, posts.name}
        assert all(each and each.count <= 2 and broker.ack(each) for each in taken)


def test_a_held_claim_that_runs_out_needs_no_publisher(impatient: RabbitNode, open_at: Opener, cancels: Queue) -> None:
    broker = open_at(impatient.url, visibility=1.0, ack_timeout=ACK_TIMEOUT)
    broker.declare([cancels])
    publish(broker, "1")
    extending(broker, take(broker, cancels), 1.5 * ACK_TIMEOUT)
    broker._publisher.close()
    other = open_at(impatient.url)
    assert take(other, cancels).count == 2


def test_an_error_that_nobody_foresaw_costs_the_connection_and_not_its_thread(
    broker: RabbitBroker, cancels: Queue
) -> None:
    def fail(_: object) -> None:
        raise ValueError("not foreseen")

    with pytest.raises(Unavailable, match="not foreseen"):
        broker._consumer.call(fail)
    publish(broker, "1")
    assert take(broker, cancels).count == 1


def test_a_host_that_cannot_be_one_is_unavailable(open_at: Opener, cancels: Queue) -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        open_at("amqp://guest:guest@a..b/").depth(cancels.name)


def test_headers_of_others_are_no_count(broker: Broker, impatient: RabbitNode, cancels: Queue) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(impatient.url))
    properties = pika.BasicProperties(headers={"x-stylegram-attempts": "many"})
    connection.channel().basic_publish("", cancels.name, b"{}", properties)
    connection.close()
    assert take(broker, cancels).count == 1


def test_a_server_short_of_memory_gives_messages_away_still(
    impatient: RabbitNode, open_at: Opener, cancels: Queue
) -> None:
    broker = open_at(f"{impatient.url}?blocked_connection_timeout=60")
    broker.declare([cancels])
    for number in range(3):
        publish(broker, str(number))
    impatient.control("set_vm_memory_high_watermark", "0.00001")
    try:
        publishing = threading.Thread(target=publish, args=(broker, "blocked"))
        publishing.start()
        time.sleep(2)  # for which a look at a pause is remembered
        taken = [take(broker, cancels) for _ in range(3)]
        assert all(broker.ack(each) for each in taken)
        assert publishing.is_alive(), "the server was not short of memory"
    finally:
        impatient.control("set_vm_memory_high_watermark", "0.4")
    publishing.join(PATIENCE)
    assert decode(take(broker, cancels).body).job_id == "blocked"


def test_a_command_whose_queue_somebody_deleted_gets_it_again(broker: Broker, impatient: RabbitNode) -> None:
    commands = Queue(f"test.commands.{uuid4()}", ("command.style.*",))
    broker.declare([commands])
    impatient.forget([commands])
    picture = AssetReference(sha256="0" * 64, object_name="a.png", name="a")
    broker.publish(StyleJob(job_id="1", content=picture, style=picture, hyperparameters=Hyperparameters()))
    assert decode(take(broker, commands).body).job_id == "1"
    impatient.forget([commands])


def test_a_message_too_large_for_the_server_is_refused_for_good(broker: Broker, cancels: Queue) -> None:
    with pytest.raises(InvalidMessage, match=r"no message as large as 2\.0 MB"):
        broker.publish(CancelJob(job_id="x" * 2 * LARGEST))
    publish(broker, "1")
    assert take(broker, cancels).count == 1


def certificates(folder: Path) -> TlsFiles:
    """An authority's certificate, and one of this machine's that it signed."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca-key.pem", "-out", "ca.pem")
    openssl(*new, "-subj", "/CN=machine", "-keyout", "key.pem", "-out", "request.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signer = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "names", "-days", "2")
    openssl("x509", "-req", "-in", "request.pem", *signer, "-out", "cert.pem")
    return TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def test_tls_is_checked(rabbitmq: RabbitNode, tmp_path: Path, cancels: Queue) -> None:
    files = certificates(tmp_path)
    with tempfile.TemporaryDirectory(prefix="rabbit") as folder:
        settings = (
            f"ssl_options.cacertfile = {files.ca}",
            f"ssl_options.certfile = {files.certificate}",
            f"ssl_options.keyfile = {files.key}",
            "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = true",
        )
        node = RabbitNode(Path(folder) / "node", settings, tls=True)
        node.start()
        try:
            with_both = open_broker(node.tls_url, tls=files)
            with_both.declare([cancels])
            with_both.close()
            for wrong in (TlsFiles(None, files.certificate, files.key), TlsFiles(files.ca)):
                refused = open_broker(node.tls_url, tls=wrong)
                with pytest.raises(StylegramError):
                    refused.declare([cancels])
                refused.close()
        finally:
            node.kill()


def test_servers_differ() -> None:
    assert not Server.of("4.2.9").nack_is_uncounted
    assert Server.of("4.3.0-rc.1").nack_is_uncounted
    Server.of("3.10.0").check()
    for old in ("3.9.29", "none of ours"):
        with pytest.raises(ConfigurationError, match="too old"):
            Server.of(old).check()


def test_dead_letters_can_be_looked_at_again_and_again(broker: Broker, cancels: Queue) -> None:
    for number in range(5):
        publish(broker, str(number))
        assert broker.reject(take(broker, cancels), f"reason {number}")
    looks = [broker.dead_letters(cancels.name) for _ in range(30)]
    assert [letter.reason for letter in looks[0]] == [f"reason {number}" for number in range(5)]
    assert all(look == looks[0] for look in looks)
    assert broker.dead_count(cancels.name) == 5
    assert broker.drain_dead(cancels.name) == looks[0]
