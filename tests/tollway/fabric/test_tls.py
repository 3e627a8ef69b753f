"""The authority: what it writes, who may read it, and when a certificate is made anew."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from tests.kit.clock import FakeClock
from tollway.fabric import tls
from tollway.fabric.tls import CertificateUnusable
from tollway.kit.times import DAY_US


@pytest.fixture
def folder(tmp_path: Path, clock: FakeClock) -> Path:
    tls.make_ca(tmp_path / "certs", clock)
    return tmp_path / "certs"


def names(identity: tls.CertificateIdentity) -> x509.SubjectAlternativeName:
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_certificate_names_the_service_its_hosts_and_its_spiffe_id(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "ledger", ["localhost", "127.0.0.1", "::1"], clock)
    found = names(tls.load(folder, "ledger"))
    assert found.get_values_for_type(x509.DNSName) == ["ledger", "localhost"]
    assert [str(ip) for ip in found.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert found.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://tollway/ledger"]


def test_it_serves_at_both_ends_and_signs_nothing(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "ledger", [], clock)
    leaf = x509.load_pem_x509_certificate(tls.load(folder, "ledger").certificate)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_strict_verifier_accepts_the_chain_and_refuses_another_authority(
    folder: Path, clock: FakeClock, tmp_path: Path
) -> None:
    identity = tls.ensure(folder, "ledger", ["ledger.internal"], clock)
    stranger = tls.ensure(tmp_path / "other", "ledger", ["ledger.internal"], clock)
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


def test_only_the_owner_reads_the_files(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "ledger", [], clock)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o600, "ledger.pem": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_authority_does_not_replace_the_first(folder: Path, clock: FakeClock) -> None:
    before = (folder / "ca.pem").read_bytes()
    with pytest.raises(CertificateUnusable, match="already"):
        tls.make_ca(folder, clock)
    assert (folder / "ca.pem").read_bytes() == before


def test_expiry_is_told_with_what_to_do(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "ledger", [], clock, days=30)
    identity = tls.load(folder, "ledger")
    identity.check(clock.now_us())
    identity.check(clock.now_us() + 30 * DAY_US - 1)
    with pytest.raises(CertificateUnusable, match=r"ledger expired at 2026-12-.*; issue a new one"):
        identity.check(clock.now_us() + 30 * DAY_US)
    with pytest.raises(CertificateUnusable, match="check this clock"):
        identity.check(clock.now_us() - DAY_US)


def test_ensure_issues_once_then_renews_at_two_thirds_of_the_life(folder: Path, clock: FakeClock) -> None:
    first = tls.ensure(folder, "ledger", ["localhost"], clock, days=30)
    clock.advance(19 * 86_400)
    assert tls.ensure(folder, "ledger", ["localhost"], clock, days=30) == first
    clock.advance(2 * 86_400)
    renewed = tls.ensure(folder, "ledger", ["localhost"], clock, days=30)
    assert renewed.not_after_us > first.not_after_us
    assert renewed.key != first.key


def test_ensure_issues_again_for_a_new_host(folder: Path, clock: FakeClock) -> None:
    first = tls.ensure(folder, "ledger", ["localhost"], clock)
    second = tls.ensure(folder, "ledger", ["localhost", "10.0.0.7"], clock)
    assert first != second
    assert "10.0.0.7" in [str(ip) for ip in names(second).get_values_for_type(x509.IPAddress)]


def test_ensure_makes_the_authority_when_there_is_none(tmp_path: Path, clock: FakeClock) -> None:
    assert tls.ensure(tmp_path / "new", "ledger", [], clock).service == "ledger"


def test_a_renewal_changes_the_version(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "ledger", [], clock)
    before = tls.version(folder, "ledger")
    assert tls.version(folder, "ledger") == before
    tls.issue(folder, "ledger", [], clock)
    assert tls.version(folder, "ledger") != before


def test_a_missing_or_damaged_file_says_what_to_do(folder: Path, clock: FakeClock) -> None:
    with pytest.raises(CertificateUnusable, match=r"orders\.pem: .*`tollway certs`"):
        tls.load(folder, "orders")
    (folder / "orders.pem").write_text("rubbish")
    with pytest.raises(CertificateUnusable, match=r"orders\.pem is damaged"):
        tls.load(folder, "orders")
    (folder / "ca.key").unlink()
    with pytest.raises(CertificateUnusable, match="where the authority lives"):
        tls.issue(folder, "ledger", [], clock)


def test_a_damaged_authority_is_named(folder: Path, clock: FakeClock) -> None:
    tls.issue(folder, "orders", [], clock)
    (folder / "ca.pem").write_text("rubbish")
    with pytest.raises(CertificateUnusable, match=r"ca\.pem is damaged"):
        tls.load(folder, "orders")
