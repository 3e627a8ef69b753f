"""A users service on each engine, and a neighbour that keeps something of people."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.killing import Fate, MortalChannel, MortalDatabase
from tests.kit.typing import partial
from tollway.contracts import user_data_pb2, user_data_pb2_grpc
from tollway.fabric.blobs.folder import FolderBlobs
from tollway.fabric.db import Database
from tollway.fabric.rpc import LocalServer
from tollway.fabric.secrets import Sealer
from tollway.services.users.service import Users
from tollway.services.users.service.exports import Exports
from tollway.services.users.settings import UsersSettings


class Neighbour(user_data_pb2_grpc.UserDataServicer):
    """Keeps two tables of everybody, one of them in two pages. A test may have it keep `more` notes, 500 a page."""

    more = 0
    pages = 0  # so many were asked for

    async def ListObstacles(self, request: Any, context: Any) -> user_data_pb2.ListObstaclesResponse:
        return user_data_pb2.ListObstaclesResponse()

    async def Export(self, request: Any, context: Any) -> AsyncGenerator[user_data_pb2.ExportPage]:
        notes = [[{"note": "=1+1"}], [{"note": request.user_id}]]
        count = len(notes) + self.more // 500
        for number in range(int(request.after or 0), count + 1):
            self.pages += 1
            cursor = str(number + 1)
            if number == count:
                yield user_data_pb2.ExportPage(
                    table="bills", rows_json='[{"id": "b1"}]', purpose="bills", cursor=cursor
                )
                return
            first = (number - len(notes)) * 500
            rows = (
                notes[number]
                if number < len(notes)
                else [{"note": f"note {first + n} {'x' * 200}"} for n in range(500)]
            )
            yield user_data_pb2.ExportPage(
                table="notes", rows_json=json.dumps(rows), purpose="notes", cursor=cursor
            )


@dataclass
class UsersSetup:
    """What replicas of the service share."""

    db: Database
    blobs: FolderBlobs
    server: LocalServer
    neighbour: Neighbour

    def replica(self, fate: Fate | None = None) -> Users:
        """Another replica, perhaps one that `fate` ends."""
        fate = fate or Fate()
        db: Any = MortalDatabase(self.db, fate)
        stub: Any = user_data_pb2_grpc.UserDataStub(MortalChannel(self.server, "users", fate))
        settings = UsersSettings.model_validate({})
        exports = Exports(db, settings, {"books": stub}, lambda: self.blobs, Sealer(b"k" * 32))
        return partial(Users, db, exports)


@pytest.fixture
async def setup(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[UsersSetup]:
    server = LocalServer()
    neighbour = Neighbour()
    user_data_pb2_grpc.add_UserDataServicer_to_server(neighbour, server)
    async with database(kind, tmp_path, clock, service_migrations("users"), "users") as db:
        yield UsersSetup(db, FolderBlobs(tmp_path / "blobs"), server, neighbour)


@pytest.fixture
def service(setup: UsersSetup) -> Users:
    return setup.replica()
