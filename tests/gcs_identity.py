"""Who a storage client is: a service account with a key, its tokens, and what it signs. And whom it may talk to."""

import base64
import functools
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

ACCOUNT = "painter@stylegram-tests.iam.gserviceaccount.com"
# Whatever address a key file names, the library asserts this one.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_HOSTS = ("iamcredentials.googleapis.com", "oauth2.googleapis.com")
_ALGORITHM = "GOOG4-RSA-SHA256"
_LONGEST = timedelta(days=7)


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """The account's key, made anew by each process that asks."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem() -> bytes:
    """The key as PKCS 8."""
    return private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_file(path: Path, token_uri: str) -> Path:
    """Write the account's key as Google's console does."""
    facts = {
        "type": "service_account",
        "project_id": "stylegram-tests",
        "private_key_id": "1",
        "private_key": pem().decode(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(facts))
    return path


def user_file(path: Path) -> Path:
    """Write what a login of a person leaves."""
    facts = {"type": "authorized_user", "client_id": "1", "client_secret": "2", "refresh_token": "3"}
    path.write_text(json.dumps(facts))
    return path


def asserts(assertion: str) -> bool:
    """Whether the account signed that it wants a token."""
    public = private_key().public_key()
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        claims = jwt.decode(assertion, certs=text, audience=_AUDIENCE)
    except (GoogleAuthError, ValueError):
        return False
    return bool(claims["iss"] == ACCOUNT and "scope" in claims)


def sign(message: bytes) -> bytes:
    """The account's signature."""
    return private_key().sign(message, padding.PKCS1v15(), hashes.SHA256())


def new_token() -> str:
    """An access token as nobody had it before."""
    return f"ya29.{secrets.token_urlsafe(24)}"


def refusal(method: str, path: str, query: dict[str, str], headers: dict[str, str], now: datetime) -> str:
    """Why a V4-signed request is refused, as the server's error code; empty if it is not.

    Args:
        method: of the request.
        path: as it came, percent-encoded.
        query: its parameters, decoded.
        headers: in lower case.
        now: the server's time.
    """
    unsigned = {name: value for name, value in query.items() if name != "X-Goog-Signature"}
    try:
        signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(query["X-Goog-Expires"]))
        signature = bytes.fromhex(query["X-Goog-Signature"])
        names = query["X-Goog-SignedHeaders"].split(";")
        account, scope = query["X-Goog-Credential"].split("/", 1)
    except (KeyError, ValueError):
        return "MalformedSecurityHeader"
    if query["X-Goog-Algorithm"] != _ALGORITHM or lifetime > _LONGEST or "host" not in names:
        return "MalformedSecurityHeader"
    if account != ACCOUNT or scope != f"{signed_at:%Y%m%d}/auto/storage/goog4_request":
        return "InvalidAccessKeyId"
    parameters = "&".join(
        sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in unsigned.items())
    )
    lines = "".join(f"{name}:{headers.get(name, '')}\n" for name in names)
    request = "\n".join([method, path, parameters, lines, ";".join(names), "UNSIGNED-PAYLOAD"])
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([_ALGORITHM, query["X-Goog-Date"], scope, digest])
    try:
        private_key().public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return "SignatureDoesNotMatch"
    return "" if signed_at <= now + timedelta(minutes=15) and now < signed_at + lifetime else "ExpiredToken"


def certificate(path: Path) -> Path:
    """Write a certificate for Google's hosts, with its key, which whoever trusts this file trusts."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOSTS[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private_key(), hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem())
    return path


def signed_blob(payload: str) -> str:
    """IAM's answer to `signBlob`, both in base64."""
    return base64.b64encode(sign(base64.b64decode(payload))).decode()
