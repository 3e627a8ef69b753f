"""Lines written many at a time."""

import json
from pathlib import Path

import pytest

from tollway.fabric.batched_log import BatchedJsonLog


def log_to(target: str) -> BatchedJsonLog[str]:
    return BatchedJsonLog(target, logger="tollway.test", event="ended", fields=lambda name: {"name": name})


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_becomes_a_line_at_the_next_flush(tmp_path: Path) -> None:
    log = log_to(str(tmp_path / "log"))
    log.open()
    log.add(1_790_000_000_000_001, 'a","level":"error')
    log.add(1_790_000_001_500_000, "b")
    assert read(tmp_path / "log") == []
    log.flush()
    assert read(tmp_path / "log") == [
        {
            "timestamp": "2026-09-21T14:13:20.000001Z",
            "level": "info",
            "logger": "tollway.test",
            "event": "ended",
            "name": 'a","level":"error',
        },
        {
            "timestamp": "2026-09-21T14:13:21.500000Z",
            "level": "info",
            "logger": "tollway.test",
            "event": "ended",
            "name": "b",
        },
    ]
    log.add(1_790_000_001_500_000, "c")
    log.close()
    assert [line["name"] for line in read(tmp_path / "log")][2:] == ["c"]


def test_off_is_off(tmp_path: Path) -> None:
    log = log_to("off")
    log.open()
    log.close()
    assert (log.enabled, list(tmp_path.iterdir())) == (False, [])


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        log_to(str(tmp_path / "missing" / "log")).open()


def test_lines_that_a_full_disk_refuses_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_to("stderr")
    with Path("/dev/full").open("w") as full, (tmp_path / "log").open("w") as roomy:
        monkeypatch.setattr("sys.stderr", full)
        log.add(0, "lost")
        log.add(0, "lost too")
        log.flush()
        monkeypatch.setattr("sys.stderr", roomy)
        log.add(0, "heard")
        log.flush()
    assert [line["event"] for line in read(tmp_path / "log")] == ["2 lines were lost", "ended"]
