"""When certificates run out, as their files say it now."""

import math
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import certifi
import pytest
from prometheus_client import REGISTRY

from stylegram.common.certificates import expires_at, watch_certificates

_DAY = 86_400


def make_certificate(folder: Path, name: str, days: int, *, authority: bool = True) -> Path:
    """A certificate that vouches for itself, its key before it in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not installed")
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    constraints = f"basicConstraints=critical,CA:{str(authority).upper()}"
    words += ["-days", str(days), "-subj", f"/CN={name}", "-addext", constraints]
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    both = folder / f"{name}.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def days_left(file: Path) -> int:
    return round((expires_at(file) - time.time()) / _DAY)


def shown(file: Path) -> float | None:
    return REGISTRY.get_sample_value("stylegram_certificate_expires_timestamp_seconds", {"file": str(file)})


@pytest.mark.parametrize("authority", [True, False])
def test_a_certificate_runs_out_when_it_says_so(tmp_path: Path, authority: bool) -> None:
    assert days_left(make_certificate(tmp_path, "ours", 30, authority=authority)) == 30


def test_of_several_the_first_that_runs_out_counts(tmp_path: Path) -> None:
    files = [make_certificate(tmp_path, name, days) for name, days in (("long", 900), ("short", 9), ("middle", 90))]
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"".join(file.read_bytes() for file in files))
    assert days_left(bundle) == 9


def test_the_authorities_of_the_world_can_be_read() -> None:
    assert expires_at(Path(certifi.where())) > 0


def test_a_renewed_file_is_noticed_and_a_damaged_one_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "tls.crt"
    shutil.copy(make_certificate(tmp_path, "old", 3), file)
    watch_certificates(None, file)
    watch_certificates(file)
    old = shown(file)
    shutil.copy(make_certificate(tmp_path, "new", 90), file)
    assert (shown(file) or 0) - (old or 0) == pytest.approx(87 * _DAY, abs=60)
    for damaged in (b"", b"no certificate at all"):
        file.write_bytes(damaged)
        assert math.isnan(shown(file) or 0)
    file.unlink()
    assert math.isnan(shown(file) or 0)


def test_what_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate at all")
    with pytest.raises(ssl.SSLError):
        expires_at(tmp_path / "text.pem")
