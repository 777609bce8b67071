"""An account on the Graph API's fake with an outlet to it, the bucket between them, and posts to put there."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO

import av
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from google.oauth2.service_account import Credentials
from PIL import Image
from pydantic import SecretStr

from gcs_fake import GcsFake
from graph_fake_http import VERSION, GraphFake
from instagram_fake import FakeAccount, Faults, InstagramFake
from stylegram.common.adapters.gcs.storage import GcsStorage
from stylegram.common.clock import utcnow
from stylegram.common.messages import PostKind
from stylegram.common.ports import Medium, Post, SoughtPost, Storage
from stylegram.publisher.outlets.graph_api import GraphOutlet

TOKEN = "EAAGm0PX4ZCpsBAKpLaNtEdToKeN0123456789"
CAPTION = "The Bridge, painted in the style of The Great Wave. #art\n№ 3f9a1c27d0"
MARKER = "№ 3f9a1c27d0"
READ_TIMEOUT = 2.0


@dataclass
class GraphBench:
    """The account, what stands in front of it, and the way there."""

    account: FakeAccount
    graph: GraphFake
    gcs: GcsFake
    storage: Storage
    outlet: GraphOutlet

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.graph.instagram.faults

    def another(
        self, *, token: str = TOKEN, user_id: str = "", version: str = VERSION, patience_seconds: float = 30.0
    ) -> GraphOutlet:
        """A further outlet, as another process has it, or one with a wrong setting."""
        return GraphOutlet(
            user_id or self.account.user_id,
            token=SecretStr(token),
            endpoint=self.graph.url,
            version=version,
            storage=self.storage,
            pause_seconds=0.01,
            patience_seconds=patience_seconds,
            timeout=(5.0, READ_TIMEOUT),
        )


@contextmanager
def graph_bench() -> Iterator[GraphBench]:
    """The two servers, as long as it lasts."""
    instagram = InstagramFake()
    account = instagram.add_account("stylegram", is_business=True)
    account.tokens.add(TOKEN)
    with GcsFake() as gcs, GraphFake(instagram) as graph:
        client = Client(project=None, credentials=AnonymousCredentials(), client_options={"api_endpoint": gcs.url})
        signer = Credentials.from_service_account_file(str(gcs.key_file()))
        storage = GcsStorage(client, gcs.bucket, credentials=signer)
        outlet = GraphOutlet(
            account.user_id, token=SecretStr(TOKEN), endpoint=graph.url, version=VERSION, storage=storage
        )
        bench = GraphBench(account, graph, gcs, storage, outlet)
        bench.outlet = bench.another()
        yield bench


@functools.cache
def picture(width: int = 80, height: int = 80, shade: int = 0, image_format: str = "JPEG") -> bytes:
    """A picture of one colour."""
    written = BytesIO()
    Image.new("RGB", (width, height), (shade, 90, 120)).save(written, image_format)
    return written.getvalue()


@functools.cache
def film(width: int = 90, height: int = 160, seconds: int = 3) -> bytes:
    """A film of one colour."""
    written = BytesIO()
    with av.open(written, "w", format="mp4") as opened:
        stream = opened.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), (200, 90, 120)))  # type: ignore[no-untyped-call]
        for number in range(24 * seconds):
            frame.pts = number
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode())
    return written.getvalue()


def still(shade: int = 0, *, width: int = 80, height: int = 80, alt_text: str = "A bridge.") -> Medium:
    """A picture as it goes out."""
    return Medium(picture(width, height, shade), "image/jpeg", width, height, alt_text=alt_text)


def post(kind: PostKind = PostKind.PHOTO, *, key: str = "3f9a1c27d0aa", caption: str = CAPTION) -> Post:
    """A post of that kind, as the publisher composes it."""
    match kind:
        case PostKind.CAROUSEL:
            media = tuple(still(shade, alt_text=f"Picture {shade}.") for shade in (1, 2, 3))
        case PostKind.STORY:
            media = (still(width=90, height=160),)
        case PostKind.REEL:
            media = (Medium(film(), "video/mp4", 90, 160, seconds=3.0, cover=picture(90, 160)),)
        case _:
            media = (still(),)
    return Post(key, kind, media, caption, MARKER, b"{}")


def with_picture(data: bytes) -> Post:
    """A post of a picture that is not as it should be."""
    return replace(post(), media=(replace(still(), data=data),))


def sought(sent: Post, upload: str, *, since: datetime | None = None) -> SoughtPost:
    """What is asked after a commit of which nobody knows what became."""
    return SoughtPost(sent.key, sent.kind, sent.marker, upload, since or utcnow() - timedelta(seconds=1))
