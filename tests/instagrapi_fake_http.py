"""Instagram's private API as a fake over HTTP, for the real instagrapi client.

    with InstagrapiFake() as fake:
        account = fake.instagram.add_account("stylegram")
        fake.log_in(account, session_file)
        outlet = InstagrapiOutlet("stylegram", session_file=session_file, transport="requests", endpoint=fake.url)

It is strict: whoever comes without a login, from another phone than the login was made on, with an unsigned body, or
for media that were never uploaded whole, is refused, and `complaints` says so. Each call has a name, by which
`instagram.faults` has it go wrong: see `_ROUTES`, and `instagrapi_fake_faults`.
"""

import base64
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

from PIL import Image

from instagram_fake import FakeAccount, FakePost, Fault, InstagramFake
from instagrapi_fake_faults import CHALLENGE, NOT_LOGGED_IN
from instagrapi_fake_login import Complaint, LoginFake, unsigned

# Calls by method and path; the first that fits.
_ROUTES = (
    ("configure-photo", "POST", r"/api/v1/media/configure/"),
    ("configure-carousel", "POST", r"/api/v1/media/configure_sidecar/"),
    ("configure-story", "POST", r"/api/v1/media/configure_to_story/"),
    ("configure-reel", "POST", r"/api/v1/media/configure_to_clips/"),
    ("upload-photo", "POST", r"/rupload_igphoto/(?P<name>[^/]+)"),
    ("upload-start", "GET", r"/rupload_igvideo/(?P<name>[^/]+)"),
    ("upload-video", "POST", r"/rupload_igvideo/(?P<name>[^/]+)"),
    ("upload-settings", "POST", r"/upload_settings/(?P<session>[^/]+)"),
    ("current-user", "GET", r"/api/v1/accounts/current_user/"),
    ("feed", "GET", r"/api/v1/feed/user/(?P<user>\d+)/"),
    ("stories", "GET", r"/api/v1/feed/user/(?P<user>\d+)/story/"),
    ("info", "GET", r"/api/v1/media/(?P<media>\d+)/info/"),
    ("insights", "POST", r"/api/v1/ads/graphql/"),
)


class Request(NamedTuple):
    """What came."""

    call: str
    values: Mapping[str, str]
    query: Mapping[str, str]
    headers: Message
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body's fields."""
        return dict(parse_qsl(self.body.decode()))


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass
class _Upload:
    """Media that nobody sees yet."""

    picture: bytes = b""
    film: bytes = b""
    in_album: bool = False
    seconds: float = 0.0


@dataclass
class _Login:
    """A login, and the phone that it was made on."""

    account: FakeAccount
    device: str
    android: str


@dataclass
class _Uploads:
    by_id: dict[str, _Upload] = field(default_factory=dict)
    announced: int = 0
    started: set[str] = field(default_factory=set)


class InstagrapiFake(LoginFake):
    """A server on loopback for as long as the context lasts.

    Args:
        instagram: whose accounts it serves; one of its own by default.
    """

    def __init__(self, instagram: InstagramFake | None = None) -> None:
        self.instagram = instagram or InstagramFake()
        super().__init__(self.instagram)
        self.calls = Counter[str]()
        """How many requests of each name came."""
        self.connections = 0
        self.complaints: list[str] = []
        """What the client did that Instagram would not forgive."""
        self.page_size = 12
        self.tells_upload_ids = True
        """Whether posts say what the app called their upload."""
        self.answers_changed_session = ""
        """What is sent as the phone's new `mid`."""
        self._logins: dict[str, _Login] = {}
        self._uploads: dict[str, _Uploads] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def log_in(self, account: FakeAccount, file: Path) -> str:
        """Leave a session file as after a login, and return the secret that it has."""
        uuids = {name: str(uuid4()) for name in ("uuid", "phone_id", "client_session_id", "advertising_id")}
        uuids |= {"request_id": str(uuid4()), "tray_session_id": str(uuid4())}
        uuids["android_device_id"] = f"android-{uuid4().hex[:16]}"
        secret = self.admit(account, uuids["uuid"], uuids["android_device_id"])
        login = {"ds_user_id": account.user_id, "sessionid": secret, "should_use_header_over_cookies": True}
        file.write_text(json.dumps({"uuids": uuids, "authorization_data": login, "cookies": {}}))
        return secret

    def admit(self, account: FakeAccount, device: str, android: str) -> str:
        """A new login of the account on that phone."""
        secret = f"{account.user_id}%3A{uuid4().hex}%3A7"
        account.tokens.add(secret)
        self._logins[secret] = _Login(account, device, android)
        return secret

    def log_out(self, account: FakeAccount) -> None:
        """No login of the account is taken any more."""
        account.tokens.clear()

    def name_of(self, method: str, path: str) -> tuple[str, Mapping[str, str]]:
        """What the call is called."""
        for call, wanted, pattern in (*_ROUTES, *self.login_routes):
            if method == wanted and (fits := re.fullmatch(pattern, path)):
                return call, fits.groupdict()
        return "unknown", {}

    def answer(self, request: Request) -> Answer:
        """Carry the request out."""
        try:
            if request.call.startswith("login"):
                body, headers = self.answer_login(request.call, request.headers, request.form)
                return Answer(200, json.dumps(body).encode(), headers)
            account = self._account(request)
            with self._lock:
                answer = getattr(self, f"_{request.call.replace('-', '_')}", self._unknown)(request, account)
            body = {**answer, "status": answer.get("status", "ok")}
            new = {"ig-set-x-mid": self.answers_changed_session} if self.answers_changed_session else {}
            return Answer(200, json.dumps(body).encode(), new)
        except Complaint as complaint:
            self.complaints.append(f"{request.call}: {complaint}")
            return Answer(complaint.status, json.dumps(complaint.body).encode(), {})

    def _unknown(self, request: Request, _account: FakeAccount) -> dict[str, Any]:
        raise Complaint(f"unknown call {request.call}", 404)

    def _account(self, request: Request) -> FakeAccount:
        """Whose login comes with the request, from the phone that it was made on."""
        bearer = re.fullmatch(r"Bearer IGT:2:(\S+)", request.headers.get("Authorization", ""))
        if not bearer:
            raise Complaint("no authorization", 403, NOT_LOGGED_IN)
        secret = json.loads(base64.b64decode(bearer[1])).get("sessionid", "")
        login = self._logins.get(secret)
        if not login or secret not in login.account.tokens:
            raise Complaint("no such login", 403, NOT_LOGGED_IN)
        phone = request.headers.get("X-IG-Device-ID"), request.headers.get("X-IG-Android-ID")
        if phone != (login.device, login.android):
            assert isinstance(CHALLENGE.body, Mapping)
            raise Complaint("another phone", body=CHALLENGE.body)
        return login.account

    def _signed(self, request: Request) -> dict[str, Any]:
        """The body, which says again which phone it comes from."""
        data = unsigned(request.body.decode())
        phone = data.get("_uuid"), data.get("device_id")
        if request.call != "insights" and phone != (
            request.headers["X-IG-Device-ID"],
            request.headers["X-IG-Android-ID"],
        ):
            raise Complaint("another phone in the body")
        return data

    # What is asked.

    def _current_user(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        user = {"pk": account.user_id, "username": account.username, "full_name": "", "is_private": False}
        return {"user": {**user, "is_business": account.is_business, "account_type": 2 if account.is_business else 1}}

    def _tray(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        return {"tray": []}

    def _timeline(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        return {"feed_items": []}

    def _feed(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        _check_owner(request, account)
        posts = [post for post in account.recent() if post.kind != "story"]
        start = int(request.query.get("max_id", "0"))
        end = start + min(self.page_size, int(request.query.get("count", "12")))
        more = {"next_max_id": str(end)} if end < len(posts) else {}
        return {"items": [self._item(post) for post in posts[start:end]], "more_available": bool(more), **more}

    def _stories(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        _check_owner(request, account)
        stories = [self._item(post) for post in reversed(account.recent()) if post.kind == "story"]
        return {"reel": {"items": stories} if stories else None}

    def _info(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        post = account.post(request.values["media"])
        if not post:
            raise Complaint("Media not found or unavailable")
        return {"items": [self._item(post)]}

    def _insights(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        wanted = json.loads(self._signed(request)["query_params"])["query_params"]["id"]
        post = account.post(str(wanted))
        if not account.is_business or not post:
            return {"data": {"instagram_post_by_igid": None}}
        told = {"save_count": post.saves, "inline_insights_node": {"metrics": {"reach_count": post.reach}}}
        return {"data": {"instagram_post_by_igid": told}}

    def _item(self, post: FakePost) -> dict[str, Any]:
        account = next(one for one in self.instagram.accounts.values() if post in one.posts)
        item: dict[str, Any] = {
            "pk": int(post.media_id),
            "id": f"{post.media_id}_{account.user_id}",
            "code": post.code,
            "taken_at": int(post.taken_at.timestamp()),
            "media_type": {"photo": 1, "story": 1, "reel": 2, "carousel": 8}[post.kind],
            "product_type": {"story": "story", "reel": "clips", "carousel": "carousel_container"}.get(
                post.kind, "feed"
            ),
            "caption": {"text": post.caption} if post.caption else None,
            "user": {"pk": account.user_id, "username": account.username},
            "like_count": post.likes,
            "comment_count": post.comments,
        }
        if self.tells_upload_ids and post.upload_id:
            item["device_timestamp"] = int(post.upload_id)
        return item

    # What is uploaded.

    def _upload_photo(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        upload = self._received(request, account)
        upload.picture = request.body
        upload.in_album = self._described(request).get("is_sidecar") == "1"
        return {"upload_id": self._described(request)["upload_id"]}

    def _upload_settings(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        json.loads(request.body)
        self._of(account).announced += 1
        return {}

    def _upload_start(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        if not self._of(account).announced:
            raise Complaint("a film that nobody announced")
        self._of(account).started.add(request.values["name"])
        return {"offset": 0}

    def _upload_video(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        if request.values["name"] not in self._of(account).started:
            raise Complaint("a film that was not begun")
        upload = self._received(request, account)
        upload.film = request.body
        upload.seconds = int(self._described(request)["upload_media_duration_ms"]) / 1000
        return {"upload_id": self._described(request)["upload_id"]}

    def _described(self, request: Request) -> dict[str, str]:
        described: dict[str, str] = json.loads(request.headers.get("X-Instagram-Rupload-Params", "{}"))
        return described

    def _received(self, request: Request, account: FakeAccount) -> _Upload:
        headers = request.headers
        if headers.get("Offset") != "0" or headers.get("X-Entity-Name") != request.values["name"]:
            raise Complaint("an upload that does not begin at its beginning")
        if int(headers.get("X-Entity-Length", "-1")) != len(request.body):
            raise Complaint("an upload that is not whole")
        return self._of(account).by_id.setdefault(self._described(request)["upload_id"], _Upload())

    def _of(self, account: FakeAccount) -> _Uploads:
        return self._uploads.setdefault(account.user_id, _Uploads())

    # What is published.

    def _configure_photo(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        data = self._signed(request)
        picture = self._picture(account, data)
        return self._publish(account, "photo", data, [picture], [data.get("custom_accessibility_caption", "")])

    def _configure_story(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        data = self._signed(request)
        return self._publish(account, "story", data | {"caption": ""}, [self._picture(account, data)], [])

    def _configure_carousel(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        data = self._signed(request)
        children = data["children_metadata"]
        if not 2 <= len(children) <= 10:
            raise Complaint("a carousel of so many")
        unpacked = [child | {"extra": json.loads(child["extra"])} for child in children]
        pictures = [self._picture(account, child, in_album=True) for child in unpacked]
        texts = [child.get("custom_accessibility_caption", "") for child in children]
        return self._publish(account, "carousel", data, pictures, texts)

    def _configure_reel(self, request: Request, account: FakeAccount) -> dict[str, Any]:
        data = self._signed(request)
        upload = self._of(account).by_id.get(data["upload_id"])
        if request.query.get("video") != "1" or not upload or not upload.film or not upload.picture:
            raise Complaint("a reel without film and cover")
        if abs(upload.seconds - float(data["length"])) > 0.001:
            raise Complaint("a reel of another length")
        return self._publish(account, "reel", data, [upload.film, upload.picture], [])

    def _picture(self, account: FakeAccount, data: Mapping[str, Any], *, in_album: bool = False) -> bytes:
        upload = self._of(account).by_id.get(data["upload_id"])
        if not upload or not upload.picture or upload.in_album != in_album:
            body = {"error_title": "bad image input extra:{}", "message": "media_needs_reupload", "status": "ok"}
            raise Complaint("media that were never uploaded", 200, body)
        with Image.open(io.BytesIO(upload.picture)) as picture:
            if picture.size != (data["extra"]["source_width"], data["extra"]["source_height"]):
                raise Complaint("a picture of another size")
        return upload.picture

    def _publish(
        self, account: FakeAccount, kind: str, data: Mapping[str, Any], files: list[bytes], texts: list[str]
    ) -> dict[str, Any]:
        caption, upload_id = str(data["caption"]), str(data["upload_id"])
        post = account.publish(kind, caption, files, alt_texts=[text for text in texts if text], upload_id=upload_id)
        return {"media": self._item(post), "upload_id": upload_id}


def _check_owner(request: Request, account: FakeAccount) -> None:
    if request.values["user"] != account.user_id:
        raise Complaint("somebody else's posts")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: InstagrapiFake

    def handle_error(self, *_: object) -> None:
        """Whoever hangs up in the middle of something is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        self.server.fake.connections += 1
        super().setup()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        fake, place = self.server.fake, urlsplit(self.path)
        call, values = fake.name_of(method, place.path)
        fake.calls[call] += 1
        fault = fake.instagram.faults.next(call)
        if fault and fault.drops and not fault.acts:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(place.query).items()}
        answer = Answer(200, b"", {})
        if not fault or fault.acts:
            answer = fake.answer(Request(call, values, query, self.headers, body))
        if fault:
            time.sleep(fault.seconds)
            if fault.drops or (not fault.acts and not fault.status):
                self.close_connection = True
                return
            answer = _spoiled(answer, fault)
        self._send(answer, cut=bool(fault and fault.cut))

    def _send(self, answer: Answer, *, cut: bool) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        if cut:
            self.close_connection = True


def _spoiled(answer: Answer, fault: Fault) -> Answer:
    body = answer.body
    if fault.body is not None:
        body = fault.body.encode() if isinstance(fault.body, str) else json.dumps(fault.body).encode()
    return Answer(fault.status or answer.status, body, {**answer.headers, **fault.headers})
