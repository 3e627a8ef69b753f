"""Exports of people's own data: one at a time, made once whatever interrupts, sealed, and over after some days."""

import asyncio
import io
import json
import re
import threading
import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed
from tests.kit.rest import rest
from tests.kit.tokens import OTHER, USER
from tests.tollway.services.users.conftest import UsersSetup
from tollway.contracts.events import ExportReady
from tollway.fabric.blobs.folder import FolderBlobs
from tollway.fabric.db import tables
from tollway.kit.errors import Conflict, NotFound
from tollway.services.users import store
from tollway.services.users.http import router
from tollway.services.users.jobs import JOBS, delete_expired, erase_user
from tollway.services.users.service import Users, archive, exports

DAY_S = 86_400


def names(data: bytes) -> list[str]:
    return sorted(zipfile.ZipFile(io.BytesIO(data)).namelist())


def text(data: bytes, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(data)).read(name).decode()


async def read(service: Users, user_id: str, export_id: str) -> bytes:
    size, pieces = await service.exports.open(user_id, export_id)
    data = b"".join([piece async for piece in pieces])
    assert len(data) == size
    return data


async def ready(setup: UsersSetup) -> int:
    async with setup.db.snapshot() as tx:
        counted = select(func.count()).select_from(tables.outbox)
        return await tx.scalar(counted.where(tables.outbox.c.type == ExportReady.topic)) or 0


async def test_a_zip_holds_every_table_twice_and_says_what_is_what(service: Users) -> None:
    asked = await service.exports.request(USER)
    with pytest.raises(NotFound):
        await read(service, USER, asked.id)
    await service.exports.make(asked.id)
    data = await read(service, USER, asked.id)
    assert names(data) == [
        "README.txt",
        "books/bills.csv",
        "books/bills.json",
        "books/notes.csv",
        "books/notes.json",
    ]
    assert text(data, "books/notes.csv") == f"note\r\n'=1+1\r\n{USER}\r\n", "a formula is no formula any more"
    assert '"note": "=1+1"' in text(data, "books/notes.json")
    assert "books/notes: 2 rows. Notes." in text(data, "README.txt")
    assert USER in text(data, "README.txt")


async def test_others_are_served_while_a_table_is_packed(
    service: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of years of connections takes seconds to pack: not on the thread that serves everybody."""
    threads = list[int]()

    def watched(name: str, rows: Sequence[dict[str, str]], offset: int) -> archive.Packed:
        threads.append(threading.get_ident())
        return archive.pack(name, rows, offset)

    monkeypatch.setattr(exports, "pack", watched)
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_one_at_a_time_for_each_and_nobody_gets_anothers(service: Users) -> None:
    asked = await service.exports.request(USER)
    with pytest.raises(Conflict):
        await service.exports.request(USER)
    await service.exports.request(OTHER)
    await service.exports.make(asked.id)
    await service.exports.request(USER)
    for stranger, wanted in ((OTHER, asked.id), (USER, "exp_nonsense")):
        with pytest.raises(NotFound):
            await read(service, stranger, wanted)


async def test_the_file_lies_sealed_and_goes_when_its_days_are_over(
    service: Users, setup: UsersSetup, clock: FakeClock, tmp_path: Path
) -> None:
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    keys = await setup.blobs.keys("exports/")
    assert len(keys) == 3
    for key in keys:
        sealed = await setup.blobs.read(key)
        assert b"PK" not in sealed[:64]
        assert b"note" not in sealed
    clock.advance(7 * DAY_S - 1)
    assert await read(service, USER, asked.id)
    clock.advance(1)
    with pytest.raises(NotFound):
        await read(service, USER, asked.id)
    await delete_expired(service)
    assert await setup.blobs.keys("exports/") == []
    assert await service.exports.list(USER) == []


async def test_one_that_never_became_ready_is_given_up(service: Users, clock: FakeClock) -> None:
    await service.exports.request(USER)
    clock.advance(3 * 3600)
    await delete_expired(service)
    await service.exports.request(USER)


async def test_who_has_left_leaves_no_file(service: Users, setup: UsersSetup) -> None:
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    await erase_user(service, {"user_id": USER})
    assert await setup.blobs.keys("exports/") == []


async def test_who_leaves_while_their_file_is_made_leaves_none(setup: UsersSetup, tmp_path: Path) -> None:
    """The row goes between the file's writing and its note, at once and after the process was killed there."""
    service = setup.replica()

    class ErasedMeanwhile(FolderBlobs):
        async def put(self, key: str, data: bytes) -> None:
            await erase_user(service, {"user_id": USER})
            await super().put(key, data)

    setup.blobs = ErasedMeanwhile(tmp_path / "blobs")
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    assert await setup.blobs.keys("exports/") == []
    asked = await service.exports.request(USER)
    with pytest.raises(Killed):
        await setup.replica(Fate(1)).exports.make(asked.id)
    assert len(await setup.blobs.keys("exports/")) == 1
    await service.exports.make(asked.id)
    assert await setup.blobs.keys("exports/") == []


async def test_a_part_that_is_kept_while_the_files_are_deleted_leaves_none(
    setup: UsersSetup, tmp_path: Path
) -> None:
    """The last part comes when the files have been listed: no later attempt would find what it left."""
    service = setup.replica()

    class KeptMeanwhile(FolderBlobs):
        asked = ""

        async def keys(self, prefix: str) -> Sequence[str]:
            found = await super().keys(prefix)
            asked, self.asked = self.asked, ""
            if asked:
                await service.exports.make(asked)
            return found

    setup.blobs = blobs = KeptMeanwhile(tmp_path / "blobs")
    blobs.asked = (await service.exports.request(USER)).id
    await erase_user(service, {"user_id": USER})
    assert await blobs.keys("exports/") == []


async def test_files_whose_row_is_gone_go_also_when_the_process_is_killed_between(setup: UsersSetup) -> None:
    service = setup.replica()
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    with pytest.raises(Killed):
        await erase_user(setup.replica(Fate(1)), {"user_id": USER})
    assert await service.exports.list(USER) == []
    async with setup.db.snapshot() as tx:
        jobs = await tx.all(select(tables.job).order_by(tables.job.c.id))
    for job in jobs:
        await JOBS[job.kind](service, job.payload)
    assert await setup.blobs.keys("exports/") == []


@pytest.mark.parametrize("survives", range(10))
async def test_a_kill_at_any_point_costs_one_part_and_makes_one_whole_export(
    setup: UsersSetup, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    monkeypatch.setattr(exports, "PART_ROWS", 1_000)
    setup.neighbour.more = 3_000
    service = setup.replica()
    asked = await service.exports.request(USER)
    with pytest.raises(Killed):
        await setup.replica(Fate(survives)).exports.make(asked.id)
    before = setup.neighbour.pages
    for _ in range(2):
        await service.exports.make(asked.id)
    assert setup.neighbour.pages - before <= 9 - 2 * (survives // 2) + exports.PART_ROWS // 500
    assert await ready(setup) == 1
    whole(await read(service, USER, asked.id), notes=3_002)
    await erase_user(service, {"user_id": USER})
    assert await setup.blobs.keys("exports/") == []


def whole(data: bytes, notes: int) -> None:
    """Check that a file has each note once, in its order, and that its parts fit."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        found = [
            row["note"]
            for name in sorted(file.namelist(), key=_number)
            if name.startswith("books/notes") and name.endswith(".json")
            for row in json.loads(file.read(name))
        ]
        assert f"books/notes: {notes} rows. Notes." in file.read("README.txt").decode()
    assert found[:2] == ["=1+1", USER]
    assert [note.split(" ")[1] for note in found[2:]] == [str(n) for n in range(notes - 2)]


def _number(name: str) -> int:
    found = re.search(r"-(\d+)\.", name)
    return int(found[1]) if found else 1


async def test_a_long_history_takes_many_jobs_each_of_which_goes_on(
    setup: UsersSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt has so many seconds; what it did not do is left to the next, and nothing is read twice."""
    monkeypatch.setattr(exports, "PART_ROWS", 1_000)
    monkeypatch.setattr(exports, "ATTEMPT_S", 0.0)
    setup.neighbour.more = 5_000
    service = setup.replica()
    asked = await service.exports.request(USER)
    jobs = 0
    while (await service.exports.list(USER))[0].state == "working":
        await service.exports.make(asked.id)
        jobs += 1
        async with setup.db.snapshot() as tx:
            waiting = await tx.scalar(select(func.count()).select_from(tables.job))
        state = (await service.exports.list(USER))[0].state
        assert waiting == jobs + (state == "working"), "each leaves the next, and the last leaves none"
    assert jobs >= 5
    whole(await read(service, USER, asked.id), notes=5_002)
    assert await ready(setup) == 1


async def test_two_attempts_at_once_make_one_export(
    setup: UsersSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the lease of a job has run out while its first worker still works."""
    monkeypatch.setattr(exports, "PART_ROWS", 500)
    setup.neighbour.more = 4_000
    service = setup.replica()
    asked = await service.exports.request(USER)
    await asyncio.gather(*(setup.replica().exports.make(asked.id) for _ in range(3)))
    await service.exports.make(asked.id)
    whole(await read(service, USER, asked.id), notes=4_002)
    assert await ready(setup) == 1
    async with setup.db.snapshot() as tx:
        kept = {part.key for part in await store.parts_of(tx, asked.id)}
    assert set(await setup.blobs.keys("exports/")) == kept


async def test_memory_does_not_grow_with_the_history(
    setup: UsersSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PART_ROWS", 2_000)
    service = setup.replica()
    peaks: list[int] = []
    for more in (5_000, 40_000):
        setup.neighbour.more = more
        asked = await service.exports.request(USER)
        tracemalloc.start()
        while (await service.exports.list(USER))[0].state == "working":
            await service.exports.make(asked.id)
        size, pieces = await service.exports.open(USER, asked.id)
        read_bytes = 0
        async for piece in pieces:
            read_bytes += len(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert read_bytes == size
    assert peaks[1] < 1.5 * peaks[0] < 30_000_000, peaks


async def test_one_that_goes_on_is_not_given_up(
    setup: UsersSetup, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PART_ROWS", 1_000)
    monkeypatch.setattr(exports, "ATTEMPT_S", 0.0)
    setup.neighbour.more = 5_000
    service = setup.replica()
    asked = await service.exports.request(USER)
    for _ in range(3):
        clock.advance(3_600)
        await service.exports.make(asked.id)
        await delete_expired(service)
    assert [one.id for one in await service.exports.list(USER)] == [asked.id]
    clock.advance(3 * 3_600)
    await delete_expired(service)
    assert await service.exports.list(USER) == []
    assert await setup.blobs.keys("exports/") == []


async def test_over_rest(service: Users) -> None:
    client = rest(router(service))
    asked = await client.post("/api/account/export", None, USER)
    assert (asked.status, asked.json["state"], asked.json["expires_at"]) == (202, "working", None)
    assert (await client.post("/api/account/export", None, USER)).status == 409
    await service.exports.make(asked.json["id"])
    (one,) = (await client.get("/api/account/exports", USER)).json["items"]
    assert (one["id"], one["state"]) == (asked.json["id"], "ready")
    assert one["size_bytes"] > 100
    assert (await client.get("/api/account/exports", OTHER)).json["items"] == []
    path = f"/api/account/exports/{one['id']}"
    assert (await client.get(path, OTHER)).status == 404
    given = await client.get(path, USER)
    assert (given.status, given.headers["content-type"]) == (200, "application/zip")
    assert "README.txt" in names(given.body)
