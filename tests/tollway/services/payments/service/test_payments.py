"""The service killed at any point of a deposit, and taken up again by another process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed, MortalChannel, MortalDatabase
from tests.kit.payments import RunningPayments, running_payments
from tollway.contracts.errors import CardDeclined
from tollway.kit.errors import Problem
from tollway.services.payments.model import DepositState
from tollway.services.payments.service import Payments

USD = 1_000_000
VISA, DECLINED = "pm_card_visa", "pm_card_visa_chargeDeclined"


class MortalProvider:
    """A provider whose user may die right before a call or right after it was carried out."""

    def __init__(self, provider: Any, fate: Fate) -> None:
        self._provider, self._fate = provider, fate
        self.name, self.capabilities = provider.name, provider.capabilities

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._provider, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            await self._fate.point(f"ask provider {name}")
            answer = await method(*arguments, **options)
            await self._fate.point(f"asked provider {name}")
            return answer

        return call


def mortal(payments: RunningPayments, fate: Fate) -> Payments:
    channel = MortalChannel(payments.apis, "payments", fate)
    return payments.restarted(
        MortalDatabase(payments.db, fate), channel, MortalProvider(payments.provider, fate)
    )


async def live(payments: RunningPayments, service: Payments, user_id: str, method: str) -> None:
    """Deposit, and act on the webhook: the whole life of a deposit in one process."""
    made = await service.deposits.start(user_id, "key", "USD", 20 * USD, method)
    await payments.mock.deliver()
    async with payments.db.snapshot() as tx:
        events = await tx.all(store_events())
    for row in events:
        await service.webhooks.handle("stripe", row.event_id)
    await service.settlement.credit(made.id)


def store_events() -> Any:
    from tollway.services.payments.store.tables import webhook_event

    return webhook_event.select().where(webhook_event.c.outcome == "")


async def afterwards(payments: RunningPayments, user_id: str) -> tuple[set[DepositState], int, int]:
    """Let the other process finish; return the deposits' states, what was charged, what is in the wallet."""
    for _ in range(4):
        payments.clock.advance(61)
        await payments.drain()
        await payments.service.reconciliation.reconcile_stale()
    async with payments.db.snapshot() as tx:
        customer = await tx.scalar(customer_of(user_id))
    charged = 0
    if customer:
        listed = await payments.at_provider(
            lambda client: client.v1.charges.list({"customer": customer}).data
        )
        charged = sum(one.amount for one in listed if one.status == "succeeded") * 10_000
    page = await payments.service.deposits.list(user_id, 10, "")
    return {one.state for one in page.items}, charged, payments.balance(user_id)


def customer_of(user_id: str) -> Any:
    from sqlalchemy import select

    from tollway.services.payments.store.tables import customer

    return select(customer.c.ref).where(customer.c.user_id == user_id)


@pytest.fixture
async def payments(tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningPayments]:
    async with running_payments("sqlite", tmp_path, clock) as opened:
        yield opened


async def points(payments: RunningPayments, user_id: str) -> list[str]:
    """Return the points that a whole life passes."""
    fate = Fate()
    await live(payments, mortal(payments, fate), user_id, VISA)
    return fate.passed


@pytest.mark.slow
@pytest.mark.parametrize("retries", [False, True])
async def test_killed_anywhere_what_was_charged_is_credited_and_only_that(
    payments: RunningPayments, *, retries: bool
) -> None:
    passed = await points(payments, "usr_whole")
    assert {"ask provider charge", "asked provider charge", "committed"} < set(passed)
    outcomes: set[DepositState] = set()
    for at in range(len(passed)):
        user_id = f"usr_{at}_{retries}"
        with pytest.raises(Killed):
            await live(payments, mortal(payments, Fate(at)), user_id, VISA)
        if retries:
            await payments.service.deposits.start(user_id, "key", "USD", 20 * USD, VISA)
        states, charged, credited = await afterwards(payments, user_id)
        assert charged == credited, f"killed at {at}: {passed[at]}"
        assert charged in ((20 * USD,) if retries else (0, 20 * USD))
        assert states <= {DepositState.CREDITED, DepositState.FAILED}
        outcomes |= states
    assert DepositState.CREDITED in outcomes


async def test_with_a_call_or_answer_lost_at_any_api_the_money_is_still_counted_once(
    payments: RunningPayments,
) -> None:
    passed = await points(payments, "usr_whole")
    for at in (n for n, name in enumerate(passed) if name.startswith("ask")):
        user_id = f"usr_{at}"
        try:
            await live(payments, mortal(payments, Fate(unheard=at)), user_id, VISA)
        except Problem as problem:
            assert problem.status == 503  # noqa: PT017  either way is right; what counts follows
        _, charged, credited = await afterwards(payments, user_id)
        assert charged == credited, f"unheard at {at}: {passed[at]}"


async def test_killed_anywhere_a_declined_card_moves_nothing(payments: RunningPayments) -> None:
    for at in range(12):
        user_id = f"usr_{at}"
        with pytest.raises((Killed, CardDeclined)):
            await live(payments, mortal(payments, Fate(at)), user_id, DECLINED)
        states, charged, credited = await afterwards(payments, user_id)
        assert (charged, credited) == (0, 0)
        assert states <= {DepositState.FAILED}
    assert payments.ledger.posts == []
