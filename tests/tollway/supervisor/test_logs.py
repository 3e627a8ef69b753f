"""The logs of kept processes stay short."""

from pathlib import Path

from tollway.supervisor.logs import shorten


def test_a_long_log_is_cut_while_somebody_writes_it(tmp_path: Path) -> None:
    log = tmp_path / "edge-0.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        shorten(log, limit_bytes=100)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert log.with_suffix(".old.log").read_bytes() == b"old\n" * 100


def test_a_short_log_and_one_that_is_not_there_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "business.log"
    shorten(log, limit_bytes=100)
    log.write_bytes(b"said\n")
    shorten(log, limit_bytes=100)
    assert [path.name for path in tmp_path.iterdir()] == ["business.log"]
