"""All that the platform keeps of somebody, as a file for them: asked for, made by a durable job, kept for some days.

Each service says by itself what it keeps (`Export` of the UserData API); this one gathers it. The file lies sealed in
the blob store, under a key that is derived for exports, and is given to its owner only.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tollway.contracts import user_data_pb2
from tollway.contracts.events import ExportReady, ExportRequested
from tollway.fabric.blobs import BlobNotFound, Blobs
from tollway.fabric.db import Database
from tollway.fabric.secrets import Sealer
from tollway.kit.errors import Conflict, NotFound
from tollway.kit.ids import is_id, new_id
from tollway.kit.times import DAY_US, HOUR_US, to_rfc3339
from tollway.services.users import store
from tollway.services.users.model import Export
from tollway.services.users.service.archive import Archive
from tollway.services.users.settings import UsersSettings

if TYPE_CHECKING:
    from tollway.contracts.user_data_pb2_grpc import UserDataAsyncStub

MAKE_EXPORT = "make_export"
# One that did not become ready in this time never will: its job has been parked.
GIVEN_UP_AFTER_US = 2 * HOUR_US
EXPORT_TIMEOUT_S = 40.0


class Exports:
    """Exports of people's own data: one at a time for each."""

    def __init__(
        self,
        db: Database,
        settings: UsersSettings,
        neighbours: "Mapping[str, UserDataAsyncStub]",
        blobs: Callable[[], Blobs],
        sealer: Sealer,
    ) -> None:
        self._db = db
        self._settings = settings
        self._neighbours = neighbours
        self._blobs = blobs
        self._sealer = sealer

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
        """Make an export; nothing to do when it was made. Raises Problem when a service does not answer."""
        async with self._db.snapshot() as tx:
            asked = await store.find_export(tx, export_id)
        if asked is None:
            # Its owner has left, or it was given up: an attempt that was interrupted may have written the file.
            await self._blobs().delete(_key(export_id))
            return
        if asked.state != "working":
            return
        archive = Archive()
        for service, stub in self._neighbours.items():
            await self._add(archive, service, stub, asked.user_id)
        made_at = to_rfc3339(self._db.clock.now_us())
        data = await asyncio.to_thread(archive.finish, self._settings.brand, asked.user_id, made_at)
        await self._blobs().put(_key(asked.id), self._sealer.seal(data, asked.id))
        async with self._db.transaction() as tx:
            expires_at_us = tx.now_us + self._settings.export_kept_days * DAY_US
            if await store.finish_export(tx, asked.id, len(data), expires_at_us):
                tx.publish(
                    ExportReady(user_id=asked.user_id, export_id=asked.id, expires_at_us=expires_at_us)
                )
            is_gone = await store.find_export(tx, asked.id) is None
        if is_gone:
            await self._blobs().delete(_key(asked.id))

    async def list(self, user_id: str) -> Sequence[Export]:
        """Return a user's exports, newest first."""
        async with self._db.snapshot() as tx:
            return await store.exports_of(tx, user_id)

    async def read(self, user_id: str, export_id: str) -> bytes:
        """Return the file of a user's own export. Raises NotFound also when it is over, or not ready yet."""
        missing = NotFound("there is no such export, or it is over; ask for a new one")
        if not is_id("exp", export_id):
            raise missing
        async with self._db.snapshot() as tx:
            found = await store.find_export(tx, export_id)
        if found is None or found.user_id != user_id or found.state != "ready":
            raise missing
        if found.expires_at_us <= self._db.clock.now_us():
            raise missing
        try:
            return self._sealer.open(await self._blobs().read(_key(export_id)), export_id)
        except BlobNotFound:
            raise missing from None

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
        # The file first: a row without a file says that it is over, a file without a row would stay for good.
        await self._blobs().delete(_key(one.id))
        async with self._db.transaction() as tx:
            await store.delete_export(tx, one.id)

    async def _add(self, archive: Archive, service: str, stub: "UserDataAsyncStub", user_id: str) -> None:
        """Gather what one service keeps, table by table."""
        request = user_data_pb2.ExportRequest(service=service, user_id=user_id)
        name, purpose, rows = "", "", list[dict[str, str]]()
        async for page in stub.Export(request, timeout=EXPORT_TIMEOUT_S):
            if page.table != name:
                if name:
                    await asyncio.to_thread(archive.add, service, name, purpose, rows)
                name, purpose, rows = page.table, page.purpose, []
            rows += json.loads(page.rows_json)
        if name:
            await asyncio.to_thread(archive.add, service, name, purpose, rows)


def _key(export_id: str) -> str:
    return f"exports/{export_id}.zip"
