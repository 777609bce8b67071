"""Instagram's Graph API over loopback, as its documentation has it, in front of an `InstagramFake`.

    with GraphFake(instagram) as graph:
        outlet = GraphOutlet(account.user_id, endpoint=graph.url, …)

It takes a token in the header alone, no parameter that it does not know, and really fetches the media. Calls, as the
plan of faults names them: container (making one), status, publish, media, stories, limit, post, insights.

Made up, as the documentation does not say it: that a container which is published twice is not found (24/2207006).
Stricter than the real one: it refuses a carousel of several shapes, which that would cut to the first one's.
"""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from gcs_fake_http import Server
from graph_fake_rules import FEED_SHAPES, KINDS, PARAMETERS, UPRIGHT, GraphRefusal, film, only, picture, shape
from instagram_fake import FakeAccount, FakePost, Fault, InstagramFake

VERSION = "v23.0"
_DAY = timedelta(days=1)
_FIELDS = {
    "status": {"id", "status_code", "status"},
    "media": {"id", "caption", "timestamp", "permalink", "media_product_type", "like_count", "comments_count"},
    "limit": {"config", "quota_usage"},
}
_METRICS = {
    "feed": {"reach", "saved", "shares", "likes", "comments", "views"},
    "story": {"reach", "shares", "replies", "views"},
}
_containers = count(17_900_000_000_000_000, 13)


def refused(
    code: int,
    subcode: int = 0,
    message: str = "An error.",
    *,
    status: int = 400,
    transient: bool = False,
    acts: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """A fault that is an error of the API's."""
    body = GraphRefusal(message, code, subcode, user=message, transient=transient).body
    return Fault(f"error {code}/{subcode}", status=status, body=body, acts=acts, headers=headers or {})


@dataclass
class Container:
    """What a post is before it is out."""

    kind: str
    caption: str
    files: tuple[bytes, ...]
    alt_texts: tuple[str, ...]
    polls: int
    """How often it will still say that it is in progress."""
    error: str
    made_at: datetime
    posts: list[FakePost] = field(default_factory=list)
    """What was published of it: never more than one."""


@dataclass(frozen=True)
class _Request:
    call: str
    target: str
    form: dict[str, str]
    account: FakeAccount


class GraphFake:
    """The server; it runs as long as the `with` lasts.

    Args:
        instagram: whose accounts it is in front of, and what goes wrong.
        polls: how often a container says that it is in progress.
    """

    def __init__(self, instagram: InstagramFake, *, polls: int = 1) -> None:
        self.instagram = instagram
        self.polls = polls
        self.containers: dict[str, Container] = {}
        self.requests: Counter[str] = Counter()
        self.addresses: list[str] = []
        """Each request's, as a log on the way would have it."""
        self.clock = timedelta()
        """How far the server's clock goes ahead."""
        self._lock = threading.RLock()
        self._server = Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def down(self) -> Iterator[None]:
        """As long as it lasts, nobody listens there."""
        address = self._server.server_address
        self.__exit__()
        yield
        self._server = Server((str(address[0]), int(address[1])), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def now(self) -> datetime:
        """The server's time."""
        return datetime.now(UTC) + self.clock

    def answer(self, method: str, address: str, token: str, form: dict[str, str], call: str) -> dict[str, Any]:
        """Carry the request out.

        Raises:
            GraphRefusal: it is not what the documentation asks for.
        """
        parts = urlsplit(address)
        account = self.instagram.by_token(token)
        if account is None:
            message = f"Error validating access token: {token} is not one of ours."
            raise GraphRefusal(message, 190, 463, status=401, user=message)
        version, target, *_ = [*parts.path.strip("/").split("/"), ""]
        if version != VERSION:
            raise GraphRefusal("(#2635) You are calling a deprecated version of the Ads API.", 2635)
        if method == "GET":
            form = dict(parse_qsl(parts.query, strict_parsing=True))
        elif parts.query:
            raise GraphRefusal("(#100) Parameters go in the body.", 100)
        if call in _OF_ACCOUNT and target != account.user_id:
            raise _nothing(target)
        with self._lock:
            return _ANSWERS[call](self, _Request(call, target, form, account))

    def name_of(self, method: str, address: str) -> str:
        """What the plan of faults calls such a request."""
        _, target, edge, *_ = [*urlsplit(address).path.strip("/").split("/"), "", ""]
        if method == "POST":
            return {"media": "container", "media_publish": "publish"}.get(edge, "unknown")
        if not edge:
            return "status" if target in self.containers else "post"
        return {"content_publishing_limit": "limit"}.get(edge, edge if edge in _ANSWERS else "unknown")

    def _make(self, request: _Request) -> dict[str, Any]:
        form = request.form
        what = "ITEM" if form.get("is_carousel_item") == "true" else form.get("media_type", "")
        if what not in KINDS:
            raise GraphRefusal("Unknown media type", 100, 2207023, user="The media type is unknown.")
        only(form, PARAMETERS[what])
        caption = form.get("caption", "")
        if len(caption) > 2200 or caption.count("#") > 30:
            raise GraphRefusal("Too long", 36004, 2207010, user="The caption was too long.")
        if len(form.get("alt_text", "")) > 1000:
            raise GraphRefusal("(#100) Param alt_text must be at most 1000 characters long.", 100)
        files: tuple[bytes, ...]
        texts: tuple[str, ...] = (form.get("alt_text", ""),)
        error = ""
        if what == "CAROUSEL":
            files, texts = self._children(form.get("children", ""))
        elif what == "REELS":
            cover = (picture(form["cover_url"], UPRIGHT),) if "cover_url" in form else ()
            reel, error = film(form.get("video_url", ""))
            files = (reel, *cover)
        else:
            files = (picture(form.get("image_url", ""), UPRIGHT if what == "STORIES" else FEED_SHAPES),)
        number = str(next(_containers))
        self.containers[number] = Container(KINDS[what], caption, files, texts, self.polls, error, self.now())
        return {"id": number}

    def _children(self, listed: str) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
        children = [self.containers.get(number) for number in listed.split(",")]
        if not 2 <= len(children) <= 10:
            raise GraphRefusal("Invalid", 100, 2207028, user="A carousel needs 2 to 10 media.")
        items = [child for child in children if child and child.kind == "item" and self._code(child) == "FINISHED"]
        if len(items) < len(children):
            raise GraphRefusal("Media ID is not available", 9007, 2207027, user="The media is not ready.")
        files = tuple(item.files[0] for item in items)
        if len({shape(Image.open(BytesIO(file)).size) for file in files}) > 1:
            raise GraphRefusal("Invalid", 100, 2207028, user="Media of a carousel have one shape.")
        return files, tuple(item.alt_texts[0] for item in items)

    def _code(self, container: Container) -> str:
        if container.posts:
            return "PUBLISHED"
        if self.now() - container.made_at > _DAY:
            return "EXPIRED"
        if container.polls > 0:
            return "IN_PROGRESS"
        return "ERROR" if container.error else "FINISHED"

    def _status(self, request: _Request) -> dict[str, Any]:
        fields = _fields(request.form, "status")
        container = self.containers[request.target]
        code = self._code(container)
        container.polls -= 1
        status = f"Error: {container.error}" if code == "ERROR" else f"{code.title()}: see the documentation."
        found = {"id": request.target, "status_code": code, "status": status}
        return {name: found[name] for name in fields | {"id"}}

    def _publish(self, request: _Request) -> dict[str, Any]:
        only(request.form, {"creation_id"})
        container = self.containers.get(request.form.get("creation_id", ""))
        if container is None or container.posts or container.kind == "item":
            raise GraphRefusal("Not found", 24, 2207006, user="The media with such an id cannot be found.")
        match self._code(container):
            case "IN_PROGRESS":
                raise GraphRefusal("Media ID is not available", 9007, 2207027, user="The media is not ready.")
            case "ERROR" | "EXPIRED":
                raise GraphRefusal("Expired", 24, 2207008, user="The media builder does not exist or has expired.")
        if self._used(request.account) >= request.account.quota:
            raise GraphRefusal("Limit reached", 9, 2207042, status=403, user="You reached maximum number of posts.")
        post = request.account.publish(
            container.kind, container.caption, container.files, alt_texts=container.alt_texts
        )
        container.posts.append(post)
        return {"id": post.media_id}

    def _used(self, account: FakeAccount) -> int:
        return sum(post.taken_at > self.now() - _DAY for post in account.posts)

    def _limit(self, request: _Request) -> dict[str, Any]:
        fields = _fields(request.form, "limit")
        config = {"quota_total": request.account.quota, "quota_duration": 86_400}
        found = {"config": config, "quota_usage": self._used(request.account)}
        return {"data": [{name: found[name] for name in fields}]}

    def _list(self, request: _Request) -> dict[str, Any]:
        fields = _fields(request.form, "media")
        only(request.form, {"fields", "limit", "after"})
        are_stories = request.call == "stories"
        posts = [
            post
            for post in request.account.recent()
            if (post.kind == "story") == are_stories and (not are_stories or post.taken_at > self.now() - _DAY)
        ]
        start, size = int(request.form.get("after", 0)), int(request.form.get("limit", 25))
        answer: dict[str, Any] = {"data": [_shown(post, fields) for post in posts[start : start + size]]}
        if start + size < len(posts):
            after = str(start + size)
            # As the real one does: with the token in it.
            token = next(iter(request.account.tokens))
            following = f"{self.url}/{VERSION}/{request.target}/{request.call}?after={after}&access_token={token}"
            answer["paging"] = {"cursors": {"before": str(start), "after": after}, "next": following}
        return answer

    def _one(self, request: _Request) -> dict[str, Any]:
        return _shown(self._post(request), _fields(request.form, "media"))

    def _insights(self, request: _Request) -> dict[str, Any]:
        only(request.form, {"metric"})
        post = self._post(request)
        asked = request.form.get("metric", "").split(",")
        known = _METRICS["story" if post.kind == "story" else "feed"]
        if unknown := [metric for metric in asked if metric not in known]:
            raise GraphRefusal(f"(#100) The {unknown[0]} metric is not supported for this media product type.", 100)
        if post.kind == "story" and post.reach < 5:
            raise GraphRefusal("(#10) Not enough viewers for the media to show insights", 10)
        counts = {"reach": post.reach, "saved": post.saves, "shares": post.shares}
        return {
            "data": [
                {"name": name, "period": "lifetime", "values": [{"value": counts[name]}], "title": name.title()}
                for name in asked
            ]
        }

    def _post(self, request: _Request) -> FakePost:
        post = request.account.post(request.target)
        if post is None or (post.kind == "story" and post.taken_at <= self.now() - _DAY):
            raise _nothing(request.target)
        return post

    def _unknown(self, request: _Request) -> dict[str, Any]:
        raise GraphRefusal(f"Unknown path components: /{request.target}", 2500)


_ANSWERS: Mapping[str, Callable[[GraphFake, _Request], dict[str, Any]]] = {
    "container": GraphFake._make,
    "status": GraphFake._status,
    "publish": GraphFake._publish,
    "media": GraphFake._list,
    "stories": GraphFake._list,
    "limit": GraphFake._limit,
    "post": GraphFake._one,
    "insights": GraphFake._insights,
    "unknown": GraphFake._unknown,
}
_OF_ACCOUNT = {"container", "publish", "media", "stories", "limit"}


def _nothing(target: str) -> GraphRefusal:
    return GraphRefusal(
        f"Unsupported get request. Object with ID '{target}' does not exist, cannot be loaded due to missing"
        " permissions, or does not support this operation.",
        100,
        33,
    )


def _fields(form: Mapping[str, str], of: str) -> set[str]:
    fields = set(form.get("fields", "id").split(","))
    if unknown := sorted(fields - _FIELDS[of]):
        raise GraphRefusal(f"(#100) Tried accessing nonexisting field ({unknown[0]})", 100)
    return fields


def _shown(post: FakePost, fields: set[str]) -> dict[str, Any]:
    found = {
        "id": post.media_id,
        "timestamp": f"{post.taken_at:%Y-%m-%dT%H:%M:%S+0000}",
        "permalink": f"https://www.instagram.com/{'reel' if post.kind == 'reel' else 'p'}/{post.code}/",
        "media_product_type": {"story": "STORY", "reel": "REELS"}.get(post.kind, "FEED"),
        "like_count": post.likes,
        "comments_count": post.comments,
    }
    if post.caption:
        found["caption"] = post.caption
    return {name: found[name] for name in fields | {"id"} if name in found}


def _handler(graph: GraphFake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16
        timeout = 30

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            call = graph.name_of(self.command, self.path)
            graph.requests[call] += 1
            graph.addresses.append(self.path)
            fault = graph.instagram.faults.next(call) or Fault("", acts=True)
            if fault.drops and not fault.acts:
                return self._drop()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = 200, ""
            if fault.acts:
                status, answer = self._carried_out(body.decode(), call)
            time.sleep(fault.seconds)
            if fault.drops:
                return self._drop()
            if fault.status or fault.body is not None:
                status = fault.status or 200
                answer = fault.body if isinstance(fault.body, str) else json.dumps(fault.body or {})
            return self._send(status, answer.encode(), fault)

        def _carried_out(self, body: str, call: str) -> tuple[int, str]:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            form = dict(parse_qsl(body, keep_blank_values=True))
            try:
                found = graph.answer(self.command, self.path, token if scheme == "Bearer" else "", form, call)
            except GraphRefusal as refusal:
                return refusal.status, json.dumps(refusal.body)
            return 200, json.dumps(found)

        def _send(self, status: int, data: bytes, fault: Fault) -> None:
            self.send_response(status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            kind = "application/json; charset=UTF-8" if re.match(rb"\s*[{\[]", data) else "text/html"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if fault.cut else data)
            self.wfile.flush()
            if fault.cut:
                self._drop()

        def _drop(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = _serve  # noqa: N815  # the library's names

    return Handler
