"""`tollway verify` only reads: it makes no secret for books that were signed with another."""

from pathlib import Path

from tests.kit.platform import command


def test_without_the_master_key_it_says_so_and_makes_none(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "ledger.db").touch()
    ended = command("verify", "--data", str(tmp_path))
    assert ended.returncode == 2
    assert "master.key" in ended.stderr
    assert not (tmp_path / "secrets" / "master.key").exists()
