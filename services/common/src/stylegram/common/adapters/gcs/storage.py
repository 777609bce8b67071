"""The object storage port on a bucket of Google Cloud Storage."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TypeVar
from uuid import uuid4

import google_crc32c
from google.api_core.exceptions import NotFound as BlobNotFound
from google.api_core.exceptions import PreconditionFailed
from google.api_core.retry import Retry
from google.auth.credentials import Credentials
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY, ConditionalRetryPolicy, is_generation_specified
from requests.adapters import HTTPAdapter

from stylegram.common import object_names
from stylegram.common.adapters.gcs import facts, signing, troubles
from stylegram.common.errors import AlreadyExists, InvalidObjectName, NotFound, StylegramError, Unavailable
from stylegram.common.metrics import STORAGE_BYTES, STORAGE_SECONDS
from stylegram.common.ports import StoredObject

T = TypeVar("T")

# The library's own conditions, in half of its time: whoever calls waits no longer than a minute or so, and comes again.
PATIENCE = DEFAULT_RETRY.with_timeout(60.0).with_delay(initial=0.5, maximum=16.0)
"""How failed requests are repeated."""
# Seconds to connect, and between two bytes.
_TIMEOUT = (10.0, 60.0)
# What is sent once more when an upload breaks off. The library splits what has more than 8 MiB.
_CHUNK = 8 * 2**20
_PAGE = 1000
_LISTED = "items(name,size,contentType,timeCreated,metadata),nextPageToken"
# With fewer than there are threads, connections are made anew for each request, each with a warning.
_CONNECTIONS = 64


class GcsStorage:
    """The object storage port on a bucket; any number of threads may use it at the same time.

    A write whose answer is lost for longer than `retry` lasts is reported as failed, and may have stored the object.

    Args:
        client: of the library, which knows who we are and where the storage is.
        bucket: its name.
        prefix: what the names of our objects begin with in the bucket: nothing, or something that ends in a slash.
        credentials: who signs addresses; None for `signed_url` to give none.
        retry: how failed requests are repeated, and for how long.
    """

    def __init__(
        self,
        client: Client,
        bucket: str,
        prefix: str = "",
        *,
        credentials: Credentials | None = None,
        retry: Retry = PATIENCE,
    ) -> None:
        self._client = client
        self._bucket = client.bucket(bucket)
        self._prefix = prefix
        self._credentials = credentials
        self._retry = retry
        self._retry_conditionally = ConditionalRetryPolicy(retry, is_generation_specified, ["query_params"])
        self._patiently = retry.with_predicate(troubles.passes)
        # For traces, which nobody may have asked for, the library looks at the bucket in a thread of its own: a request
        # that needs a right which we have no use for, with each call again while the network is away.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        # The session that all threads share is made here, as the library makes one for each of those that come first;
        # and there is no other way to have more connections in it.
        for scheme in ("https://", "http://"):
            client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))

    @STORAGE_SECONDS.labels(operation="written").time()
    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        """See `Storage.write`."""
        write = uuid4().hex
        # Of the chunk's size alone: a blob that has one is downloaded in chunks too, and then nothing is checked.
        blob = self._bucket.blob(self._key(name), chunk_size=_CHUNK)
        blob.metadata = facts.written(name, hashlib.sha256(data).hexdigest(), write, metadata or {})
        # Told beforehand, a wrong one is refused. The library's own way with large objects is to look afterwards, and
        # then to delete whatever lies there.
        checksum = b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
        try:
            self._ask(
                lambda: blob.upload_from_file(
                    BytesIO(data),
                    size=len(data),
                    content_type=content_type,
                    if_generation_match=0,
                    checksum="crc32c",
                    crc32c_checksum_value=checksum,
                    retry=self._retry_conditionally,
                    timeout=_TIMEOUT,
                )
            )
        except PreconditionFailed:
            # Also what a write of our own meets that was carried out, its answer lost, and sent once more.
            there = self._find(name)
            if there is None or not facts.is_of(there, write):
                raise AlreadyExists(
                    f"Object '{name}' exists already.", advice="Objects never change: choose another name."
                ) from None
            blob = there
        except BlobNotFound:
            raise troubles.missing_bucket(self._bucket.name) from None
        stored = facts.stored_object(name, blob)
        if stored is None:
            raise StylegramError(
                f"The bucket '{self._bucket.name}' kept nothing of what is known of object '{name}'.",
                advice="Is it an emulator? It has to keep an object's metadata.",
            )
        STORAGE_BYTES.labels(operation="written").inc(len(data))
        return stored

    @STORAGE_SECONDS.labels(operation="read").time()
    def read(self, name: str) -> bytes:
        """See `Storage.read`."""
        for _ in range(2):  # what was damaged on its way comes whole the second time
            blob = self._find(name)
            stored = blob and facts.stored_object(name, blob)
            data = self._download(name, blob.generation) if blob and stored else None
            if stored is None:
                raise NotFound(f"There is no object '{name}'.")
            if data is not None and hashlib.sha256(data).hexdigest() == stored.sha256:
                STORAGE_BYTES.labels(operation="read").inc(len(data))
                return data
        # No waiting mends it: were it retryable, its message would hold up a queue for ever.
        raise StylegramError(f"Object '{name}' is damaged: its bytes are not those that were written.")

    def stat(self, name: str) -> StoredObject | None:
        """See `Storage.stat`."""
        blob = self._find(name)
        return facts.stored_object(name, blob) if blob else None

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See `Storage.list`."""
        try:
            object_names.check(prefix if prefix and not prefix.endswith("/") else f"{prefix}x")
        except InvalidObjectName:  # and so no object has a name that begins like this
            return
        token: str | None = None
        while True:
            before = token
            blobs, token = self._page(prefix, before)
            for blob in blobs:
                name = blob.name.removeprefix(self._prefix)
                if stored := facts.stored_object(name, blob):
                    yield stored
            if token is None:
                return
            if token == before:
                raise Unavailable(
                    f"The bucket '{self._bucket.name}' gave the same page again, and would do so for ever."
                )

    def delete(self, name: str) -> bool:
        """See `Storage.delete`."""
        blob = self._find(name)
        if blob is None or facts.stored_object(name, blob) is None:
            return False
        try:
            # A blob that was looked at is deleted in the generation that was seen, and no other.
            self._ask(lambda: blob.delete(retry=self._retry_conditionally, timeout=_TIMEOUT))
        except BlobNotFound as error:  # also if we deleted it, the answer was lost, and we asked once more
            self._check_bucket(error)
        return True

    def signed_url(self, name: str, *, seconds: int) -> str | None:
        """See `Storage.signed_url`."""
        blob, credentials = self._bucket.blob(self._key(name)), self._credentials
        if credentials is None:
            return None
        return self._ask(lambda: signing.signed_url(blob, credentials, seconds=seconds))

    def _key(self, name: str) -> str:
        return self._prefix + object_names.check(name)

    def _find(self, name: str) -> Blob | None:
        blob = self._bucket.blob(self._key(name))
        try:
            # `Bucket.get_blob` would take a bucket that is not there for an object that is not.
            self._ask(lambda: blob.reload(retry=self._retry, timeout=_TIMEOUT))
        except BlobNotFound as error:
            self._check_bucket(error)
            return None
        return blob

    def _download(self, name: str, generation: int | None) -> bytes | None:
        """The bytes of that generation; None if they are not those that the bucket keeps."""
        # A blob that was looked at is downloaded from where the answer says, which with an emulator may be anywhere.
        blob = self._bucket.blob(self._key(name), generation=generation)

        def fetch() -> bytes | None:
            try:
                data: bytes = blob.download_as_bytes(
                    raw_download=True, checksum="crc32c", retry=self._retry, timeout=_TIMEOUT
                )
            except DataCorruption:
                return None
            return data

        try:
            return self._ask(fetch)
        except BlobNotFound as error:  # deleted in between
            self._check_bucket(error)
            raise NotFound(f"There is no object '{name}'.") from None

    def _page(self, prefix: str, token: str | None) -> tuple[Sequence[Blob], str | None]:
        def fetch() -> tuple[Sequence[Blob], str | None]:
            # One by one: an iterator of the library's that failed once ends the next time, as if that were all.
            listing = self._client.list_blobs(
                self._bucket,
                prefix=self._prefix + prefix,
                page_token=token,
                page_size=_PAGE,
                fields=_LISTED,
                retry=self._retry,
                timeout=_TIMEOUT,
            )
            return tuple(next(listing.pages)), listing.next_page_token

        try:
            return self._ask(fetch)
        except BlobNotFound:
            raise troubles.missing_bucket(self._bucket.name) from None

    def _check_bucket(self, error: BlobNotFound) -> None:
        # Whether there is a bucket cannot be asked for with the rights that we need. Listing it tells: of what there is
        # no name begins like this.
        if not troubles.is_missing_object(error):
            self._page("-", None)

    def _ask(self, call: Callable[[], T]) -> T:
        """What the call returns, which may be made several times.

        Raises:
            BlobNotFound: the object, or its bucket, is not there.
            PreconditionFailed: the object is there, or is another.
            StylegramError: any other trouble.
        """
        try:
            return self._patiently(call)()
        except (BlobNotFound, PreconditionFailed):
            raise
        except troubles.TROUBLES as error:
            raise troubles.translated(error, self._bucket.name) from None
