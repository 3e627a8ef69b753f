"""A self-signed certificate for the proxy over TLS in development, made when there is none; nobody trusts it by itself.

A client has to trust the file: `curl --proxy-cacert <data>/edge/https-proxy.pem`.
"""

import contextlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tollway.fabric.clock import Clock
from tollway.fabric.tls import general_name
from tollway.kit.times import SECOND_US

_LIFE = timedelta(days=397)
_SLACK = timedelta(minutes=5)


def ensure_certificate(path: Path, hosts: Sequence[str], clock: Clock) -> None:
    """Make the file of certificate and key, or make it anew when a third of its life is left or it lacks a host.

    Several workers may do so at once: one file is whole, and all of them read the same.
    """
    now = datetime.fromtimestamp(clock.now_us() // SECOND_US, UTC)
    names = [general_name(host) for host in dict.fromkeys(host for host in hosts if host)]
    is_there = path.exists()
    if is_there and _is_good(path, names, now):
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_self_signed(names, now))
    if is_there:
        draft.replace(path)
        return
    with contextlib.suppress(FileExistsError):  # another worker was faster
        os.link(draft, path)
    draft.unlink()


def _is_good(path: Path, names: Sequence[x509.GeneralName], now: datetime) -> bool:
    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        serialization.load_pem_private_key(pem, password=None)
        good_for = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    is_young = now < certificate.not_valid_after_utc - _LIFE / 3
    return is_young and all(name in good_for for name in names)


def _self_signed(names: Sequence[x509.GeneralName], now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tollway proxy in development")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + secret
