"""Celery doing what `bench.pipeline` asks, in an environment that has it: this module is its application.

Quorum queues, publisher confirms, one message at a time, acknowledged late; it says that a job is done with kombu's own
producer, the cheapest way that it has.
"""

from bench.pipeline_peers import client
from celery import Celery  # type: ignore[import-not-found]

QUEUE, DONE = "celery.jobs", "celery.done"

app = Celery("pipeline", broker=client.broker_url())
app.conf.update(
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)


def stylize(job: dict[str, object]) -> None:
    """Do nothing, and say that it is done."""
    with app.producer_pool.acquire(block=True) as producer:
        body = client.completed(str(job["job_id"]))
        producer.publish(body, exchange=client.EXCHANGE, routing_key=DONE, serializer="json")


task = app.task(stylize, name="stylize")

if __name__ == "__main__":
    client.answer(lambda: task.delay(client.job()))
