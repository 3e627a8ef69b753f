"""Saved payment methods are kept at the provider, and are their owner's alone."""

import asyncio

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments
from tollway.contracts.errors import CardDeclined
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.payments.model import DepositState
from tollway.services.payments.settings import PaymentsSettings


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


async def test_a_saved_card_pays_again_and_again(payments: RunningPayments) -> None:
    card = await payments.service.methods.save("usr_ann", "pm_card_mastercard")
    assert (card.brand, card.last4) == ("mastercard", "4444")
    for key in ("a", "b"):
        paid = await payments.service.deposits.start("usr_ann", key, "USD", 5_000_000, card.id)
        assert paid.state == DepositState.SUCCEEDED
    await payments.drain()
    assert payments.balance("usr_ann") == 10_000_000


async def test_another_persons_card_does_not_exist_and_pays_nothing(payments: RunningPayments) -> None:
    card = await payments.service.methods.save("usr_ann", "pm_card_visa")
    with pytest.raises(NotFound):
        await payments.service.deposits.start("usr_bob", "a", "USD", 5_000_000, card.id)
    with pytest.raises(Invalid, match="does not belong"):
        await payments.service.deposits.start("usr_bob", "b", "USD", 5_000_000, card.ref)
    with pytest.raises(NotFound):
        await payments.service.methods.delete("usr_bob", card.id)
    assert await payments.service.methods.list("usr_bob") == []
    assert [one.id for one in await payments.service.methods.list("usr_ann")] == [card.id]
    assert await payments.at_provider(lambda client: client.v1.charges.list().data) == []


async def test_a_card_is_saved_once(payments: RunningPayments) -> None:
    card = await payments.service.methods.save("usr_ann", "pm_card_visa")
    assert (await payments.service.methods.save("usr_ann", card.ref)).id == card.id
    assert len(await payments.service.methods.list("usr_ann")) == 1


async def test_a_deleted_card_is_gone_here_and_there(payments: RunningPayments) -> None:
    card = await payments.service.methods.save("usr_ann", "pm_card_visa")
    await payments.service.methods.delete("usr_ann", card.id)
    assert await payments.service.methods.list("usr_ann") == []
    there = await payments.at_provider(lambda client: client.v1.payment_methods.retrieve(card.ref))
    assert there.customer is None
    with pytest.raises(NotFound):
        await payments.service.methods.delete("usr_ann", card.id)


async def test_cards_that_the_bank_refuses_are_not_saved(payments: RunningPayments) -> None:
    with pytest.raises(CardDeclined) as raised:
        await payments.service.methods.save("usr_ann", "pm_card_visa_chargeDeclined")
    assert raised.value.extra["decline_code"] == "generic_decline"
    with pytest.raises(Invalid):
        await payments.service.methods.save("usr_ann", "pm_nothing")
    assert await payments.service.methods.list("usr_ann") == []


async def test_a_provider_that_forgot_the_customer_gets_another(payments: RunningPayments) -> None:
    old = await payments.service.methods.save("usr_ann", "pm_card_visa")
    await payments.mock.service.reset(webhook_endpoints=False)
    new = await payments.service.methods.save("usr_ann", "pm_card_amex")
    assert [one.id for one in await payments.service.methods.list("usr_ann")] == [new.id]
    assert old.id != new.id


async def test_nobody_saves_cards_without_end(payments: RunningPayments) -> None:
    most = PaymentsSettings.model_fields["max_methods"].default
    for _ in range(most):
        await payments.service.methods.save("usr_ann", "pm_card_visa")
    with pytest.raises(Conflict, match="delete one"):
        await payments.service.methods.save("usr_ann", "pm_card_visa")
    await payments.service.methods.delete("usr_ann", (await payments.service.methods.list("usr_ann"))[0].id)
    await payments.service.methods.save("usr_ann", "pm_card_visa")
    await payments.service.methods.save("usr_bob", "pm_card_visa")


async def test_nor_when_they_save_many_at_once(payments: RunningPayments) -> None:
    most = PaymentsSettings.model_fields["max_methods"].default
    saves = (payments.service.methods.save("usr_ann", "pm_card_visa") for _ in range(most + 5))
    answers = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    assert len(await payments.service.methods.list("usr_ann")) == most
