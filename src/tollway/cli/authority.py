"""The authority: issues the certificates with which services prove to each other who they are.

    data/authority/ca.key    its key; only `tollway certs` and `tollway up` read it, no process that serves
    certs/ca.pem             its certificate, which everybody trusts
    certs/<service>.pem      a service's key and certificate, in one file so that a renewal replaces both at once

A service's certificate names it twice: as DNS name, which callers check, and as SPIFFE id
`spiffe://tollway/<service>`, by which it is known when it calls others. Keys are EC P-256, files mode 0600.
"""

import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tollway.fabric import tls
from tollway.fabric.clock import Clock
from tollway.fabric.tls import CertificateIdentity, CertificateUnusable
from tollway.kit.times import SECOND_US

CA_DAYS = 3650
LEAF_DAYS = 90
_SLACK = timedelta(minutes=5)


class Authority:
    """Issues into the folder `certificates`; its key is in the folder `keys`, apart from what is copied around."""

    def __init__(self, keys: Path, certificates: Path, clock: Clock) -> None:
        self._key = keys / "ca.key"
        self._certificate = certificates / "ca.pem"
        self._folder = certificates
        self._clock = clock

    @property
    def is_here(self) -> bool:
        """Whether this machine can issue: it has the key, or nobody made an authority yet."""
        return self._key.exists() or (self._folder / "ca.key").exists() or not self._certificate.exists()

    def make(self, days: int = CA_DAYS) -> None:
        """Make key and certificate. Raises CertificateUnusable if there are some already."""
        if self._key.exists() or self._certificate.exists():
            raise CertificateUnusable(
                f"{self._folder} holds an authority already; remove it first to start over"
            )
        for folder in (self._key.parent, self._folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(self._key, _key_pem(key))
        self._certify(key, days)

    def _certify(self, key: ec.EllipticCurvePrivateKey, days: int = CA_DAYS) -> None:
        """Make or replace the authority's certificate. What the key signed before is good under it too."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tollway authority")])
        certificate = (
            _builder(name, name, key.public_key(), self._clock, days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._certificate, tls.write_pem(certificate))

    def _renew_authority(self) -> None:
        # Long before its end: machines with copies need time to get it.
        try:
            certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        except ValueError:
            return  # issuing with it raises the reason
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        now = datetime.fromtimestamp(self._clock.now_us() // SECOND_US, UTC)
        if now >= begins + (ends - begins) * 2 / 3:
            self._certify(self._read_key())

    def issue(self, service: str, hosts: Sequence[str], days: int = LEAF_DAYS) -> None:
        """Make or replace the certificate of `service`, valid for its own name and for `hosts` (names, addresses).

        Raises CertificateUnusable when the authority's key is not here.
        """
        ca, ca_key = self._load()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [tls.general_name(host) for host in dict.fromkeys([service, *hosts])]
        spiffe = x509.UniformResourceIdentifier(tls.spiffe_id(service))
        both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, service)])
        certificate = (
            _builder(subject, ca.subject, key.public_key(), self._clock, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(both_ends, critical=False)
            .add_extension(x509.SubjectAlternativeName([*names, spiffe]), critical=False)
            .add_extension(signer, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        _write(tls.path_of(self._folder, service), _key_pem(key) + tls.write_pem(certificate))

    def ensure(self, service: str, hosts: Sequence[str], days: int = LEAF_DAYS) -> CertificateIdentity:
        """Return the identity of `service`, after making what is missing: the authority, or a certificate.

        A certificate is issued anew when two thirds of its life are over, or it lacks one of `hosts`, or it cannot
        be read, or is another's, or another authority issued it. The names for which it was good stay. The authority's
        own is renewed at two thirds too.
        """
        with self._alone():
            self._take_over_old_key()
            if not self._certificate.exists():
                if self._key.exists():
                    self._certify(
                        self._read_key()
                    )  # a kill came between the two, or the certificate was lost
                else:
                    self.make()
            elif self._key.exists():
                self._renew_authority()
            try:
                found = tls.load(self._folder, service)
            except CertificateUnusable:
                found = None
            if found is not None and not found.names_service():
                found = None
            if found is not None and self._is_good(found, hosts):
                return found
            self.issue(service, [*(found.hosts() if found else ()), *hosts], days)
            return tls.load(self._folder, service)

    def issued(self) -> list[str]:
        """List those for whom there is a certificate."""
        return sorted(path.stem for path in self._folder.glob("*.pem") if path != self._certificate)

    def _is_good(self, identity: CertificateIdentity, hosts: Sequence[str]) -> bool:
        is_young = identity.not_before_us <= self._clock.now_us() < identity.ages_at_us()
        return is_young and not identity.lacks(hosts) and identity.is_signed()

    def _take_over_old_key(self) -> None:
        # Up to 0.1 the key lay beside the certificates.
        old = self._folder / "ca.key"
        if old.exists() and not self._key.exists():
            self._key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            old.rename(self._key)

    @contextmanager
    def _alone(self) -> Generator[None, None, None]:
        # `tollway up` and `tollway certs` may run at once; one authority is made.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read_key(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        except OSError as error:
            raise self._absent(error) from error
        except ValueError as error:
            raise self._damaged() from error
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = self._read_key()
        try:
            certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        except OSError as error:
            raise self._absent(error) from error
        except ValueError as error:
            raise self._damaged() from error
        if key.public_key() != certificate.public_key():
            raise CertificateUnusable(
                f"{self._key} does not belong to {self._certificate}; restore both from one backup"
            )
        return certificate, key

    def _damaged(self) -> CertificateUnusable:
        return CertificateUnusable(f"the authority in {self._folder} is damaged; restore it from a backup")

    def _absent(self, error: OSError) -> CertificateUnusable:
        return CertificateUnusable(
            f"cannot read {error.filename}: {error.strerror}; certificates are issued where the authority's key is"
        )


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


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
