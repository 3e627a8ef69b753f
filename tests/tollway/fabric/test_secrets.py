"""One master secret, a key per purpose."""

import stat
from pathlib import Path

import pytest

from tollway.fabric.secrets import Secrets, load_or_make


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
