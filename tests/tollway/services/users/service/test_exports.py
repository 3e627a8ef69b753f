"""Exports of people's own data: one at a time, made once whatever interrupts, sealed, and over after some days."""

import io
import threading
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
from tollway.services.users.http import router
from tollway.services.users.jobs import delete_expired, erase_user
from tollway.services.users.service import Users
from tollway.services.users.service.archive import Archive

DAY_S = 86_400


def names(data: bytes) -> list[str]:
    return sorted(zipfile.ZipFile(io.BytesIO(data)).namelist())


def text(data: bytes, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(data)).read(name).decode()


async def ready(setup: UsersSetup) -> int:
    async with setup.db.snapshot() as tx:
        counted = select(func.count()).select_from(tables.outbox)
        return await tx.scalar(counted.where(tables.outbox.c.type == ExportReady.topic)) or 0


async def test_a_zip_holds_every_table_twice_and_says_what_is_what(service: Users) -> None:
    asked = await service.exports.request(USER)
    with pytest.raises(NotFound):
        await service.exports.read(USER, asked.id)
    await service.exports.make(asked.id)
    data = await service.exports.read(USER, asked.id)
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
    pack = Archive.add

    def add(self: Archive, service: str, table: str, purpose: str, rows: Sequence[dict[str, str]]) -> None:
        threads.append(threading.get_ident())
        pack(self, service, table, purpose, rows)

    monkeypatch.setattr(Archive, "add", add)
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
            await service.exports.read(stranger, wanted)


async def test_the_file_lies_sealed_and_goes_when_its_days_are_over(
    service: Users, setup: UsersSetup, clock: FakeClock, tmp_path: Path
) -> None:
    asked = await service.exports.request(USER)
    await service.exports.make(asked.id)
    (key,) = await setup.blobs.keys("exports/")
    assert b"PK" not in (await setup.blobs.read(key))[:64]
    clock.advance(7 * DAY_S - 1)
    assert await service.exports.read(USER, asked.id)
    clock.advance(1)
    with pytest.raises(NotFound):
        await service.exports.read(USER, asked.id)
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


@pytest.mark.parametrize("survives", range(2))
async def test_a_kill_at_any_point_makes_one_export(setup: UsersSetup, survives: int) -> None:
    service = setup.replica()
    asked = await service.exports.request(USER)
    with pytest.raises(Killed):
        await setup.replica(Fate(survives)).exports.make(asked.id)
    for _ in range(2):
        await service.exports.make(asked.id)
    assert await ready(setup) == 1
    assert len(await setup.blobs.keys("exports/")) == 1
    assert names(await service.exports.read(USER, asked.id))


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
