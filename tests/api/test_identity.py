"""The identity service API, in process and over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.identity import PASSWORD, IdentityFixture, identity_fixture
from tests.kit.service_api import TRANSPORTS, ServiceApi, Transport, api
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.kit.errors import Invalid, NotFound
from tollway.services.identity.model import SignInClient
from tollway.services.identity.rpc import IdentityRpc


@pytest.fixture
async def identity(tmp_path: Path, clock: FakeClock) -> AsyncIterator[IdentityFixture]:
    async with identity_fixture("sqlite", tmp_path, clock) as fixture:
        yield fixture


@pytest.fixture(params=TRANSPORTS)
async def mounted(request: pytest.FixtureRequest, identity: IdentityFixture) -> AsyncIterator[ServiceApi]:
    transport: Transport = request.param
    async with api(
        transport, identity_pb2_grpc, IdentityRpc(identity.service), caller="access"
    ) as api_of_identity:
        yield api_of_identity


async def test_an_account_is_found_by_id_and_by_address(
    mounted: ServiceApi, identity: IdentityFixture
) -> None:
    user_id = await identity.sign_up("Ann@example.com")
    by_id = await mounted.stub.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
    by_email = await mounted.stub.GetUser(identity_pb2.GetUserRequest(email="ann@EXAMPLE.com"))
    assert by_id == by_email
    assert by_id == identity_pb2.User(
        id=user_id,
        email="Ann@example.com",
        email_verified=True,
        roles=["customer"],
        state="active",
        created_at_us=identity.clock.now_us(),
    )
    for request in (identity_pb2.GetUserRequest(), identity_pb2.GetUserRequest(user_id="usr_1")):
        with pytest.raises(NotFound):
            await mounted.stub.GetUser(request)


async def test_an_account_that_is_being_erased_is_deleted_for_everybody_else(
    mounted: ServiceApi, identity: IdentityFixture
) -> None:
    """A payment that comes while the last mail is not yet out would land in a wallet that nobody can use."""
    user_id = await identity.sign_up("ann@example.com")
    await identity.service.leaving.begin(user_id, "ses_1", PASSWORD, SignInClient("192.0.2.1"), forfeit=False)

    async def state() -> str:
        return (await mounted.stub.GetUser(identity_pb2.GetUserRequest(user_id=user_id))).state

    assert await state() == "deleting"
    identity.clock.advance(14 * 86_400)
    identity.channel.faults.add("notifications.SendEmail")
    await identity.service.leaving.resume()
    assert await state() == "deleted"
    identity.channel.faults.clear()
    await identity.service.leaving.resume()
    assert await state() == "deleted"


async def test_the_operator_is_made_once(mounted: ServiceApi) -> None:
    request = identity_pb2.EnsureOperatorRequest(email="operator@tollway.test", password=PASSWORD)
    made = await mounted.stub.EnsureOperator(request)
    assert (made.email_verified, list(made.roles)) == (True, ["admin", "customer"])
    assert await mounted.stub.EnsureOperator(request) == made
    with pytest.raises(Invalid):
        await mounted.stub.EnsureOperator(identity_pb2.EnsureOperatorRequest(email="x@y.com", password="x"))
