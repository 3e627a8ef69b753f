"""What `tollway up` looks at before it starts anything."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tollway.cli.up import _data_folder
from tollway.settings import load

Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 2_000_000, 2_000_000))
    with pytest.raises(SystemExit) as ended:
        _data_folder(load({"data": str(tmp_path)}))
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
        _data_folder(load({"data": str(deep)}))
    assert "too long for Unix sockets" in capsys.readouterr().err
