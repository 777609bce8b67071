"""HTTP for the fake of Google Cloud Storage: what a request is, what becomes of it instead, and what goes back."""

import json
import re
import socket
import ssl
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """A request as the fake understands it.

    Args:
        kind: stat, list, media, delete, upload (in one piece), start, chunk, status (of one in parts), bucket,
            permissions, signed, token, metadata, sign or other.
        method: GET and so on.
        path: percent-encoded, as it came.
        query: decoded; what is there several times has commas between.
        headers: their names in lower case.
        body: what came with it.
    """

    kind: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Fault:
    """What becomes of a request instead.

    Args:
        status: the answer, and nothing is done; 0 for none.
        reason: Google's word for it, as in `rateLimitExceeded`.
        message: Google's sentence.
        drop: the connection ends before the request is carried out, after it was, or in the middle of a body: of the
            request's if it has one, else of the answer's.
        keep: bytes of an upload's part that the server keeps; it says so.
    """

    status: int = 0
    reason: str = "backendError"
    message: str = "We encountered an internal error. Please try again."
    drop: Literal["", "before", "after", "body"] = ""
    keep: int | None = None


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(body: object, status: int = 200) -> Answer:
    """An answer of the JSON API."""
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def as_error(status: int, reason: str, message: str) -> Answer:
    """A refusal of the JSON API."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return as_json({"error": {"code": status, "message": message, "errors": errors}}, status)


class Service(Protocol):
    """What answers."""

    def fault(self, request: Request) -> Fault:
        """What becomes of the request, whose body has not come yet."""

    def answer(self, request: Request, fault: Fault) -> Answer:
        """Carry the request out."""

    def certificate(self) -> Path:
        """That of Google's hosts."""


def _kind(method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> str:
    upload = path.startswith("/upload/storage/v1/b/")
    match method:
        case "PUT" if upload:
            return "status" if headers.get("content-range", "").startswith("bytes */") else "chunk"
        case "POST" if upload:
            return "start" if query.get("uploadType") == "resumable" else "upload"
        case "POST":
            return "token" if path == "/token" else "sign" if path.endswith(":signBlob") else "other"
        case "GET" if "X-Goog-Algorithm" in query:
            return "signed"
        case "GET" if path == "/" or path.startswith("/computeMetadata/"):
            return "metadata"
        case "GET" if path.endswith("/iam/testPermissions"):
            return "permissions"
    if inside := re.fullmatch(r"(?:/download)?/storage/v1/b/[^/]+(/o(/[^/]+)?)?", path):
        if method == "DELETE":
            return "delete"
        return ("media" if query.get("alt") == "media" else "stat") if inside[2] else "list" if inside[1] else "bucket"
    return "other"


class Server(ThreadingHTTPServer):
    """The server, a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Whoever hangs up in the middle of something is no news."""


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16
        timeout = 30

        def log_message(self, *_: object) -> None:
            pass

        def do_CONNECT(self) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(service.certificate())
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb")
            self.close_connection = False

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query: dict[str, str] = {}
            for name, value in parse_qsl(parts.query, keep_blank_values=True):
                query[name] = f"{query[name]},{value}" if name in query else value
            headers = {name.lower(): value for name, value in self.headers.items()}
            length = int(headers.get("content-length", 0))
            kind = _kind(self.command, parts.path, query, headers)
            request = Request(kind, self.command, parts.path, query, headers)
            fault = service.fault(request)
            if fault.drop == "before":
                return self._drop()
            cut = fault.drop == "body" and length
            body = self.rfile.read(length // 2 if cut else length)
            if cut and kind != "chunk":
                return self._drop()
            answer = service.answer(Request(kind, self.command, parts.path, query, headers, body), fault)
            if cut or fault.drop == "after" or (fault.drop == "body" and not answer.body):
                return self._drop()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if fault.drop == "body" else answer.body)
            self.wfile.flush()
            if fault.drop:
                self._drop()
            return None

        def _drop(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # the library's names

    return Handler
