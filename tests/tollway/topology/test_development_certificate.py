"""The certificate that a development edge makes for its proxy over TLS."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from tests.kit.clock import FakeClock
from tollway.topology.development_certificate import ensure_certificate

NOW_US = int(datetime(2026, 11, 29, tzinfo=UTC).timestamp()) * 1_000_000


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_it_is_made_once_for_its_user_alone_and_can_be_served_and_trusted(tmp_path: Path):
    path, clock = tmp_path / "edge" / "https-proxy.pem", FakeClock(NOW_US)
    ensure_certificate(path, ["localhost", "127.0.0.1", "", "localhost"], clock)
    first = serial(path)
    ensure_certificate(path, ["localhost"], clock)
    assert serial(path) == first
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in path.parent.iterdir()] == ["https-proxy.pem"]
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path)
    assert ssl.create_default_context(cafile=path).cert_store_stats()["x509"] == 1


def test_it_is_made_anew_when_it_grows_old_lacks_a_host_or_is_damaged(tmp_path: Path):
    path, clock = tmp_path / "https-proxy.pem", FakeClock(NOW_US)
    ensure_certificate(path, ["localhost"], clock)
    seen = [serial(path)]
    ensure_certificate(path, ["localhost", "proxy.example"], clock)
    seen.append(serial(path))
    clock.advance(270 * 86_400)
    ensure_certificate(path, ["localhost", "proxy.example"], clock)
    seen.append(serial(path))
    path.write_bytes(b"rubbish")
    ensure_certificate(path, ["localhost"], clock)
    seen.append(serial(path))
    assert len(set(seen)) == 4
