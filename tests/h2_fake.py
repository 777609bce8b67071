"""As much of HTTP/2 as an answer needs, in the clear, for what curl does with connections."""

import socket
import struct
import threading
from typing import Self

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_STATUS_200 = b"\x88"


class H2Fake:
    """A server on loopback for as long as the context lasts; it answers `{"status": "ok"}`.

    Args:
        resets: the number of the request at which it breaks the connection instead; the first is 1.
    """

    def __init__(self, resets: int = 0) -> None:
        self.requests = 0
        """How many came whole."""
        self.connections = 0
        self._resets = resets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            stream.read(len(_PREFACE))
            stream.write(_frame(_SETTINGS, 0, 0))
            stream.flush()
            while head := stream.read(9):
                size = int.from_bytes(head[:3], "big")
                kind, flags, number = head[3], head[4], struct.unpack(">I", head[5:])[0]
                payload = stream.read(size)
                if kind == _SETTINGS and not flags & _ACK:
                    stream.write(_frame(_SETTINGS, _ACK, 0))
                if kind == _PING and not flags & _ACK:
                    stream.write(_frame(_PING, _ACK, 0, payload))
                if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
                    self.requests += 1
                    if self.requests == self._resets:
                        # Closed with nothing to wait for, a connection is reset.
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    stream.write(_frame(_HEADERS, _END_HEADERS, number, _STATUS_200))
                    stream.write(_frame(_DATA, _END_STREAM, number, b'{"status": "ok"}'))
                stream.flush()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack(">I", stream) + payload
