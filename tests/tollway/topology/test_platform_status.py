"""The state of the platform: as each process says it, and as it is when one says nothing."""

import asyncio
import itertools
import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.kit.clock import FakeMonotonic
from tollway.fabric.admin import AdminServer
from tollway.settings import load
from tollway.topology.platform_status import FRESH_S, PlatformStatus, disk_state

Usage = namedtuple("Usage", "total used free")


def parts(status: PlatformStatus) -> dict[str, str]:
    """Return the state of the processes; the disk of this machine is not theirs."""
    return {name: state for name, state in status.components().items() if name != "disk"}


async def test_an_edge_that_lives_but_cannot_serve_is_not_well(tmp_path: Path):
    states = {"edge": "ok"}
    server = AdminServer("127.0.0.1:0", lambda: states)
    await server.start()
    (tmp_path / "tollway.toml").write_text(f'[network.admin]\n"edge-0" = "127.0.0.1:{server.port}"\n')
    settings = load({"data": str(tmp_path)}).settings
    time = FakeMonotonic()
    status = PlatformStatus(settings, {}, time)
    await status.start()
    try:
        assert parts(status) == {"edge-0": "ok"}
        states["edge"] = "no answer from the access service"
        await status.refresh()
        assert parts(status) == {"edge-0": "ok"}, "asked again within the second"
        time.advance(FRESH_S)
        await status.refresh()
        assert parts(status) == {"edge-0": "no answer from the access service"}
    finally:
        await server.stop()
    time.advance(FRESH_S)
    await status.refresh()
    assert parts(status) == {"edge-0": "does not answer"}
    await status.stop()


async def test_one_that_takes_the_question_and_says_nothing_does_not_answer(tmp_path: Path):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = load({"data": str(tmp_path)}).settings
    status = PlatformStatus(settings, {"orders": address})
    await status.start()
    assert parts(status) == {"orders": "does not answer"}
    await status.stop()
    server.close()


async def test_an_edge_of_this_machine_without_an_address_is_known_by_its_note(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "edge-0.ready").write_text('{"pid": 1}')
    (tmp_path / "run" / "edge-1.ready").write_text("{}")
    status = PlatformStatus(load({"data": str(tmp_path)}).settings, {})
    found = parts(status)
    assert set(found) == {"edge-0", "edge-1"}
    assert found["edge-1"] == "down"


async def test_a_disk_without_space_is_named_to_everybody_and_the_folder_to_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    status = PlatformStatus(load({"data": str(tmp_path)}).settings, {})
    assert status.components()["disk"] == "ok"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**6, 10**6))
    assert status.components()["disk"] == "full"
    assert str(tmp_path) not in "".join(status.components().values())
    assert f"only 1 MB are free in {tmp_path}" in status.page()[2].decode()


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("making a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def no_bytes(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(65_536)):
            pass


def no_inodes(folder: Path) -> None:
    with suppress(OSError):
        for number in itertools.count():
            (folder / f"file-{number}").touch()


def for_reading(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@pytest.mark.parametrize("part", ["", "services", "run", "logs"])
@pytest.mark.parametrize(
    ("options", "spoil", "named", "cure"),
    [
        ("size=16m", no_bytes, "full", "free some space"),
        ("size=16m,nr_inodes=16", no_inodes, "full", "free some space"),
        ("size=16m", for_reading, "not writable", "see that this user may write there"),
    ],
    ids=["no bytes", "no inodes", "for reading only"],
)
def test_whatever_keeps_the_platform_from_storing_is_said_and_goes_away(
    tmp_path: Path, part: str, options: str, spoil: Callable[[Path], None], named: str, cure: str
) -> None:
    data, now = tmp_path / "data", itertools.count(0, 10)
    data.mkdir()
    with small_disk(data / part, options):
        status = PlatformStatus(load({"data": str(data)}).settings, {}, monotonic=lambda: float(next(now)))
        assert (status.components()["disk"], disk_state(data)) == ("ok", "ok")
        spoil(data / part)
        assert status.components()["disk"] == named
        said = status.page()[2].decode()
        assert "Something needs attention" in said
        assert cure in said
        assert str(data / part) in disk_state(data)
    assert status.components()["disk"] == "ok", "there is another disk below it"
    assert not list(data.rglob(".probe*"))


async def test_nobody_is_asked_while_nobody_looks_and_once_for_all_who_look_together(tmp_path: Path):
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"parts": {"orders.work": "ready"}}')
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    time = FakeMonotonic()
    status = PlatformStatus(
        load({"data": str(tmp_path)}).settings, {"orders": address, "payments": address}, time
    )
    await status.start()
    assert asked == 1
    time.advance(3600)
    await asyncio.gather(*(status.refresh() for _ in range(10)))
    assert asked == 2
    assert parts(status) == {"orders": "ok", "payments": "starting"}
    await status.stop()
    server.close()
