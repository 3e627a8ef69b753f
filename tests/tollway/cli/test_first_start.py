"""What a folder needs before processes start in it."""

import json
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from tests.kit.platform import command
from tollway.cli.first_start import check_folder, operator
from tollway.cli.plan import make_plan
from tollway.cli.up import ready_lines
from tollway.settings import load

Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 2_000_000, 2_000_000))
    with pytest.raises(SystemExit) as ended:
        check_folder(tmp_path)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "only 2 MB are free" in said
    assert "--data" in said


def test_a_path_too_long_for_sockets_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with pytest.raises(SystemExit):
        check_folder(deep)
    assert "too long for Unix sockets" in capsys.readouterr().err


def test_the_data_folder_is_made_for_the_owner_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("up") / "new" / "data"
    check_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_folders_that_others_could_read_are_closed(tmp_path: Path) -> None:
    for name in ("logs", "run", "secrets"):
        (tmp_path / name).mkdir(mode=0o755)
    check_folder(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o700}


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    check_folder(tmp_path)
    (tmp_path / "secrets" / "operator.new").write_text('{"email": "a')
    made = operator(load({"data": str(tmp_path)}))
    assert made == operator(load({"data": str(tmp_path)}))
    assert json.loads((tmp_path / "secrets" / "operator.json").read_text()) == made


def test_a_damaged_operator_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "operator.json").write_text("{")
    ended = command("up", "--data", str(tmp_path), "--port-base", "0")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "operator.json is damaged" in ended.stderr


def test_a_lost_master_key_is_not_made_anew(tmp_path: Path) -> None:
    for name in ("secrets/operator.json", "services/tokens.db"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    ended = command("up", "--data", str(tmp_path), "--port-base", "0")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "master.key is missing" in ended.stderr
    assert not (tmp_path / "secrets" / "master.key").exists()


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "logs").mkdir(mode=0o755)
    check_folder(tmp_path)
    for folder in (tmp_path, *(tmp_path / name for name in ("logs", "run", "secrets"))):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_the_first_password_is_shown_in_a_terminal_on_the_first_start_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, {}, port_base=8000, workers=1, split=False)
    known = {
        **plan.addresses,
        "data": str(tmp_path),
        "noted_heads": "",
        "split": False,
        "operator": {"email": "operator@tollway.example"},
    }
    for first, terminal in ((True, True), (True, False), (False, True), (False, False)):
        monkeypatch.setattr("sys.stdout.isatty", lambda shown=terminal: shown)
        password = "the first one" if first else ""
        lines = "\n".join(ready_lines(known, loaded, password))
        assert ("the first one" in lines) == (first and terminal)
