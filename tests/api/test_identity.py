"""The identity service API, in process and over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.identity import PASSWORD, World, world
from tests.kit.service_api import TRANSPORTS, Door, Transport, api
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.identity.rpc import IdentityRpc


@pytest.fixture
async def town(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    async with world("sqlite", tmp_path, clock) as made:
        yield made


@pytest.fixture(params=TRANSPORTS)
async def identity(request: pytest.FixtureRequest, town: World) -> AsyncIterator[Door]:
    transport: Transport = request.param
    async with api(transport, identity_pb2_grpc, IdentityRpc(town.service), caller="access") as mounted:
        yield mounted


async def test_an_account_is_found_by_id_and_by_address(identity: Door, town: World) -> None:
    user_id = await town.sign_up("Ann@example.com")
    by_id = await identity.stub.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
    by_email = await identity.stub.GetUser(identity_pb2.GetUserRequest(email="ann@EXAMPLE.com"))
    assert by_id == by_email
    assert by_id == identity_pb2.User(
        id=user_id,
        email="Ann@example.com",
        email_verified=True,
        roles=["customer"],
        state="active",
        created_at_us=town.clock.now_us(),
    )
    for request in (identity_pb2.GetUserRequest(), identity_pb2.GetUserRequest(user_id="usr_1")):
        with pytest.raises(NotFound):
            await identity.stub.GetUser(request)


async def test_the_operator_is_made_once(identity: Door) -> None:
    request = identity_pb2.EnsureOperatorRequest(email="operator@tollway.test", password=PASSWORD)
    made = await identity.stub.EnsureOperator(request)
    assert (made.email_verified, list(made.roles)) == (True, ["admin", "customer"])
    assert await identity.stub.EnsureOperator(request) == made
    with pytest.raises(Invalid):
        await identity.stub.EnsureOperator(identity_pb2.EnsureOperatorRequest(email="x@y.com", password="x"))


async def test_an_account_is_suspended_and_restored(identity: Door, town: World) -> None:
    user_id = await town.sign_up()

    async def set_state(state: str, actor: str = "usr_operator") -> str:
        request = identity_pb2.SetStateRequest(user_id=user_id, state=state, reason="abuse", actor=actor)
        return (await identity.stub.SetState(request)).state

    assert await set_state("suspended") == "suspended"
    assert (await town.log_in()).status == 403
    assert await set_state("active") == "active"
    assert (await town.log_in()).status == 200
    with pytest.raises(Invalid):
        await set_state("gone")
    with pytest.raises(Conflict):
        await set_state("suspended", actor=user_id)
