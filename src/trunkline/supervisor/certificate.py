"""Certificates: the one that profile local makes itself, and a look at the ones that settings name.

Ours is for localhost and this machine's loopback, good for 397 days, renewed in time. Its file says in a first line until when
it is good, so that a start need not load the libraries that make certificates.
"""

import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from trunkline.kit.clock import wall_clock
from trunkline.kit.startup import ExitCode, StartupError, reason

LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
GOOD_UNTIL = "Good until "


def check(certificate: Path, key: Path) -> None:
    """Raise `StartupError` unless these files are a certificate and its key, not encrypted, in PEM."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {reason(error)}", ExitCode.CONFIGURATION) from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        why = getattr(error, "reason", None) or reason(error)
        raise StartupError(
            f"{certificate} and {key} are not a certificate (PEM) and its private key without a password: {why}",
            ExitCode.CONFIGURATION,
        ) from None


def local_certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) in `folder`, made when missing or about to expire."""
    certificate, key = folder / "localhost.crt", folder / "localhost.key"
    if not (key.exists() and _good_until(certificate) - RENEW_BEFORE > wall_clock()):
        until = wall_clock() + LIFE
        made, private = _make(until)
        _write(key, private)
        _write(certificate, f"{GOOD_UNTIL}{until.isoformat()}\n".encode() + made)
    return certificate, key


def _good_until(certificate: Path) -> datetime:
    try:
        with certificate.open() as file:
            return datetime.fromisoformat(file.readline().removeprefix(GOOD_UNTIL).strip())
    except (OSError, ValueError):
        return wall_clock() - LIFE


def _make(until: datetime) -> tuple[bytes, bytes]:
    """A certificate and its key, PEM."""
    import ipaddress  # noqa: PLC0415 - slow to load, needed once a year

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline on localhost")])
    names = [
        x509.DNSName("localhost"),
        x509.DNSName("sb2.localhost"),  # by name: clients refuse a wildcard this high up
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - LIFE - timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return built.public_bytes(serialization.Encoding.PEM), pem


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
