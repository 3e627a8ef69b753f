"""The users service API, in process and over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import TRANSPORTS, Door, Transport, api
from tests.kit.tokens import USER
from tollway.contracts import users_pb2, users_pb2_grpc
from tollway.kit.errors import NotFound
from tollway.services.users.rpc import UsersRpc
from tollway.services.users.service import Users


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Users]:
    async with database("sqlite", tmp_path, clock, service_migrations("users"), "users") as db:
        yield Users(db)


@pytest.fixture(params=TRANSPORTS)
async def users(request: pytest.FixtureRequest, service: Users) -> AsyncIterator[Door]:
    transport: Transport = request.param
    async with api(transport, users_pb2_grpc, UsersRpc(service), caller="notifications") as mounted:
        yield mounted


async def test_a_neighbour_reads_a_profile_that_is_made_on_first_use(
    users: Door, service: Users, clock: FakeClock
) -> None:
    request = users_pb2.GetProfileRequest(user_id=USER)
    fresh = await users.stub.GetProfile(request)
    assert (fresh.user_id, fresh.locale, fresh.created_at_us) == (USER, "en", clock.now_us())
    clock.advance(1)
    await service.change(USER, {"display_name": "Ann", "preferences": {"theme": "dark"}})
    changed = await users.stub.GetProfile(request)
    assert (changed.display_name, dict(changed.preferences)) == ("Ann", {"theme": "dark"})
    assert (changed.created_at_us, changed.updated_at_us) == (fresh.created_at_us, clock.now_us())


async def test_what_is_no_user_is_not_found(users: Door) -> None:
    with pytest.raises(NotFound):
        await users.stub.GetProfile(users_pb2.GetProfileRequest(user_id="acc_1"))
