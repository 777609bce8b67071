"""A private RabbitMQ node: own ports, folder and Erlang cookie; it ends with the tests."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pika

from stylegram.common.adapters.rabbitmq import layout
from stylegram.common.topology import Queue

# It says in ten lines what its errors say too.
logging.getLogger("pika").setLevel(logging.CRITICAL)
# Debian's own wrapper changes the user, the folder and the log.
_SCRIPTS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/usr/sbin/rabbitmq-server"))
# Far more than a node takes to start on a busy machine.
_PATIENCE = 120.0


def find_server() -> Path | None:
    """The server's start script, if it is installed."""
    found = next((script for script in _SCRIPTS if script.exists()), None)
    return found or (Path(path) if (path := shutil.which("rabbitmq-server")) else None)


@dataclass
class RabbitNode:
    """A node in a folder of its own, which outlives its being stopped and killed.

    Args:
        folder: an empty one with a short path.
        settings: lines of its rabbitmq.conf.
        advanced: text of its advanced.config.
        tls: whether it listens with TLS too.
    """

    folder: Path
    settings: tuple[str, ...] = ()
    advanced: str = "[]."
    tls: bool = False
    port: int = field(init=False)
    _ports: list[int] = field(init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._ports = _free_ports(4)
        self.port = self._ports[0]
        (self.folder / "home").mkdir(parents=True)
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self.port}", "log.console = false", *self.settings]
        if self.tls:
            lines.append(f"listeners.ssl.1 = 127.0.0.1:{self._ports[3]}")
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (self.folder / "advanced.config").write_text(self.advanced)

    @property
    def url(self) -> str:
        """Of its default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def tls_url(self) -> str:
        """The same, with TLS."""
        return f"amqps://guest:guest@127.0.0.1:{self._ports[3]}/%2F"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        server = find_server()
        assert server, "rabbitmq-server is not installed"
        with (self.folder / "output.log").open("ab") as output:
            # A session of its own: what interrupts the tests is not for the node.
            self._process = subprocess.Popen(
                [server], env=self._environment(), stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            said = (self.folder / "output.log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, f"the node ended: {said}"
            assert time.monotonic() < deadline, f"the node does not start: {said}"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def forget(self, queues: Iterable[Queue]) -> None:
        """Delete the queues and what belongs to them, for a test that wants them new."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        channel = connection.channel()
        for queue in queues:
            for name in (queue.name, layout.dead(queue.name), layout.paused(queue.name)):
                channel.queue_delete(name)
        connection.close()

    def control(self, *command: str) -> None:
        """Run `rabbitmqctl` on it."""
        name = f"stylegram-{self.port}@localhost"
        subprocess.run(
            [Path("/usr/lib/rabbitmq/bin/rabbitmqctl"), "-n", name, *command],
            env=self._environment(),
            check=True,
            capture_output=True,
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, how)
        self._process.wait(_PATIENCE)
        self._process = None
        self._end_name_server()

    def _end_name_server(self) -> None:
        """Erlang's is a daemon, and stays; it does not end while it takes the node to live."""
        deadline = time.monotonic() + _PATIENCE
        command = ["epmd", "-port", str(self._ports[2]), "-kill"]
        while subprocess.run(command, capture_output=True, check=False).returncode and time.monotonic() < deadline:
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(5)
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"  # a method frame: connection.start
        except OSError:
            return False

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return os.environ | {
            "HOME": str(folder / "home"),
            "RABBITMQ_NODENAME": f"stylegram-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._ports[1]),
            "ERL_EPMD_PORT": str(self._ports[2]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # One scheduler each: it has the tests for company.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
