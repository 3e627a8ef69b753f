"""The UserData API, in process and over gRPC: what a service keeps of somebody, and what holds them up."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import ServiceApi, Transport, api
from tests.kit.tokens import OTHER, USER
from tollway.contracts import user_data_pb2, user_data_pb2_grpc
from tollway.fabric.user_data import UserData, UserDataServer, UserObstacle
from tollway.kit.errors import NotFound
from tollway.services.users import store
from tollway.services.users.user_data import USER_TABLES

DEBT = UserObstacle(kind="debt", detail="you owe 3.00 EUR", asset="EUR", amount=3_000_000)


async def owes(user_id: str) -> Sequence[UserObstacle]:
    return [DEBT] if user_id == USER else []


@pytest.fixture
async def user_data(transport: Transport, tmp_path: Path, clock: FakeClock) -> AsyncIterator[ServiceApi]:
    async with database("sqlite", tmp_path, clock, service_migrations("users"), "users") as db:
        for user_id in (USER, OTHER):
            async with db.transaction() as tx:
                await store.add(tx, user_id)
        server = UserDataServer()
        server.add("users", UserData(db, USER_TABLES, owes))
        async with api(transport, user_data_pb2_grpc, server, caller="identity") as mounted:
            yield mounted


async def test_a_service_streams_what_it_keeps_of_one_person(user_data: ServiceApi) -> None:
    request = user_data_pb2.ExportRequest(service="users", user_id=USER)
    (page,) = [page async for page in user_data.stub.Export(request)]
    assert (page.table, page.purpose) == ("profile", USER_TABLES[0].purpose)
    assert [row["user_id"] for row in json.loads(page.rows_json)] == [USER]


async def test_a_service_says_what_stands_in_the_way(user_data: ServiceApi) -> None:
    request = user_data_pb2.ListObstaclesRequest(service="users", user_id=USER)
    (one,) = (await user_data.stub.ListObstacles(request)).obstacles
    assert (one.kind, one.detail, one.asset, one.amount, one.forfeitable) == (
        "debt", "you owe 3.00 EUR", "EUR", 3_000_000, False,
    )  # fmt: skip
    request.user_id = OTHER
    assert list((await user_data.stub.ListObstacles(request)).obstacles) == []


async def test_a_service_that_is_not_here_is_not_found(user_data: ServiceApi) -> None:
    with pytest.raises(NotFound, match="topology"):
        await user_data.stub.ListObstacles(user_data_pb2.ListObstaclesRequest(service="books", user_id=USER))
    with pytest.raises(NotFound, match="topology"):
        async for _page in user_data.stub.Export(user_data_pb2.ExportRequest(service="books", user_id=USER)):
            pass
