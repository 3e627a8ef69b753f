"""All that the platform keeps of somebody, as a file for them: asked for, made by a durable job, kept for some days.

Each service says by itself what it keeps (`Export` of the UserData API); this one gathers it. The file lies sealed in
the blob store, under a key that is derived for exports, and is given to its owner only. It is made and kept in parts:
the memory that it takes does not grow with the history, and what interrupts it costs one part.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tollway.contracts import user_data_pb2
from tollway.contracts.events import ExportReady, ExportRequested
from tollway.contracts.user_data_pb2 import ExportPage
from tollway.fabric.blobs import Blobs
from tollway.fabric.db import Database
from tollway.fabric.secrets import Sealer
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.times import DAY_US, HOUR_US, to_rfc3339
from tollway.services.users import store
from tollway.services.users.model import Export, ExportPart
from tollway.services.users.service.archive import README, finish, pack
from tollway.services.users.settings import UsersSettings

if TYPE_CHECKING:
    from tollway.contracts.user_data_pb2_grpc import UserDataAsyncStub

MAKE_EXPORT = "make_export"
# One of which nothing was made in this time never becomes ready: its job has been parked.
GIVEN_UP_AFTER_US = 2 * HOUR_US
EXPORT_TIMEOUT_S = 40.0
PART_ROWS = 10_000  # of one part, and so in memory
ATTEMPT_S = 15.0  # of one job; the next goes on from there


class Exports:
    """Exports of people's own data: one at a time for each."""

    def __init__(
        self,
        db: Database,
        settings: UsersSettings,
        neighbours: "Mapping[str, UserDataAsyncStub]",
        blobs: Callable[[], Blobs],
        sealer: Sealer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._settings = settings
        self._neighbours = neighbours
        self._blobs = blobs
        self._sealer = sealer
        self._monotonic = monotonic

    async def request(self, user_id: str) -> Export:
        """Have an export made. Raises Conflict while another one is."""
        async with self._db.transaction() as tx:
            new = Export(new_id("exp"), user_id, "working", tx.now_us, 0, 0, 0)
            if not await store.add_export(tx, new):
                raise Conflict("an export is being made already; you get a mail when it is ready")
            tx.publish(ExportRequested(user_id=user_id, export_id=new.id))
            tx.enqueue(MAKE_EXPORT, {"id": new.id}, unique=new.id)
        return new

    async def make(self, export_id: str) -> None:
        """Make an export, or a part of a long one and leave the rest to the next job.

        Nothing to do when it was made. Raises Problem when a service does not answer: what was made stays.
        """
        async with self._db.snapshot() as tx:
            asked = await store.find_export(tx, export_id)
            parts = list(await store.parts_of(tx, export_id))
        if asked is None:
            # Its owner has left, or it was given up: an attempt that was interrupted may have written files.
            await self._delete_files(export_id)
            return
        if asked.state != "working":
            return
        until = self._monotonic() + ATTEMPT_S
        for service in self._left(parts):
            if not await self._gather(asked, parts, service, until):
                return
        await self._finish(asked, parts)

    def _left(self, parts: Sequence[ExportPart]) -> Sequence[str]:
        services = list(self._neighbours)
        return services[services.index(parts[-1].service) :] if parts else services

    async def _gather(self, asked: Export, parts: list[ExportPart], service: str, until: float) -> bool:
        """Gather what one service keeps, in parts; return whether it was all, and the export is still wanted."""
        last = parts[-1] if parts and parts[-1].service == service else None
        request = user_data_pb2.ExportRequest(
            service=service, user_id=asked.user_id, after=last.cursor if last else ""
        )
        page: ExportPage | None = None
        rows: list[dict[str, str]] = []
        answers = self._neighbours[service].Export(request, timeout=EXPORT_TIMEOUT_S)
        async for answer in answers:
            if page is not None and (answer.table != page.table or len(rows) >= PART_ROWS):
                if not await self._keep(asked, parts, service, page, rows):
                    return False
                rows = []
                if self._monotonic() >= until:
                    await self._go_on_later(asked, len(parts))
                    return False
            page = answer
            rows += json.loads(answer.rows_json)
        return page is None or await self._keep(asked, parts, service, page, rows)

    async def _keep(
        self,
        asked: Export,
        parts: list[ExportPart],
        service: str,
        page: ExportPage,
        rows: Sequence[dict[str, str]],
    ) -> bool:
        """Keep rows of a table as the next part; False when the export is gone, or another attempt goes on with it."""
        before = sum(one.service == service and one.table_name == page.table for one in parts)
        name = f"{service}/{page.table}" + (f"-{before + 1}" if before else "")
        offset = sum(one.size_bytes for one in parts)
        packed = await asyncio.to_thread(pack, name, rows, offset)
        part = ExportPart(
            asked.id,
            len(parts),
            # A name of its own for each attempt: one that comes late must not write over what another has kept.
            f"{_folder(asked.id)}{new_id('prt')}",
            len(packed.data),
            service,
            page.table,
            page.purpose,
            len(rows),
            packed.members,
            page.cursor,
            self._db.clock.now_us(),
        )
        await self._put(part, packed.data)
        async with self._db.transaction() as tx:
            kept = await store.add_part(tx, part)
        if not kept:
            await self._blobs().delete(part.key)
            return False
        parts.append(part)
        return True

    async def _go_on_later(self, asked: Export, number: int) -> None:
        async with self._db.transaction() as tx:
            tx.enqueue(MAKE_EXPORT, {"id": asked.id}, unique=f"{asked.id}:{number}")

    async def _finish(self, asked: Export, parts: Sequence[ExportPart]) -> None:
        offset = sum(one.size_bytes for one in parts)
        readme = README.format(
            brand=self._settings.brand,
            user_id=asked.user_id,
            made_at=to_rfc3339(self._db.clock.now_us()),
            tables="\n".join(_tables(parts)),
        )
        members = [member for one in parts for member in one.members]
        data = await asyncio.to_thread(finish, readme, members, offset)
        key = f"{_folder(asked.id)}{new_id('prt')}"
        last = ExportPart(
            asked.id, len(parts), key, len(data), "", "", "", 0, [], "", self._db.clock.now_us()
        )
        await self._put(last, data)
        async with self._db.transaction() as tx:
            expires_at_us = tx.now_us + self._settings.export_kept_days * DAY_US
            kept = await store.add_part(tx, last)
            if kept and await store.finish_export(tx, asked.id, offset + len(data), expires_at_us):
                tx.publish(
                    ExportReady(user_id=asked.user_id, export_id=asked.id, expires_at_us=expires_at_us)
                )
        if not kept:
            await self._blobs().delete(key)

    async def _put(self, part: ExportPart, data: bytes) -> None:
        sealed = await asyncio.to_thread(self._sealer.seal, data, part.key)
        await self._blobs().put(part.key, sealed)

    async def list(self, user_id: str) -> Sequence[Export]:
        """Return a user's exports, newest first."""
        async with self._db.snapshot() as tx:
            return await store.exports_of(tx, user_id)

    async def open(self, user_id: str, export_id: str) -> tuple[int, AsyncIterator[bytes]]:
        """Return the size and the pieces of a user's own export. Raises NotFound also when it is over or not ready.

        The file may go while it is read: then the pieces end with BlobNotFound.
        """
        missing = NotFound("there is no such export, or it is over; ask for a new one")
        if not is_id("exp", export_id):
            raise missing
        async with self._db.snapshot() as tx:
            found = await store.find_export(tx, export_id)
            keys = [part.key for part in await store.parts_of(tx, export_id)]
        if found is None or found.user_id != user_id or found.state != "ready" or not keys:
            raise missing
        if found.expires_at_us <= self._db.clock.now_us():
            raise missing
        return found.size_bytes, self._pieces(keys)

    async def _pieces(self, keys: Sequence[str]) -> AsyncIterator[bytes]:
        for key in keys:
            sealed = await self._blobs().read(key)
            yield await asyncio.to_thread(self._sealer.open, sealed, key)

    async def delete_expired(self) -> None:
        """Delete the files of exports that are over, and give up those that never became ready."""
        async with self._db.snapshot() as tx:
            over = await store.exports_over(tx, tx.now_us - GIVEN_UP_AFTER_US)
        for one in over:
            await self._delete(one)

    async def delete_all(self, user_id: str) -> None:
        """Delete the files of everything that somebody was given, as they have left."""
        for one in await self.list(user_id):
            await self._delete(one)

    async def _delete(self, one: Export) -> None:
        # The row first: from then on no part is added, and an attempt under way deletes what it has just written.
        async with self._db.transaction() as tx:
            await store.delete_export(tx, one.id)
            # Of an export without a row this job deletes the files, should we not get there.
            tx.enqueue(MAKE_EXPORT, {"id": one.id}, unique=f"{one.id}:over")
        await self._delete_files(one.id)

    async def _delete_files(self, export_id: str) -> None:
        for key in await self._blobs().keys(_folder(export_id).rstrip("/")):
            await self._blobs().delete(key)


def _folder(export_id: str) -> str:
    return f"exports/{export_id}/"


def _tables(parts: Sequence[ExportPart]) -> Iterator[str]:
    """Say in a line what each table is for, and how many rows it has."""
    rows = Counter[tuple[str, str, str]]()
    for one in parts:
        rows[one.service, one.table_name, one.purpose] += one.rows
    for (service, table, purpose), count in rows.items():
        yield f"{service}/{table}: {count} rows. {purpose[:1].upper()}{purpose[1:]}."
