"""Certificates between services, as a serving process has them: its own, and whom it trusts. It cannot issue any.

    folder/ca.pem            the authority's certificate, which everybody trusts
    folder/<service>.pem     a service's key and certificate, in one file so that a renewal replaces both at once

`cli/authority.py` issues them.
"""

import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from tollway.kit.times import SECOND_US, to_rfc3339

TRUST_DOMAIN = "tollway"


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

    def hosts(self) -> list[str]:
        """Return the names and addresses for which the certificate is good."""
        names = self._names()
        addresses = names.get_values_for_type(x509.IPAddress)
        return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]

    def lacks(self, hosts: Sequence[str]) -> list[str]:
        """Return those of `hosts` for which the certificate is not good."""
        names = self._names()
        return [host for host in hosts if general_name(host) not in names]

    def names_service(self) -> bool:
        """Return whether the certificate is this service's, and no other's under its name."""
        return self._names().get_values_for_type(x509.UniformResourceIdentifier) == [spiffe_id(self.service)]

    def _names(self) -> x509.SubjectAlternativeName:
        certificate = x509.load_pem_x509_certificate(self.certificate)
        try:
            return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return x509.SubjectAlternativeName([])

    def is_signed(self) -> bool:
        """Return whether one of the trusted authorities issued the certificate."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        for root in x509.load_pem_x509_certificates(self.roots):
            with contextlib.suppress(ValueError, TypeError, InvalidSignature):
                certificate.verify_directly_issued_by(root)
                return True
        return False

    def ages_at_us(self) -> int:
        """Return when two thirds of its life are over, the time to renew it."""
        return self.not_before_us + (self.not_after_us - self.not_before_us) * 2 // 3


def load(folder: Path, service: str) -> CertificateIdentity:
    """Read the identity of `service`. Raises CertificateUnusable when it is missing or damaged."""
    path = path_of(folder, service)
    try:
        pem, roots = path.read_bytes(), (folder / "ca.pem").read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(pem, password=None)
    except OSError as error:
        raise CertificateUnusable(
            f"cannot read {error.filename}: {error.strerror}; issue it: tollway certs --service {service}"
        ) from error
    except ValueError as error:
        raise CertificateUnusable(f"{path} is damaged; issue the certificate of {service} again") from error
    if key.public_key() != certificate.public_key():
        raise CertificateUnusable(
            f"{path} holds another's key; issue the certificate of {service} again: tollway certs --service {service}"
        )
    try:
        x509.load_pem_x509_certificates(roots)
    except ValueError as error:
        raise CertificateUnusable(f"{folder / 'ca.pem'} is damaged; restore it from a backup") from error
    return CertificateIdentity(
        service,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        write_pem(certificate),
        roots,
        _us(certificate.not_valid_before_utc),
        _us(certificate.not_valid_after_utc),
    )


def version(folder: Path, service: str) -> tuple[int, ...]:
    """Return a value that changes when the files of `service` change: cheap enough to look at often."""
    paths = (folder / "ca.pem", path_of(folder, service))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def path_of(folder: Path, service: str) -> Path:
    """Name the file of a service's key and certificate."""
    return folder / f"{service}.pem"


def spiffe_id(service: str) -> str:
    """Return by which name a service is known when it calls others."""
    return f"spiffe://{TRUST_DOMAIN}/{service}"


def general_name(host: str) -> x509.GeneralName:
    """Write a host name or an address as a certificate has it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write_pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_US
