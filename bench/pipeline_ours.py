"""Ours doing what `bench.pipeline` asks: `python -m bench.pipeline_ours client|worker`.

The worker is the real consumer at the real adapter; its handler says `JobCompleted`, and nothing else.
"""

import signal
import sys
import threading
from types import FrameType
from uuid import uuid4

from bench.pipeline_messages import completed, style_job
from bench.pipeline_peers import client

from stylegram.common.adapters import open_broker
from stylegram.common.consumer import Consumer
from stylegram.common.logs import configure_logs
from stylegram.common.messages import Message, StyleJob
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES


def submit() -> None:
    """Publish as many jobs as each line of standard input says."""
    broker = open_broker(client.broker_url())
    broker.declare(QUEUES)
    client.answer(lambda: broker.publish(style_job(str(uuid4()))))
    broker.close()


def work() -> None:
    """Take jobs and say that they are done, until told to stop."""
    broker = open_broker(client.broker_url())
    broker.declare(QUEUES)

    def handle(message: Message, _attempt: int) -> None:
        assert isinstance(message, StyleJob)
        broker.publish(completed(message))

    Consumer(broker, STYLIZER_QUEUES, handle, stop=until_terminated()).run()
    broker.close()


def until_terminated() -> threading.Event:
    """Is set by SIGTERM."""
    stop = threading.Event()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, terminate)
    return stop


if __name__ == "__main__":
    configure_logs(level="warning")
    {"client": submit, "worker": work}[sys.argv[1]]()
