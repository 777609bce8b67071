"""Adapters of the ports, chosen by the scheme of a URL.

>>> open_broker("memory://").dead_letters("stylizer.jobs")
[]
"""

from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.adapters.tls import TlsFiles
from stylegram.common.errors import ConfigurationError
from stylegram.common.ports import Broker, Storage
from stylegram.common.settings import Settings


def broker_of(settings: Settings) -> Broker:
    """The broker that a service's settings name; see `open_broker`."""
    return open_broker(
        settings.broker_url.get_secret_value(),
        visibility=settings.visibility_seconds,
        ack_timeout=settings.broker_ack_timeout_seconds,
        tls=TlsFiles(settings.broker_ca_file, settings.broker_cert_file, settings.broker_key_file),
    )


def open_broker(
    url: str, *, visibility: float = 30.0, ack_timeout: float = 1800.0, tls: TlsFiles | None = None
) -> Broker:
    """The broker at `url`: `sqlite:///path`, `amqp://…` or `amqps://…` (RabbitMQ), or `memory://`.

    Args:
        url: where the broker is.
        visibility: seconds until a claim that nobody extends runs out.
        ack_timeout: seconds after which a RabbitMQ server takes a message back from a consumer that lives.
        tls: for `amqps://`.

    Raises:
        ConfigurationError: no adapter for that scheme, or the URL or a file is wrong.
    """
    match _split(url).scheme:
        case "sqlite":
            return SqliteBroker(url_path(url), visibility=visibility)
        case "memory":
            return SqliteBroker(None, visibility=visibility)
        case "amqp" | "amqps":
            from stylegram.common.adapters.rabbitmq import open_rabbitmq

            return open_rabbitmq(url, visibility=visibility, ack_timeout=ack_timeout, tls=tls or TlsFiles())
        case scheme:
            raise ConfigurationError(
                f"No broker adapter for '{scheme}:'.",
                advice="STYLEGRAM_BROKER_URL takes sqlite:///path or amqp://user:password@host/vhost.",
            )


def storage_of(settings: Settings) -> Storage:
    """The object storage that a service's settings name; see `open_storage`."""
    return open_storage(settings.storage_url, credentials_file=settings.storage_credentials_file)


def open_storage(url: str, *, credentials_file: Path | None = None) -> Storage:
    """The object storage at `url`: `file:///folder` or `gs://bucket/prefix`.

    Args:
        url: where it is.
        credentials_file: Google's, for `gs://`; the application default credentials where None.

    Raises:
        ConfigurationError: no adapter for that scheme, or the URL or the credentials are wrong.
    """
    match _split(url).scheme:
        case "file":
            return FolderStorage(url_path(url))
        case "gs":
            from stylegram.common.adapters.gcs import open_gcs

            return open_gcs(url, credentials_file=credentials_file)
        case "":
            raise ConfigurationError(
                f"'{url}' is no URL.", advice="STYLEGRAM_STORAGE_URL takes file:///folder or gs://bucket/prefix."
            )
        case scheme:
            raise ConfigurationError(
                f"No storage adapter for '{scheme}:'.",
                advice="STYLEGRAM_STORAGE_URL takes file:///folder or gs://bucket/prefix.",
            )


def url_path(url: str) -> Path:
    """The absolute path of a `file:` or `sqlite:` URL.

    >>> url_path("file:///var/my%20pictures").as_posix()
    '/var/my pictures'

    Raises:
        ConfigurationError: it has a host, as in `file://folder`, no absolute path, or more than a path.
    """
    parts = _split(url)
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/" or "\0" in path:
        raise ConfigurationError(f"'{url}' names no path.", advice="Write three slashes: file:///an/absolute/path.")
    if parts.query or parts.fragment:
        # Cut off silently, they would make /my#pictures and /my?pictures the same folder, /my.
        raise ConfigurationError(f"'{url}' is more than a path.", advice="In a path, write ? as %3F and # as %23.")
    return Path(path)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        # The URL may hold a password: do not repeat it.
        raise ConfigurationError(
            f"A URL cannot be understood: {error}.", advice="Percent-encode what is special in its path or password."
        ) from None
