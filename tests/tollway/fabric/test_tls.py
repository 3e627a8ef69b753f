"""Certificates as a serving process reads them."""

from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tollway.cli.authority import Authority
from tollway.fabric import tls
from tollway.fabric.tls import CertificateUnusable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def authority(tmp_path: Path, folder: Path, clock: FakeClock) -> Authority:
    made = Authority(tmp_path / "authority", folder, clock)
    made.make()
    return made


def test_a_renewal_changes_the_version(folder: Path, authority: Authority) -> None:
    authority.issue("ledger", [])
    before = tls.version(folder, "ledger")
    assert tls.version(folder, "ledger") == before
    authority.issue("ledger", [])
    assert tls.version(folder, "ledger") != before


def test_a_missing_or_damaged_file_says_what_to_do(folder: Path, authority: Authority) -> None:
    with pytest.raises(CertificateUnusable, match=r"orders\.pem: .*tollway certs --service orders"):
        tls.load(folder, "orders")
    (folder / "orders.pem").write_text("rubbish")
    with pytest.raises(CertificateUnusable, match=r"orders\.pem is damaged"):
        tls.load(folder, "orders")


def test_a_damaged_authority_is_named(folder: Path, authority: Authority) -> None:
    authority.issue("orders", [])
    (folder / "ca.pem").write_text("rubbish")
    with pytest.raises(CertificateUnusable, match=r"ca\.pem is damaged"):
        tls.load(folder, "orders")
