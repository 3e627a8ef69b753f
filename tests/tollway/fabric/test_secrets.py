"""One master secret, a key per purpose."""

import stat
from pathlib import Path

import pytest

from tollway.fabric.secrets import SealBroken, Sealer, Secrets, load_or_make


def test_the_file_is_made_once_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "master.key"
    first, again = load_or_make(path, ""), load_or_make(path, "")
    assert first.key("a") == again.key("a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_purposes_do_not_share_a_key() -> None:
    secrets = Secrets(bytes(32))
    assert secrets.key("a") != secrets.key("b")
    assert len(secrets.key("a")) == 32


def test_a_configured_secret_wins(tmp_path: Path) -> None:
    secrets = load_or_make(tmp_path / "unused", "00" * 32)
    assert secrets.key("a") == Secrets(bytes(32)).key("a")
    assert not (tmp_path / "unused").exists()


def test_a_short_secret_is_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        Secrets(b"short")


# ── secrets at rest ─────────────────────────────────────────────────────────────────────────────────


def test_a_sealed_secret_opens_in_its_own_context_only() -> None:
    sealer = Sealer(Secrets(bytes(32)).key("test"))
    sealed = sealer.seal(b"the secret", "row 1")
    assert sealer.open(sealed, "row 1") == b"the secret"
    assert b"the secret" not in sealed
    assert sealer.seal(b"the secret", "row 1") != sealed, "every seal has a nonce of its own"
    with pytest.raises(SealBroken, match="belongs to something else"):
        sealer.open(sealed, "row 2")


def test_another_key_is_told_apart_from_damage() -> None:
    sealer, other = Sealer(bytes(32)), Sealer(bytes([1]) * 32)
    sealed = sealer.seal(b"the secret", "row 1")
    with pytest.raises(SealBroken, match="another key"):
        other.open(sealed, "row 1")
    for at in range(4, len(sealed)):
        damaged = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(SealBroken, match="damaged"):
            sealer.open(damaged, "row 1")
    for short in (b"", sealed[:4], sealed[:16], sealed[:20]):
        with pytest.raises(SealBroken):
            sealer.open(short, "row 1")
