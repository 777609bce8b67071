"""TLS towards a broker, with certificates that are made on the spot and both ends of the connection in this process."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from stylegram.common.adapters.tls import TlsFiles
from stylegram.common.errors import ConfigurationError

SUBJECT = "/CN=broker.test"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate of broker.test that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", SUBJECT, "-addext", "subjectAltName=DNS:broker.test"]
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    return TlsFiles(certificate, certificate, key)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str = "broker.test") -> ssl.SSLObject:
    """The server's end of a connection that both sides agree on; else what one of them has against it."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[1]


def serving(files: TlsFiles) -> ssl.SSLContext:
    """A broker that has the certificate, and wants one that it vouches for from whoever comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert files.certificate
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_broker_that_the_given_certificates_vouch_for_is_believed_and_learns_who_we_are(ours: TlsFiles) -> None:
    seen = shake_hands(ours.context(), serving(ours)).getpeercert()
    assert seen is not None
    assert (("commonName", "broker.test"),) in seen["subject"]


def test_a_key_may_stand_in_the_file_of_its_certificate(ours: TlsFiles, tmp_path: Path) -> None:
    assert ours.certificate
    assert ours.key
    both = tmp_path / "both.pem"
    both.write_bytes(ours.certificate.read_bytes() + ours.key.read_bytes())
    assert shake_hands(TlsFiles(ours.ca, both).context(), serving(ours)).getpeercert()


def test_a_broker_that_nobody_vouches_for_or_of_another_name_is_refused(ours: TlsFiles) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self.signed"):
        shake_hands(TlsFiles().context(), serving(ours))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(ours.context(), serving(ours), host="elsewhere.test")


def test_who_has_no_certificate_is_refused_by_a_broker_that_wants_one(ours: TlsFiles) -> None:
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shake_hands(TlsFiles(ours.ca).context(), serving(ours))


@pytest.mark.parametrize(
    "files",
    [
        TlsFiles(ca=Path("missing.pem")),
        TlsFiles(ca=Path("empty.pem")),
        TlsFiles(ca=Path("text.pem")),
        TlsFiles(certificate=Path("missing.pem")),
        TlsFiles(certificate=Path("text.pem")),
        TlsFiles(certificate=Path("text.pem"), key=Path("missing.pem")),
    ],
    ids=["no CA", "an empty CA", "a CA of text", "no certificate", "a certificate of text", "no key"],
)
def test_files_that_cannot_be_used_are_a_configuration_error(
    files: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "text.pem").write_text("no certificate at all")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="STYLEGRAM_BROKER_CA_FILE"):
        files.context()


def test_a_key_of_another_certificate_is_a_configuration_error(ours: TlsFiles, tmp_path: Path) -> None:
    other = tmp_path / "key.pem"
    words = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(other)]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        TlsFiles(ours.ca, ours.certificate, other).context()
