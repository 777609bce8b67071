"""A fake of Google Cloud Storage over HTTP, as google-cloud-storage speaks with it, with what stands around it.

    with GcsFake() as fake:
        client = Client(project=None, credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url})

On one loopback port: the JSON API, addresses that are signed, the token endpoint of service accounts, the metadata
server of a machine of Google's, and a proxy behind which IAM signs. Any request can be made to fail.
"""

import base64
import gzip
import hashlib
import json
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4

import google_crc32c

import gcs_identity
from gcs_fake_http import Answer, Fault, Request, Server, as_error, as_json, handler

_STEP = 256 * 1024  # of what an upload in parts keeps
_MAX_METADATA = 8 * 1024
_generations = count(1_700_000_000_000_000)


@dataclass
class FakeObject:
    """An object as the bucket has it."""

    data: bytes
    content_type: str
    metadata: dict[str, str] | None
    content_encoding: str = ""
    generation: int = field(default_factory=lambda: next(_generations))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    checksum: bytes = b""
    claimed: str = ""
    """The checksum that whoever wrote it sent along."""

    def __post_init__(self) -> None:
        self.checksum = self.checksum or checksum(self.data)


def checksum(data: bytes) -> bytes:
    """The CRC 32C."""
    return int(google_crc32c.value(data)).to_bytes(4, "big")


@dataclass
class _Session:
    resource: dict[str, Any]
    content_type: str
    precondition: str | None
    data: bytearray = field(default_factory=bytearray)
    done: bytes | None = None


class GcsFake:
    """The server; it runs as long as the `with` lasts.

    Args:
        bucket: the only one that there is.
        secured: whether it asks for tokens.
    """

    def __init__(self, bucket: str = "stylegram-tests", *, secured: bool = False) -> None:
        self.bucket = bucket
        self.objects: dict[str, FakeObject] = {}
        self.faults: list[Fault | None] | Callable[[Request], Fault | None] = []
        """One for each request to come, or a function that is asked for each."""
        self.requests: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.denied: set[str] = set()
        """Permissions that the account lacks, as in `storage.objects.get`; or `iamcredentials`, where that is off."""
        self.revoked = False
        """Whether the account gets no tokens any more."""
        self.clock = timedelta()
        """How far the server's clock goes ahead."""
        self.machine_account = gcs_identity.ACCOUNT
        self.sessions: dict[str, _Session] = {}
        self._secured = secured
        self._lock = threading.RLock()
        self._folder = tempfile.TemporaryDirectory(prefix="gcs")
        self._server = Server(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()

    def overwrite(self, key: str, data: bytes) -> None:
        """Have somebody put other bytes there, with the metadata that was there."""
        old = self.objects[key]
        self.objects[key] = FakeObject(data, old.content_type, old.metadata, created=old.created)

    def rot(self, key: str, data: bytes) -> None:
        """Have other bytes come than those that the bucket has the checksum of."""
        self.objects[key].data = data

    def key_file(self) -> Path:
        """The account's key, which gets tokens here."""
        return gcs_identity.key_file(Path(self._folder.name, "key.json"), f"{self.url}/token")

    def user_file(self) -> Path:
        """What a person's login left, which gets tokens from Google's own address, behind the proxy."""
        return gcs_identity.user_file(Path(self._folder.name, "user.json"))

    def certificate(self) -> Path:
        """That of Google's hosts behind the proxy."""
        path = Path(self._folder.name, "certificate.pem")
        return path if path.exists() else gcs_identity.certificate(path)

    def proxy(self) -> dict[str, str]:
        """The environment in which what goes to Google over HTTPS comes here."""
        return {"HTTPS_PROXY": self.url, "NO_PROXY": "", "REQUESTS_CA_BUNDLE": str(self.certificate())}

    def machine(self) -> dict[str, str]:
        """The environment of a machine of Google's; read once by each process."""
        host = self.url.removeprefix("http://")
        return {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "GCE_METADATA_ROOT": host}

    def fault(self, request: Request) -> Fault:
        """What becomes of this request."""
        if request.kind == "other":
            return Fault()  # somebody's who looks for another server that had this port
        with self._lock:
            self.requests[request.kind] += 1
            plan = self.faults
            if not callable(plan):
                return (plan.pop(0) if plan else None) or Fault()
        return plan(request) or Fault()  # it may make requests itself

    def answer(self, request: Request, fault: Fault) -> Answer:
        """Carry the request out."""
        if fault.status:
            return as_error(fault.status, fault.reason, fault.message)
        with self._lock:
            if request.kind in _AROUND:
                return _AROUND[request.kind](self, request)
            return self._bucket_answer(request, fault)

    def _bucket_answer(self, request: Request, fault: Fault) -> Answer:
        if request.kind in ("chunk", "status"):  # the address is the right
            return self._part(request, fault)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._secured and token not in self.tokens:
            return as_error(401, "required", "Anonymous caller does not have storage.objects.get access.")
        permission = _PERMISSIONS.get(request.kind, "")
        if permission in self.denied:
            return _forbidden(permission)
        if request.path.split("/b/")[-1].split("/")[0] != self.bucket:
            return as_error(404, "notFound", "The specified bucket does not exist.")
        match request.kind:
            case "upload":
                resource, content_type, data = _multipart(request)
                return self._insert(resource, content_type, data, request.query.get("ifGenerationMatch"))
            case "start":
                return self._start(request)
            case "list":
                return self._list(request.query)
            case "bucket":
                return as_json({"kind": "storage#bucket", "name": self.bucket, "location": "EU"})
            case "permissions":
                asked = request.query.get("permissions", "").split(",")
                return as_json({"permissions": [each for each in asked if each not in self.denied]})
            case "stat" | "media" | "delete":
                return self._one(request, unquote(request.path.split("/o/")[-1]))
        return as_error(404, "notFound", "Not Found")

    def _one(self, request: Request, key: str) -> Answer:
        there = self.objects.get(key)
        if there is None and _MAY_LIST in self.denied:  # who may not know what there is learns nothing by asking, too
            return _forbidden(_MAY_LIST)
        wanted = request.query.get("generation")
        if there is None or wanted not in (None, str(there.generation)):
            message = f"No such object: {self.bucket}/{key}"
            return Answer(404, message.encode()) if request.kind == "media" else as_error(404, "notFound", message)
        if request.query.get("ifGenerationMatch") not in (None, str(there.generation)):
            return _PRECONDITION_FAILED
        if request.kind == "stat":
            return as_json(self._resource(key, there))
        if request.kind == "delete":
            del self.objects[key]
            return Answer(204)
        return _media(there, request.headers)

    def _insert(self, resource: dict[str, Any], content_type: str, data: bytes, precondition: str | None) -> Answer:
        key = resource["name"]
        there = self.objects.get(key)
        if precondition not in (None, str(there.generation) if there else "0"):
            return _PRECONDITION_FAILED
        metadata = resource.get("metadata")
        if sum(len(name.encode()) + len(value.encode()) for name, value in (metadata or {}).items()) > _MAX_METADATA:
            return as_error(400, "invalid", "The maximum object metadata size is 8192 bytes.")
        claimed = resource.get("crc32c")
        actual = base64.b64encode(checksum(data)).decode()
        if claimed not in (None, actual):
            return as_error(400, "invalid", f'Provided CRC32C "{claimed}" doesn\'t match calculated CRC32C "{actual}".')
        self.objects[key] = FakeObject(data, content_type, metadata, claimed=claimed or "")
        return as_json(self._resource(key, self.objects[key]))

    def _start(self, request: Request) -> Answer:
        resource = json.loads(request.body)
        precondition = request.query.get("ifGenerationMatch")
        if precondition == "0" and resource["name"] in self.objects:
            return _PRECONDITION_FAILED
        upload = uuid4().hex
        content_type = request.headers.get("x-upload-content-type", "application/octet-stream")
        self.sessions[upload] = _Session(resource, content_type, precondition)
        location = f"{self.url}{request.path}?uploadType=resumable&upload_id={upload}"
        return Answer(200, headers={"Location": location, "X-GUploader-UploadID": upload})

    def _part(self, request: Request, fault: Fault) -> Answer:
        session = self.sessions.get(request.query["upload_id"])
        if session is None:
            return Answer(404, b"Not Found")
        if session.done is not None:
            return Answer(200, session.done, {"Content-Type": "application/json; charset=UTF-8"})
        span = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", request.headers["content-range"])
        assert span is not None
        part = request.body
        if span[1] is not None:
            start, total = int(span[1]), span[3]
            if start > len(session.data):
                return as_error(503, "backendError", "Invalid request. Bytes are missing before these.")
            end = start + len(part)
            whole = total != "*" and end == int(total)
            if not whole and len(part) % _STEP and fault.drop != "body":
                return as_error(400, "badRequest", "Invalid request. There were not enough bytes for a part.")
            if fault.keep is not None:
                end, whole = start + fault.keep, False
            elif not whole:
                end = start + len(part) // _STEP * _STEP
            # What it has already it does not look at again.
            session.data += part[len(session.data) - start : end - start]
            if whole:
                claimed = request.headers.get("x-goog-hash", "").removeprefix("crc32c=")
                resource = ({"crc32c": claimed} if claimed else {}) | session.resource
                answer = self._insert(resource, session.content_type, bytes(session.data), session.precondition)
                if answer.status == 200:
                    session.done, session.data = answer.body, bytearray()
                return answer
        kept = {"Range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
        return Answer(308, headers=kept)

    def _list(self, query: dict[str, str]) -> Answer:
        token = query.get("pageToken", "")
        after = base64.urlsafe_b64decode(token).decode() if token else ""
        size = min(int(query.get("maxResults", 1000)), 1000)
        keys = [key for key in sorted(self.objects) if key.startswith(query.get("prefix", "")) and key > after]
        items = [self._resource(key, self.objects[key]) for key in keys[:size]]
        # Names without what was not asked for show who relies on it.
        if fields := re.search(r"items\(([^)]*)\)", query.get("fields", "")):
            items = [{name: item[name] for name in fields[1].split(",") if name in item} for item in items]
        page: dict[str, Any] = {"items": items} if items else {}
        if len(keys) > size:
            page["nextPageToken"] = base64.urlsafe_b64encode(keys[size - 1].encode()).decode()
        return as_json(page)

    def _resource(self, key: str, there: FakeObject) -> dict[str, Any]:
        resource = {
            "kind": "storage#object",
            "name": key,
            "bucket": self.bucket,
            "generation": str(there.generation),
            "metageneration": "1",
            "contentType": there.content_type,
            "storageClass": "STANDARD",
            "size": str(len(there.data)),
            "md5Hash": base64.b64encode(hashlib.md5(there.data).digest()).decode(),
            "crc32c": base64.b64encode(there.checksum).decode(),
            "timeCreated": there.created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            # As with emulators in containers: an address that does not lead there.
            "mediaLink": f"http://storage.invalid/download/{self.bucket}/{quote(key, safe='')}?alt=media",
        }
        # A server leaves out what is empty.
        return resource | ({"metadata": there.metadata} if there.metadata else {})

    def _signed(self, request: Request) -> Answer:
        now = datetime.now(UTC) + self.clock
        refusal = gcs_identity.refusal(request.method, request.path, request.query, request.headers, now)
        if refusal:
            return Answer(403 if "Signature" in refusal else 400, f"<Error><Code>{refusal}</Code></Error>".encode())
        there = self.objects.get(unquote(request.path).removeprefix(f"/{self.bucket}/"))
        return _media(there, request.headers) if there else Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _token(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        asserted = gcs_identity.asserts(form.get("assertion", ""))
        if self.revoked or not (asserted or form.get("refresh_token")):
            return as_json({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
        return as_json({"access_token": self._new_token(), "expires_in": 3600, "token_type": "Bearer"})

    def _metadata(self, request: Request) -> Answer:
        flavor = {"Metadata-Flavor": "Google"}
        if request.path == "/":
            return Answer(200, headers=flavor)
        if request.headers.get("metadata-flavor") != "Google":
            return Answer(403)
        leaf = request.path.removeprefix("/computeMetadata/v1/")
        if leaf == "project/project-id":
            return Answer(200, b"stylegram-tests", {"Content-Type": "application/text"} | flavor)
        if leaf.endswith("/token"):
            body: dict[str, Any] = {"access_token": self._new_token(), "expires_in": 3600, "token_type": "Bearer"}
        elif leaf.startswith("instance/service-accounts/"):
            body = {"aliases": ["default"], "email": self.machine_account, "scopes": []}
        else:
            return Answer(404, b"Not Found", flavor)
        answer = as_json(body)
        return Answer(200, answer.body, answer.headers | flavor)

    def _sign(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return as_json({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401)
        for denied, reason in (("iamcredentials", "SERVICE_DISABLED"), (_MAY_SIGN, "IAM_PERMISSION_DENIED")):
            if denied in self.denied:
                error = {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": reason}]}
                return as_json({"error": error}, 403)
        signed = gcs_identity.signed_blob(json.loads(request.body)["payload"])
        return as_json({"keyId": "1", "signedBlob": signed})

    def _new_token(self) -> str:
        token = gcs_identity.new_token()
        self.tokens.add(token)
        return token


_PRECONDITION_FAILED = as_error(
    412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold."
)
_MAY_SIGN = "iam.serviceAccounts.signBlob"
_MAY_LIST = "storage.objects.list"
_PERMISSIONS = {
    "stat": "storage.objects.get",
    "media": "storage.objects.get",
    "list": _MAY_LIST,
    "delete": "storage.objects.delete",
    "upload": "storage.objects.create",
    "start": "storage.objects.create",
    "bucket": "storage.buckets.get",
}
_AROUND: dict[str, Callable[[GcsFake, Request], Answer]] = {
    "signed": GcsFake._signed,
    "token": GcsFake._token,
    "metadata": GcsFake._metadata,
    "sign": GcsFake._sign,
}


def _forbidden(permission: str) -> Answer:
    message = (
        f"{gcs_identity.ACCOUNT} does not have {permission} access to the Google Cloud Storage object."
        f" Permission '{permission}' denied on resource (or it may not exist)."
    )
    return as_error(403, "forbidden", message)


def _media(there: FakeObject, headers: dict[str, str]) -> Answer:
    crc = base64.b64encode(there.checksum).decode()
    data, status = there.data, 200
    answer = {
        "Content-Type": there.content_type,
        "X-Goog-Hash": f"crc32c={crc},md5={base64.b64encode(hashlib.md5(data).digest()).decode()}",
        "X-Goog-Generation": str(there.generation),
        "X-Goog-Metageneration": "1",
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Length": str(len(data)),
        "X-Goog-Stored-Content-Encoding": there.content_encoding or "identity",
    }
    if there.content_encoding == "gzip":
        if "gzip" not in headers.get("accept-encoding", ""):
            return Answer(200, gzip.decompress(data), answer)
        answer["Content-Encoding"] = "gzip"
    if span := re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", "")):
        start, end = int(span[1]), min(int(span[2] or len(data)), len(data) - 1)
        if start >= len(data):
            return Answer(416)
        status, answer["Content-Range"] = 206, f"bytes {start}-{end}/{len(data)}"
        data = data[start : end + 1]
    return Answer(status, data, answer)


def _multipart(request: Request) -> tuple[dict[str, Any], str, bytes]:
    boundary = request.headers["content-type"].split('boundary="')[1].rstrip('"').encode()
    _, first, rest = request.body.split(b"--" + boundary + b"\r\n", 2)
    resource = json.loads(first.split(b"\r\n\r\n", 1)[1])
    headers, data = rest.split(b"\r\n\r\n", 1)
    content_type = headers.decode().removeprefix("content-type: ")
    return resource, content_type, data.removesuffix(b"\r\n--" + boundary + b"--")
