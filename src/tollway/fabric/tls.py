"""Certificates between services: an own authority, one certificate per service; both ends prove who they are.

    folder/ca.pem            the authority's certificate, which everybody trusts
    folder/ca.key            its key; needed to issue only, keep it away from machines that merely serve
    folder/<service>.pem     a service's key and certificate, in one file so that a renewal replaces both at once

A service's certificate names it twice: as DNS name, which callers check, and as SPIFFE id
`spiffe://tollway/<service>`, by which it is known when it calls others. Keys are EC P-256, files mode 0600.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tollway.fabric.clock import Clock
from tollway.kit.times import SECOND_US, to_rfc3339

TRUST_DOMAIN = "tollway"
CA_DAYS = 3650
LEAF_DAYS = 90
_SLACK = timedelta(minutes=5)


class CertificateUnusable(Exception):
    """A certificate is missing, unreadable or out of date; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """What a service needs to prove who it is and to check others: PEM texts, and the time it ends."""

    service: str
    key: bytes
    certificate: bytes
    roots: bytes
    not_before_us: int
    not_after_us: int

    def check(self, now_us: int) -> None:
        """Raise CertificateUnusable when the certificate is not valid at `now_us`."""
        if now_us >= self.not_after_us:
            ended = to_rfc3339(self.not_after_us)
            raise CertificateUnusable(
                f"the certificate of {self.service} expired at {ended}; issue a new one"
            )
        if now_us < self.not_before_us:
            begins = to_rfc3339(self.not_before_us)
            raise CertificateUnusable(
                f"the certificate of {self.service} begins at {begins}; check this clock"
            )

    def ages_at_us(self) -> int:
        """Return when two thirds of its life are over, the time to renew it."""
        return self.not_before_us + (self.not_after_us - self.not_before_us) * 2 // 3


def make_ca(folder: Path, clock: Clock, days: int = CA_DAYS) -> None:
    """Make the authority in `folder`, which may exist. Raises CertificateUnusable if it holds one already."""
    if (folder / "ca.key").exists():
        raise CertificateUnusable(f"{folder} holds an authority already; remove it first to start over")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tollway authority")])
    certificate = (
        _builder(name, name, key.public_key(), clock, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.key", _key_pem(key))
    _write(folder / "ca.pem", _pem(certificate))


def issue(folder: Path, service: str, hosts: Sequence[str], clock: Clock, days: int = LEAF_DAYS) -> None:
    """Make or replace the certificate of `service`, valid for its own name and for `hosts` (names, addresses).

    Raises CertificateUnusable when the authority's key is not in `folder`.
    """
    ca, ca_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [_general_name(host) for host in dict.fromkeys([service, *hosts])]
    spiffe = x509.UniformResourceIdentifier(f"spiffe://{TRUST_DOMAIN}/{service}")
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    signer = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _builder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, service)]),
            ca.subject,
            key.public_key(),
            clock,
            days,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(x509.SubjectAlternativeName([*names, spiffe]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(_leaf(folder, service), _key_pem(key) + _pem(certificate))


def ensure(
    folder: Path, service: str, hosts: Sequence[str], clock: Clock, days: int = LEAF_DAYS
) -> CertificateIdentity:
    """Return the identity of `service`, after making what is missing: the authority, or a certificate.

    A certificate is issued anew when two thirds of its life are over or it lacks one of `hosts`.
    """
    if not (folder / "ca.pem").exists():
        make_ca(folder, clock)
    if _leaf(folder, service).exists():
        identity = load(folder, service)
        if clock.now_us() < identity.ages_at_us() and _covers(identity, hosts):
            return identity
    issue(folder, service, hosts, clock, days)
    return load(folder, service)


def load(folder: Path, service: str) -> CertificateIdentity:
    """Read the identity of `service`. Raises CertificateUnusable when it is missing or damaged."""
    path = _leaf(folder, service)
    try:
        pem, roots = path.read_bytes(), (folder / "ca.pem").read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(pem, password=None)
    except OSError as error:
        raise CertificateUnusable(
            f"cannot read {error.filename}: {error.strerror}; `tollway certs` issues certificates"
        ) from error
    except ValueError as error:
        raise CertificateUnusable(f"{path} is damaged; issue the certificate of {service} again") from error
    try:
        x509.load_pem_x509_certificates(roots)
    except ValueError as error:
        raise CertificateUnusable(f"{folder / 'ca.pem'} is damaged; restore it from a backup") from error
    return CertificateIdentity(
        service,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        _pem(certificate),
        roots,
        _us(certificate.not_valid_before_utc),
        _us(certificate.not_valid_after_utc),
    )


def version(folder: Path, service: str) -> tuple[int, ...]:
    """Return a value that changes when the files of `service` change: cheap enough to look at often."""
    paths = (folder / "ca.pem", _leaf(folder, service))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _leaf(folder: Path, service: str) -> Path:
    return folder / f"{service}.pem"


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    except OSError as error:
        raise CertificateUnusable(
            f"cannot read {error.filename}: {error.strerror}; certificates are issued where the authority lives"
        ) from error
    except ValueError as error:
        raise CertificateUnusable(
            f"the authority in {folder} is damaged; restore it from a backup"
        ) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, clock: Clock, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(clock.now_us() // SECOND_US, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _covers(identity: CertificateIdentity, hosts: Sequence[str]) -> bool:
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return all(_general_name(host) in names for host in hosts)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_US


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
