"""The authority: what it writes, who may read it, and when a certificate is made anew."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from tests.kit.clock import FakeClock
from tollway.cli.authority import CA_DAYS, Authority
from tollway.fabric import tls
from tollway.fabric.tls import CertificateUnusable
from tollway.kit.times import DAY_US


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def authority(tmp_path: Path, folder: Path, clock: FakeClock) -> Authority:
    made = Authority(tmp_path / "authority", folder, clock)
    made.make()
    return made


def names(identity: tls.CertificateIdentity) -> x509.SubjectAlternativeName:
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_certificate_names_the_service_its_hosts_and_its_spiffe_id(
    folder: Path, authority: Authority
) -> None:
    authority.issue("ledger", ["localhost", "127.0.0.1", "::1"])
    found = names(tls.load(folder, "ledger"))
    assert found.get_values_for_type(x509.DNSName) == ["ledger", "localhost"]
    assert [str(ip) for ip in found.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert found.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://tollway/ledger"]


def test_it_serves_at_both_ends_and_signs_nothing(
    folder: Path, authority: Authority, clock: FakeClock
) -> None:
    authority.issue("ledger", [])
    leaf = x509.load_pem_x509_certificate(tls.load(folder, "ledger").certificate)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_strict_verifier_accepts_the_chain_and_refuses_another_authority(
    authority: Authority, clock: FakeClock, tmp_path: Path
) -> None:
    identity = authority.ensure("ledger", ["ledger.internal"])
    stranger = Authority(tmp_path / "keys", tmp_path / "other", clock).ensure("ledger", ["ledger.internal"])
    leaf = x509.load_pem_x509_certificate(identity.certificate)

    def verify(roots: bytes, host: str) -> None:
        store = Store(x509.load_pem_x509_certificates(roots))
        builder = PolicyBuilder().store(store).time(leaf.not_valid_before_utc)
        builder.build_server_verifier(x509.DNSName(host)).verify(leaf, [])

    verify(identity.roots, "ledger.internal")
    with pytest.raises(x509.verification.VerificationError):
        verify(identity.roots, "orders.internal")
    with pytest.raises(x509.verification.VerificationError):
        verify(stranger.roots, "ledger.internal")


def test_only_the_owner_reads_the_files(folder: Path, authority: Authority, clock: FakeClock) -> None:
    authority.issue("ledger", [])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o600, "ledger.pem": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    key = folder.parent / "authority" / "ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_a_second_authority_does_not_replace_the_first(
    folder: Path, authority: Authority, clock: FakeClock
) -> None:
    before = (folder / "ca.pem").read_bytes()
    with pytest.raises(CertificateUnusable, match="already"):
        authority.make()
    assert (folder / "ca.pem").read_bytes() == before


def test_expiry_is_told_with_what_to_do(folder: Path, authority: Authority, clock: FakeClock) -> None:
    authority.issue("ledger", [], days=30)
    identity = tls.load(folder, "ledger")
    identity.check(clock.now_us())
    identity.check(clock.now_us() + 30 * DAY_US - 1)
    with pytest.raises(CertificateUnusable, match=r"ledger expired at 2026-12-.*; issue a new one"):
        identity.check(clock.now_us() + 30 * DAY_US)
    with pytest.raises(CertificateUnusable, match="check this clock"):
        identity.check(clock.now_us() - DAY_US)


def test_ensure_issues_once_then_renews_at_two_thirds_of_the_life(
    authority: Authority, clock: FakeClock
) -> None:
    first = authority.ensure("ledger", ["localhost"], days=30)
    clock.advance(19 * 86_400)
    assert authority.ensure("ledger", ["localhost"], days=30) == first
    clock.advance(2 * 86_400)
    renewed = authority.ensure("ledger", ["localhost"], days=30)
    assert renewed.not_after_us > first.not_after_us
    assert renewed.key != first.key


def test_ensure_issues_again_for_a_new_host(folder: Path, authority: Authority, clock: FakeClock) -> None:
    first = authority.ensure("ledger", ["localhost"])
    second = authority.ensure("ledger", ["localhost", "10.0.0.7"])
    assert first != second
    assert "10.0.0.7" in [str(ip) for ip in names(second).get_values_for_type(x509.IPAddress)]


def test_ensure_makes_the_authority_when_there_is_none(tmp_path: Path, clock: FakeClock) -> None:
    new = Authority(tmp_path / "authority", tmp_path / "new", clock)
    assert new.is_here
    assert new.ensure("ledger", []).service == "ledger"


def test_a_renewal_keeps_the_names_that_the_certificate_had(authority: Authority, clock: FakeClock) -> None:
    authority.ensure("ledger", ["ledger.internal", "10.0.0.7"])
    clock.advance(61 * 86_400)
    assert not authority.ensure("ledger", ["ledger"]).lacks(["ledger.internal", "10.0.0.7", "ledger"])


@pytest.mark.parametrize(
    "damage",
    ["cut", "rubbish", "of another authority", "of another service", "with another key", "two of them"],
)
def test_a_certificate_that_cannot_be_used_is_issued_anew(
    authority: Authority, folder: Path, tmp_path: Path, clock: FakeClock, damage: str
) -> None:
    """What an interrupted copy or a restored folder leaves behind."""
    authority.ensure("ledger", [])
    path = folder / "ledger.pem"
    if damage == "of another authority":
        Authority(tmp_path / "keys", tmp_path / "other", clock).ensure("ledger", [])
        path.write_bytes((tmp_path / "other" / "ledger.pem").read_bytes())
    elif damage in {"of another service", "with another key", "two of them"}:
        authority.ensure("orders", [])
        own, others = (folder / f"{name}.pem" for name in ("ledger", "orders"))
        key, begin, certificate = own.read_bytes().partition(b"-----BEGIN CERTIFICATE")
        others_key, _, others_certificate = others.read_bytes().partition(b"-----BEGIN CERTIFICATE")
        path.write_bytes(
            {
                "of another service": others.read_bytes(),
                "with another key": others_key + begin + certificate,
                "two of them": key + begin + others_certificate + begin + certificate,
            }[damage]
        )
    else:
        path.write_bytes(path.read_bytes()[:400] if damage == "cut" else b"rubbish")
    made = authority.ensure("ledger", [])
    assert made.is_signed()
    assert made.hosts() == ["ledger"]
    certificate, key = x509.load_pem_x509_certificate(made.certificate), load_pem_private_key(made.key, None)
    assert key.public_key() == certificate.public_key()


def test_the_authority_renews_its_own_certificate_and_what_it_signed_stays_good(
    authority: Authority, folder: Path, clock: FakeClock
) -> None:
    issued = authority.ensure("ledger", [])
    first = (folder / "ca.pem").read_bytes()
    clock.advance(CA_DAYS * 86_400 * 0.6)
    authority.ensure("ledger", [])
    assert (folder / "ca.pem").read_bytes() == first
    clock.advance(CA_DAYS * 86_400 * 0.1)
    renewed = authority.ensure("ledger", [])
    assert renewed.roots != first
    root = x509.load_pem_x509_certificate(renewed.roots)
    assert root.not_valid_after_utc.timestamp() > clock.now_us() / 1_000_000 + (CA_DAYS - 1) * 86_400
    for one in (issued, renewed):
        x509.load_pem_x509_certificate(one.certificate).verify_directly_issued_by(root)


def test_a_key_that_lay_beside_the_certificates_moves_to_its_own_folder(
    authority: Authority, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "authority" / "ca.key").rename(folder / "ca.key")
    assert authority.is_here
    authority.ensure("ledger", [])
    assert not (folder / "ca.key").exists()
    assert (tmp_path / "authority" / "ca.key").exists()


def test_a_machine_with_copies_only_cannot_issue(authority: Authority, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "authority" / "ca.key").unlink()
    assert not authority.is_here
    with pytest.raises(CertificateUnusable, match="issued where the authority's key is"):
        authority.issue("ledger", [])


def test_a_key_of_another_authority_is_named(
    authority: Authority, tmp_path: Path, folder: Path, clock: FakeClock
) -> None:
    Authority(tmp_path / "keys", tmp_path / "other", clock).make()
    (tmp_path / "keys" / "ca.key").replace(tmp_path / "authority" / "ca.key")
    with pytest.raises(CertificateUnusable, match="does not belong to"):
        authority.issue("ledger", [])


def test_an_authority_that_was_killed_while_it_was_made_is_completed(
    authority: Authority, folder: Path
) -> None:
    issued = authority.ensure("ledger", [])
    (folder / "ca.pem").unlink()
    again = authority.ensure("ledger", [])
    assert again.is_signed()
    assert again.certificate == issued.certificate
