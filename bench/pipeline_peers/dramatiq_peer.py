"""dramatiq doing what `bench.pipeline` asks, in an environment that has it.

It has no setting for quorum queues: the arguments of its declarations are the one thing that is changed. Publisher
confirms are on; it acknowledges late by itself. It says that a job is done on the channel with which it enqueues.
"""

import json

import dramatiq  # type: ignore[import-not-found]
import pika
from bench.pipeline_peers import client
from dramatiq.brokers.rabbitmq import RabbitmqBroker  # type: ignore[import-not-found]

QUEUE, DONE = "dramatiq.jobs", "dramatiq.done"


class QuorumBroker(RabbitmqBroker):  # type: ignore[misc]
    """dramatiq's broker, its queues quorum queues."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, object]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


broker = QuorumBroker(url=client.broker_url(), confirm_delivery=True)
dramatiq.set_broker(broker)


def stylize(job: dict[str, object]) -> None:
    """Do nothing, and say that it is done."""
    broker.channel.basic_publish(
        client.EXCHANGE,
        DONE,
        json.dumps(client.completed(str(job["job_id"]))).encode(),
        pika.BasicProperties(content_type="application/json", delivery_mode=2),
        mandatory=True,
    )


actor = dramatiq.actor(stylize, queue_name=QUEUE)

if __name__ == "__main__":
    client.answer(lambda: actor.send(client.job()))
