"""Google Drive's API, version 3, in a fake that the real client talks to over HTTP.

    with DriveFake() as drive:
        folder = drive.add_folder("Photos")
        drive.add_file("a.jpg", b"…", folder)
        source = open_source(f"gdrive://{folder}", endpoint=drive.url)

It gives the fields that were asked for and no others, refuses what it does not know, and shows what lies in shared
drives to those only who ask for it as Drive wants to be asked. `fail` has it misbehave.
"""

import json
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from drive_fake_tree import DriveTree, Node
from google_oauth_fake import GoogleOAuthFake

_COMMON = {"alt", "fields", "prettyPrint", "key", "quotaUser"}
_DRIVES = {"supportsAllDrives", "includeItemsFromAllDrives", "driveId"}
_PARAMETERS = {
    "files.list": {*_DRIVES, "corpora", "orderBy", "pageSize", "pageToken", "q", "spaces"},
    "files.get": {"acknowledgeAbuse", "supportsAllDrives"},
    "files.media": {"acknowledgeAbuse", "supportsAllDrives"},
    "changes.start": {"driveId", "supportsAllDrives"},
    "changes.list": {*_DRIVES, "includeRemoved", "pageSize", "pageToken", "restrictToMyDrive", "spaces"},
    "about.get": set[str](),
}
_FILE_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("kind", "id", "name", "mimeType", "trashed", "createdTime", "modifiedTime", "parents")),
    **dict.fromkeys(("driveId", "resourceKey", "md5Checksum", "sha256Checksum", "size", "webViewLink")),
    **dict.fromkeys(("ownedByMe", "sharedWithMeTime")),
    "capabilities": {"canDownload": None},
    "shortcutDetails": {"targetId": None, "targetMimeType": None, "targetResourceKey": None},
}
_CHANGE_FIELDS = {
    **dict.fromkeys(("kind", "changeType", "driveId", "fileId", "removed", "time")),
    "file": _FILE_FIELDS,
    "drive": {"id": None, "name": None},
}
_FIELDS: dict[str, dict[str, Any]] = {
    "files.list": {"kind": None, "nextPageToken": None, "incompleteSearch": None, "files": _FILE_FIELDS},
    "files.get": _FILE_FIELDS,
    "changes.start": {"kind": None, "startPageToken": None},
    "changes.list": {"kind": None, "nextPageToken": None, "newStartPageToken": None, "changes": _CHANGE_FIELDS},
    "about.get": {"kind": None, "user": {"emailAddress": None, "displayName": None}},
}
# What Drive says when it is not told what to say.
_USUAL = {"files.get": "kind,id,name,mimeType", "changes.start": "kind,startPageToken"}


class Call(NamedTuple):
    """A request that came."""

    kind: str
    parameters: Mapping[str, str]
    headers: Message
    path: str


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str = "", location: str = "") -> None:
        super().__init__(message or reason)
        self.status, self.reason, self.location = status, reason, location


@dataclass
class Fault:
    """What goes wrong with a request.

    Args:
        kind: of request: files.list, files.get, files.media, changes.start, changes.list, about.get, token.
        times: how often still.
        status: the answer's.
        reason: Drive's word for it.
        reset: break the connection instead of an answer.
        cut: break the connection after so many bytes of the answer's body.
        seconds: that the answer takes.
        ignores_range: whether the whole file comes, whatever range was asked for.
        same_page: whether a list says that the page it was asked for is the next one, too.
        text: the answer's body, in place of what it would be.
        incomplete: whether a list says that not everything was searched.
        empty: of how many of its parents a list that has several comes without anything, beginning with the last.
        do: is called before the answer.
    """

    kind: str
    times: float = 1
    status: int = 0
    reason: str = "backendError"
    reset: bool = False
    cut: int | None = None
    seconds: float = 0.0
    ignores_range: bool = False
    same_page: bool = False
    text: bytes | None = None
    incomplete: bool = False
    empty: int = 0
    do: Callable[[], object] | None = None


class DriveFake(DriveTree):
    """A server on loopback for as long as the context lasts.

    Args:
        checks_tokens: whether requests need an access token that `oauth` gave out.
    """

    def __init__(self, *, checks_tokens: bool = False) -> None:
        super().__init__()
        self.checks_tokens = checks_tokens
        self.calls = Counter[str]()
        """How many requests of each kind came."""
        self.downloads = Counter[str]()
        """How many requests for each file's bytes came."""
        self.log: list[Call] = []
        self.faults: list[Fault] = []
        self.page_size = 1000
        """The most that a page has, whatever is asked for."""
        self._epoch = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.drive = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.oauth = GoogleOAuthFake(self.url)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()

    def fail(self, kind: str, **how: Any) -> Fault:
        """Have the next request of that kind go wrong; see `Fault`."""
        self.faults.append(fault := Fault(kind, **how))
        return fault

    def forget_changes(self) -> None:
        """Have the tokens that were given out be too old."""
        self._epoch += 1

    def fault_of(self, kind: str) -> Fault:
        """What is to go wrong with this request; nothing, mostly."""
        with self.lock:
            for fault in self.faults:
                if fault.kind == kind and fault.times > 0:
                    fault.times -= 1
                    return fault
        return Fault(kind)

    def answer(self, call: Call, fault: Fault) -> dict[str, Any]:
        """The JSON that answers a request, with the fields that it asks for."""
        with self.lock:
            match call.kind:
                case "files.list":
                    said = self._list(call, fault)
                case "files.get":
                    said = self.describe(self._node(call))
                case "changes.start":
                    self._check_drive(call.parameters.get("driveId"), call)
                    said = {"kind": "drive#startPageToken", "startPageToken": self._token(len(self.happenings))}
                case "changes.list":
                    said = self._changes(call)
                    if fault.same_page:
                        said["nextPageToken"] = call.parameters["pageToken"]
                case _:
                    said = {"kind": "drive#about", "user": {"emailAddress": self._user(call), "displayName": "Ada"}}
        wanted = call.parameters.get("fields") or _USUAL.get(call.kind)
        if not wanted:
            raise Refused(400, "required", f"The 'fields' parameter is required for {call.kind}.", "fields")
        picked: dict[str, Any] = _picked(said, _parsed_fields(wanted), _FIELDS[call.kind])
        return picked

    def content(self, call: Call) -> bytes:
        """The bytes of a file."""
        with self.lock:
            node = self._node(call)
            self.downloads[node.id] += 1
        if node.content is None:
            raise Refused(403, "fileNotDownloadable", "Only files with binary content can be downloaded.", "alt")
        if node.refusal:
            raise Refused(403, node.refusal, f"This file cannot be downloaded: {node.refusal}.")
        return node.bytes()

    def check(self, call: Call) -> None:
        """Refuse what Drive refuses before it looks."""
        if unknown := call.parameters.keys() - _COMMON - _PARAMETERS[call.kind]:
            raise Refused(400, "invalidParameter", f"Unknown name: {min(unknown)}")
        if self.checks_tokens and not self._user(call):
            raise Refused(401, "authError", "Request had invalid authentication credentials.")
        size = call.parameters.get("pageSize", "100")
        if not size.isdigit() or not 1 <= int(size) <= 1000:
            raise Refused(
                400, "invalidParameter", f"Invalid value '{size}'. Values must be within the range: [1, 1000]"
            )

    def _user(self, call: Call) -> str:
        token = call.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.oauth.tokens.get(token, "" if self.checks_tokens else "anonymous@example.org")

    def _node(self, call: Call) -> Node:
        wanted = call.path.split("/")[2]
        node = self.nodes.get(self.root if wanted == "root" else wanted)
        all_drives = call.parameters.get("supportsAllDrives") == "true"
        if node is None or not self._is_shown(node, call) or (node.drive and not all_drives):
            raise Refused(404, "notFound", f"File not found: {wanted}.", "fileId")
        return node

    def _is_shown(self, node: Node, call: Call) -> bool:
        keys = call.headers.get("X-Goog-Drive-Resource-Keys", "").split(",")
        needs_key = node.by_link_only and node.resource_key
        return node.visible and (not needs_key or f"{node.id}/{node.resource_key}" in keys)

    def _check_drive(self, drive: str | None, call: Call) -> None:
        if drive and call.parameters.get("supportsAllDrives") != "true":
            raise Refused(403, "teamDrivesNotSupported", "The driveId parameter needs supportsAllDrives.", "driveId")
        if drive and not self.members.get(drive):
            raise Refused(404, "notFound", f"Shared drive not found: {drive}", "driveId")
        if call.parameters.get("includeItemsFromAllDrives") == "true" != call.parameters.get("supportsAllDrives"):
            raise Refused(403, "teamDrivesNotSupported", "includeItemsFromAllDrives needs supportsAllDrives.")

    def _list(self, call: Call, fault: Fault) -> dict[str, Any]:
        parameters = call.parameters
        drive = parameters.get("driveId")
        self._check_drive(drive, call)
        if bool(drive) != (parameters.get("corpora") == "drive"):
            raise Refused(403, "teamDriveIdRequired", "driveId must be there if and only if corpora is drive.")
        parents, trashed = _parsed_query(parameters.get("q", ""))
        found: list[Node] = []
        for parent in parents:
            above = self.nodes.get(self.root if parent == "root" else parent)
            if above is None or not self._is_shown(above, call):
                raise Refused(404, "notFound", "File not found: .", "fileId")
            children = [self.nodes[child] for child in above.children]
            if len(parents) > 1 and self.is_told_to_nobody(above):
                # What anybody may see is searched whole only where it is asked for alone.
                children = children[:1]
            if len(parents) > 1 and parent in parents[-fault.empty or len(parents) :]:
                children = []
            found += children
        found = [
            node
            for node in sorted(found, key=lambda node: node.number)
            if self.is_trashed(node) == trashed and node.visible and self._is_in(node, drive, parameters)
        ]
        begin = self._position(parameters.get("pageToken"), "page")
        size = min(int(parameters.get("pageSize", 100)), self.page_size)
        found = [node for node in found if node.number >= begin]
        said = {
            "kind": "drive#fileList",
            "incompleteSearch": fault.incomplete,
            "files": [self.describe(node) for node in found[:size]],
        }
        if len(found) > size:
            said["nextPageToken"] = f"page-0-{found[size].number}"
        if fault.same_page:
            said["nextPageToken"] = parameters.get("pageToken") or "page-0-1"
        return said

    def _is_in(self, node: Node, drive: str | None, parameters: Mapping[str, str]) -> bool:
        if drive or not node.drive:
            return node.drive == drive
        # What is in a shared drive of one's own is found by asking for that drive.
        return parameters.get("includeItemsFromAllDrives") == "true" and not self.members[node.drive]

    def _changes(self, call: Call) -> dict[str, Any]:
        parameters = call.parameters
        drive = parameters.get("driveId")
        self._check_drive(drive, call)
        begin = self._position(parameters.get("pageToken"), "changes")
        size = min(int(parameters.get("pageSize", 100)), self.page_size)
        ids, rest = self.changes(begin, drive, size)
        changes = []
        for node_id in ids:
            node = self.nodes.get(node_id)
            if node and node.id == node.drive:
                changes.append({"kind": "drive#change", "changeType": "drive", "driveId": node_id, "removed": False})
                continue
            change: dict[str, Any] = {"kind": "drive#change", "changeType": "file", "fileId": node_id}
            # In a drive's list that is gone which is in the drive no more.
            change["removed"] = node is None or not node.visible or bool(drive and node.drive != drive)
            if node and not change["removed"]:
                change["file"] = self.describe(node)
            if not (node and node.drive) or parameters.get("includeItemsFromAllDrives") == "true":
                changes.append(change)
        said: dict[str, Any] = {"kind": "drive#changeList", "changes": changes}
        if rest is None:
            said["newStartPageToken"] = self._token(len(self.happenings))
        else:
            said["nextPageToken"] = self._token(rest)
        return said

    def _token(self, position: int) -> str:
        return f"changes-{self._epoch}-{position}"

    def _position(self, token: str | None, kind: str) -> int:
        if token is None and kind == "page":
            return 0
        found = re.fullmatch(rf"{kind}-(\d+)-(\d+)", token or "")
        if not found or (kind == "changes" and int(found[1]) != self._epoch):
            raise Refused(400, "invalid", "Invalid Value", "pageToken")
        return int(found[2])


def _parsed_query(query: str) -> tuple[list[str], bool]:
    text = r"'((?:[^'\\]|\\['\\])*)'"
    found = re.fullmatch(rf"\(?({text} in parents(?: or {text} in parents)*)\)? and trashed = (true|false)", query)
    if not found:
        raise Refused(400, "invalid", f"Invalid Value: {query}", "q")
    parents = [re.sub(r"\\(['\\])", r"\1", parent) for parent in re.findall(rf"{text} in parents", found[1])]
    return parents, found[4] == "true"


def _parsed_fields(text: str) -> dict[str, Any]:
    """A tree of names, from `a,b(c,d),e/f`."""
    tokens = re.findall(r"[A-Za-z0-9*]+|[(),/]|.", text)

    def one(at: int) -> tuple[str, Any, int]:
        name, at = tokens[at], at + 1
        if tokens[at : at + 1] == ["("]:
            below, at = several(at + 1)
            return name, below, at + 1
        if tokens[at : at + 1] == ["/"]:
            inner, below, at = one(at + 1)
            return name, {inner: below}, at
        return name, None, at

    def several(at: int) -> tuple[dict[str, Any], int]:
        chosen: dict[str, Any] = {}
        while at < len(tokens) and tokens[at] != ")":
            name, below, at = one(at)
            chosen[name] = below
            if tokens[at : at + 1] == [","]:
                at += 1
        return chosen, at

    return several(0)[0]


def _picked(said: Any, wanted: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> Any:
    if wanted is None or wanted == {"*": None}:
        return said
    if isinstance(said, list):
        return [_picked(each, wanted, known) for each in said]
    for name in wanted:
        if known is None or name not in known:
            raise Refused(400, "invalidParameter", f"Invalid field selection {name}", "fields")
    assert known is not None
    return {name: _picked(said[name], below, known[name]) for name, below in wanted.items() if name in said}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    drive: DriveFake

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.connections: set[socket.socket] = set()

    def break_connections(self) -> None:
        for connection in list(self.connections):
            _break(connection)

    def handle_error(self, *request: Any) -> None:
        """Clients that go away are what tests are about; anything else is a mistake in here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body in one packet: else the kernel waits for an acknowledgement between them.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(urlsplit(self.path).query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.headers.get("X-HTTP-Method-Override") == "GET":
            self._serve(body)
        elif self.path == "/token":
            self._token(dict(parse_qsl(body)))
        else:
            self._refuse(Refused(404, "notFound", "Not Found"))

    def _serve(self, query: str) -> None:
        path = urlsplit(self.path).path
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        if path == "/auth":
            status, location = self.server.drive.oauth.consent(parameters)
            self._send(status, b"", {"Location": location})
            return
        kind = _kind(path, parameters)
        if not kind:
            self._refuse(Refused(404, "notFound", "Not Found"))
            return
        drive = self.server.drive
        call = Call(kind, parameters, self.headers, path)
        with drive.lock:
            drive.calls[kind] += 1
            drive.log.append(call)
        fault = drive.fault_of(kind)
        if not self._misbehaves(fault):
            try:
                drive.check(call)
                if kind == "files.media":
                    self._send_range(drive.content(call), fault)
                else:
                    self._send_json(200, drive.answer(call, fault), fault)
            except Refused as refused:
                self._refuse(refused)

    def _token(self, form: Mapping[str, str]) -> None:
        drive = self.server.drive
        drive.calls["token"] += 1
        fault = drive.fault_of("token")
        if not self._misbehaves(fault):
            self._send_json(*drive.oauth.grant(form, self.headers.get("Authorization", "")), fault)

    def _misbehaves(self, fault: Fault) -> bool:
        if fault.do:
            fault.do()
        if fault.seconds:
            time.sleep(fault.seconds)
        if fault.reset:
            self.close_connection = True
            _break(self.connection)
        elif fault.status:
            self._refuse(Refused(fault.status, fault.reason))
        return bool(fault.reset or fault.status)

    def _send_range(self, data: bytes, fault: Fault) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not found or fault.ignores_range:
            self._send(200, data, {"Content-Type": "image/jpeg"}, fault)
            return
        begin, end = int(found[1]), min(int(found[2]), len(data) - 1)
        if begin > end:
            self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        self._send(206, data[begin : end + 1], {"Content-Range": f"bytes {begin}-{end}/{len(data)}"}, fault)

    def _refuse(self, refused: Refused) -> None:
        detail = {"domain": "global", "reason": refused.reason, "message": str(refused)}
        if refused.location:
            detail |= {"locationType": "parameter", "location": refused.location}
        error = {"code": refused.status, "message": str(refused), "errors": [detail]}
        self._send_json(refused.status, {"error": error}, Fault(""))

    def _send_json(self, status: int, said: Mapping[str, Any], fault: Fault) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json; charset=UTF-8"}, fault)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None) -> None:
        if fault and fault.text is not None:
            body = fault.text
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault is None or fault.cut is None:
            self.wfile.write(body)
        else:
            self.wfile.write(body[: fault.cut])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


def _break(connection: socket.socket) -> None:
    try:
        # With this, closing sends a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _kind(path: str, parameters: Mapping[str, str]) -> str | None:
    match path.split("/")[1:]:
        case ["files"]:
            return "files.list"
        case ["files", _]:
            return "files.media" if parameters.get("alt") == "media" else "files.get"
        case ["changes"]:
            return "changes.list"
        case ["changes", "startPageToken"]:
            return "changes.start"
        case ["about"]:
            return "about.get"
    return None
