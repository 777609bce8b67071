"""When the certificates run out that the settings name: the day after, nobody gets through any more.

>>> watch_certificates(Path("/run/secrets/tls.crt"), None)
"""

import math
import ssl
from _ssl import _test_decode_cert  # type: ignore[attr-defined]  # unknown to typeshed
from functools import partial
from pathlib import Path

from prometheus_client import Gauge

EXPIRES = Gauge(
    "stylegram_certificate_expires_timestamp_seconds",
    "When the first of the certificates in the file runs out; NaN where it cannot be read.",
    ["file"],
)


def watch_certificates(*files: Path | None) -> None:
    """Show when each file's certificates run out; it is read anew each time, as others renew them meanwhile."""
    for file in filter(None, files):
        EXPIRES.labels(file=str(file)).set_function(partial(_expires_or_unknown, file))


def expires_at(file: Path) -> float:
    """When the first of the certificates in a PEM file runs out, in seconds since 1970.

    Of those that sign no others only the first is looked at: in a chain it is the one that all the others are there
    for.

    Raises:
        OSError: it cannot be read, or there is no certificate in it.
    """
    # A context keeps those that sign others; what tells of any other has no public name, and is as old as the module.
    authorities = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities.load_verify_locations(file)
    ends = [found["notAfter"] for found in (_test_decode_cert(file), *authorities.get_ca_certs())]
    return min(ssl.cert_time_to_seconds(str(end)) for end in ends)


def _expires_or_unknown(file: Path) -> float:
    try:
        return expires_at(file)
    except OSError:  # an `SSLError` too; who uses the file says what is wrong with it
        return math.nan
