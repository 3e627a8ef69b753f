"""The meter file: slots that outlive the process, and an edge that is killed and comes back."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from tests.kit import edge_process
from tests.kit.edges import Client, Forwarder, Origin, flood
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.edge import meter_file
from tollway.edge.meter_file import MeterFile, MeterFileError, SlotState

CALL_BYTES = 1024 * 1024  # the most that one system call moves


def opened(path: Path) -> MeterFile:
    meter = MeterFile(path)
    meter.open(1_000)
    return meter


def test_what_was_written_is_there_after_the_process(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    slot = meter.claim()
    slot.write_identity("flw_1", "res_1", "crd_1", "socks5", "192.0.2.7:4711")
    slot.target = "example.com:443"
    slot.lease = "hld_1"
    slot[meter_file.STATE] = SlotState.FLOW_OPEN
    slot.words[slot.at + meter_file.INPUT] += 123
    slot.words[slot.at + meter_file.OUTPUT] += 2**40
    meter.note_alive(7_000)
    meter.sync()
    meter.close()

    again = MeterFile(tmp_path / "x.meter")
    assert again.open(9_000) == 7_000
    (found,) = again.used()
    assert found.read_identity() == ("flw_1", "res_1", "crd_1", "socks5", "192.0.2.7:4711")
    assert (found.target, found.lease) == ("example.com:443", "hld_1")
    assert (found[meter_file.STATE], found[meter_file.INPUT], found[meter_file.OUTPUT]) == (
        SlotState.FLOW_OPEN,
        123,
        2**40,
    )
    again.close()


def test_growing_moves_no_slot(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    slots = [meter.claim() for _ in range(5_000)]
    for number, slot in enumerate(slots):
        slot[meter_file.STATE] = SlotState.FLOW_OPEN
        slot[meter_file.INPUT] = number
    assert [slot[meter_file.INPUT] for slot in slots] == list(range(5_000))
    assert len({slot.number for slot in slots}) == 5_000
    meter.close()
    again = opened(tmp_path / "x.meter")
    assert sorted(slot[meter_file.INPUT] for slot in again.used()) == list(range(5_000))
    again.close()


def test_a_freed_slot_is_blank_and_used_again(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    slot = meter.claim()
    slot.write_identity("flw_1", "res_1", "crd_1", "http", "client")
    slot[meter_file.OUTPUT] = 5
    meter.free(slot)
    again = meter.claim()
    assert again.number == slot.number
    assert again[meter_file.OUTPUT] == 0
    assert again.target == ""
    assert list(meter.used()) != []
    meter.close()


def test_a_slot_without_a_state_is_free(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    meter.claim().write_identity("flw_1", "res_1", "crd_1", "http", "client")  # killed before the state
    meter.close()
    again = opened(tmp_path / "x.meter")
    assert list(again.used()) == []
    again.close()


def test_a_damaged_identity_is_noticed(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    slot = meter.claim()
    slot.write_identity("flw_1", "res_1", "crd_1", "http", "client")
    assert slot.read_identity() is not None
    slot[meter_file.CHECKSUM] ^= 1
    assert slot.read_identity() is None
    meter.close()


def test_long_and_foreign_texts_are_cut(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    slot = meter.claim()
    slot.target = "ü" * 400
    slot.write_identity("flw_1", "res_1", "crd_1", "http", "[" + "f" * 100 + "]:1")
    assert slot.target.startswith("üüü")
    identity = slot.read_identity()
    assert identity is not None
    assert identity[4] == "[" + "f" * 47
    meter.close()


def test_two_processes_cannot_share_a_book(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    with pytest.raises(MeterFileError, match="in use; give every edge its own node name"):
        MeterFile(tmp_path / "x.meter").open(1)
    meter.close()


@pytest.mark.parametrize("content", [b"not a meter", b"x" * 4096, b"TOLLWAY METER 99" + bytes(4080)])
def test_another_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.meter"
    path.write_bytes(content)
    with pytest.raises(MeterFileError, match="move it away"):
        MeterFile(path).open(1)
    assert path.read_bytes() == content


def test_a_full_disk_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = opened(tmp_path / "x.meter")

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MeterFileError, match="No space left on device"):
        for _ in range(2_000):
            meter.claim()
    meter.close()


def test_a_missing_folder_is_made_and_an_impossible_one_named(tmp_path: Path) -> None:
    opened(tmp_path / "new" / "x.meter").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(MeterFileError, match="cannot open the meter file"):
        MeterFile(tmp_path / "file" / "x.meter").open(1)


async def test_kill_9_in_mid_transfer_loses_nothing(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with (
        edge_process.reachable(access) as where,
        Origin(flood).serving() as origin,
    ):
        first = await edge_process.start(where, tmp_path)
        async with Forwarder(first.http_port).serving() as wire:
            clients = [await Client.connect(wire.port) for _ in range(4)]
            for client in clients:
                await client.send(_connect(origin))
                await client.head()
            received = [asyncio.ensure_future(client.rest()) for client in clients]
            await eventually(lambda: wire.down > 30_000_000, 20)
            await first.kill()
            await asyncio.gather(*received)
            moved = wire.total

        second = await edge_process.start(where, tmp_path)
        await eventually(
            lambda: len(access.usage) == 4 and all(use.stops for use in access.usage.values()), 20
        )
        await eventually(lambda: not access.held())
        assert {use.terminate_cause for use in access.usage.values()} == {"NAS-Reboot"}
        # Nothing that was sent is missing; in the call that was killed the kernel may have taken less than was offered.
        assert 0 <= access.used() - moved <= CALL_BYTES
        assert access.overdrawn == access.shortfall == 0

        # The node works on as if nothing had been, and its next start has nothing to settle.
        client = await Client.connect(second.http_port)
        await client.send(_connect(origin))
        assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        await client.close()
        used = access.used()
        assert await second.end() == 0
        assert access.used() > used
        third = await edge_process.start(where, tmp_path)
        assert await third.end() == 0
        assert all(use.stops == 1 for use in access.usage.values())
        assert access.overdrawn == access.shortfall == 0


async def test_kill_9_while_the_access_service_is_away_is_settled_later_and_once(tmp_path: Path) -> None:
    access = FakeAccess(lose_answers=10**6)  # everything is booked, nothing is acknowledged
    access.add()
    async with edge_process.reachable(access) as where, Origin(flood).serving() as origin:
        edge = await edge_process.start(where, tmp_path)
        async with Forwarder(edge.http_port).serving() as wire:
            client = await Client.connect(wire.port)
            await client.send(_connect(origin))
            receiving = asyncio.ensure_future(client.rest())
            await eventually(lambda: access.reports > 2, 20)
            await edge.kill()
            await receiving
            moved = wire.total
        for _ in range(3):  # killed again while it tries to settle
            edge = await edge_process.start(where, tmp_path)
            reports = access.reports
            await eventually(lambda before=reports: access.reports > before, 20)
            await edge.kill()
        access.lose_answers = 0
        edge = await edge_process.start(where, tmp_path)
        await eventually(lambda: all(use.stops for use in access.usage.values()) and not access.held(), 20)
        assert 0 <= access.used() - moved <= CALL_BYTES
        assert access.overdrawn == access.shortfall == 0
        assert await edge.end() == 0


def _connect(origin: Origin) -> bytes:
    target = f"127.0.0.1:{origin.port}"
    return (
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic YWxpY2U6czNjcmV0\r\n\r\n"
    ).encode()


def test_a_file_that_nobody_uses_needs_no_sync(tmp_path: Path) -> None:
    meter = opened(tmp_path / "x.meter")
    assert not meter.needs_sync
    slot = meter.claim()
    assert meter.needs_sync
    meter.sync()
    assert meter.needs_sync, "its counters may have grown"
    meter.free(slot)
    assert meter.needs_sync, "that it is free is not on the disk"
    meter.sync()
    assert not meter.needs_sync
    meter.close()


def test_a_sync_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = opened(tmp_path / "x.meter")
    meter.free(meter.claim())

    def refuse(_fd: int) -> None:
        raise OSError(errno.EIO, "no disk")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(OSError, match="no disk"):
        meter.sync()
    assert meter.needs_sync
    monkeypatch.undo()
    meter.sync()
    assert not meter.needs_sync
    meter.close()
