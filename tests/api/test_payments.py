"""The service API of payments, asked in process and over gRPC: no difference can be told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import Till, till
from tests.kit.service_api import Door, Transport, api
from tollway.contracts import payments_pb2 as pb
from tollway.contracts import payments_pb2_grpc
from tollway.contracts.errors import CardDeclined
from tollway.kit.errors import NotFound
from tollway.services.payments.rpc import PaymentsRpc


@pytest.fixture
async def shop(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Till]:
    async with till("sqlite", tmp_path, clock) as opened:
        yield opened


@pytest.fixture
async def payments(transport: Transport, shop: Till) -> AsyncIterator[Door]:
    async with api(transport, payments_pb2_grpc, PaymentsRpc(shop.service)) as mounted:
        yield mounted


async def test_a_deposit_is_told_as_it_stands(payments: Door, shop: Till) -> None:
    made = await shop.service.deposits.start("usr_ann", "k", "USD", 20_000_000, "pm_card_visa")
    await shop.settle()
    published = await payments.stub.GetDeposit(pb.GetDepositRequest(deposit_id=made.id))
    assert published == pb.Deposit(
        id=made.id,
        user_id="usr_ann",
        currency="USD",
        amount=20_000_000,
        state="credited",
        provider="stripe",
        provider_ref=made.payment_ref,
        created_at_us=shop.clock.at_us,
        updated_at_us=shop.clock.at_us,
    )


async def test_a_failed_one_says_why(payments: Door, shop: Till) -> None:
    with pytest.raises(CardDeclined) as raised:
        await shop.service.deposits.start(
            "usr_ann", "k", "USD", 20_000_000, "pm_card_chargeDeclinedExpiredCard"
        )
    published = await payments.stub.GetDeposit(
        pb.GetDepositRequest(deposit_id=raised.value.extra["deposit_id"])
    )
    assert (published.state, published.reason) == ("failed", "expired_card")


async def test_what_was_taken_back_is_told(payments: Door, shop: Till) -> None:
    made = await shop.service.deposits.start("usr_ann", "k", "USD", 20_000_000, "pm_card_createDispute")
    await shop.settle()
    published = await payments.stub.GetDeposit(pb.GetDepositRequest(deposit_id=made.id))
    assert (published.refunded, published.disputed) == (0, 20_000_000)


async def test_an_unknown_deposit_is_not_found(payments: Door) -> None:
    with pytest.raises(NotFound):
        await payments.stub.GetDeposit(pb.GetDepositRequest(deposit_id="dep_none"))
