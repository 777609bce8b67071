"""Large bodies over a real server."""

from collections.abc import Iterator

from ingest_http import serving
from ingest_samples import encoded, noise
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app

Pair = tuple[AssetReference, AssetReference]


def test_what_is_too_large_is_refused_while_it_comes(ingest: Ingest, pair: Pair) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"; filename="a.png"\r\n\r\n'
        for _ in range(200):
            yield bytes(100_000)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with serving(create_app(ingest, max_upload_megabytes=1)) as client:
        response = client.post("/v1/jobs", content=pieces(), headers=kind)
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert client.get("/healthz").status_code == 200


def test_a_picture_of_some_megabytes_is_taken(ingest: Ingest, pair: Pair) -> None:
    picture = encoded(noise().resize((1800, 1200)), "BMP")
    assert len(picture) > 6_000_000
    with serving(create_app(ingest)) as client:
        response = client.post("/v1/jobs", data={"style": pair[1].sha256}, files={"content": ("large.bmp", picture)})
        assert response.status_code == 202
        asset = ingest.find_asset(response.json()["content"]["sha256"])
        assert (asset.width, asset.height, asset.format) == (1800, 1200, "BMP")
