"""Each call of the provider or of a neighbour takes minutes, while all else goes on: nothing is concluded twice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.delays import SlowChannel, SlowProvider
from tests.kit.payments import RunningPayments, running_payments
from tests.tollway.services.payments.service.test_deposits import click
from tests.tollway.services.payments.service.test_reversals import decide, dispute, moved, paid, spend
from tollway.kit.errors import Problem
from tollway.services.payments.jobs import TIMED
from tollway.services.payments.model import DepositState

USD = 1_000_000
ANN = "usr_ann"
METHODS = ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required", ""]


class Meanwhile:
    """Minutes pass at one call, or at each, and another process does all that is due."""

    def __init__(self, payments: RunningPayments, only: int | None) -> None:
        self._payments, self._only = payments, only
        self.calls: list[str] = []
        self.delayed = 0

    async def __call__(self, name: str) -> None:
        self.calls.append(name)
        if self._only is None or self._only == len(self.calls) - 1:
            self.delayed += 1
            await minutes_later(self._payments)


async def minutes_later(payments: RunningPayments) -> None:
    payments.clock.advance(300)
    await payments.drain()
    for name in ("reconcile_stale", "resume_reversals", "collect_debts"):
        await TIMED[name].run(payments.service)


@pytest.fixture
async def payments(tmp_path: Path, clock: FakeClock) -> AsyncIterator[RunningPayments]:
    async with running_payments("sqlite", tmp_path, clock) as opened:
        yield opened


def slow(payments: RunningPayments, meanwhile: Meanwhile, *, before: bool) -> Any:
    return payments.restarted(
        channel=SlowChannel(payments.apis, "payments", meanwhile, before=before),
        provider=SlowProvider(payments.provider, meanwhile, before=before),
    )


async def charged(payments: RunningPayments) -> int:
    listed = await payments.at_provider(lambda client: client.v1.charges.list({"limit": 100}).data)
    return sum(one.amount for one in listed if one.status == "succeeded") * 10_000


async def life(payments: RunningPayments, service: Any, key: str, method: str) -> None:
    """Deposit, confirm or pay on the page where there is one, and let the slow process settle it too."""
    try:
        made = await service.deposits.start(ANN, key, "USD", 20 * USD, method)
    except Problem as problem:
        assert problem.status in {402, 503}  # noqa: PT017  what counts follows
        return
    if made.action_url and not method:
        await click(made.action_url, token="pm_card_visa")
    elif made.action_url:
        await click(made.action_url, passed="1")
    await service.reconciliation.reconcile_stale()
    await service.settlement.credit(made.id)


async def ends_well(payments: RunningPayments, told: str) -> None:
    """Let everything that is due happen for a day; what was charged is credited, and nothing was called failed."""
    for _ in range(3):
        await minutes_later(payments)
    payments.clock.advance(90_000)
    await minutes_later(payments)
    states = {one.id: one.state for one in (await payments.service.deposits.list(ANN, 100, "")).items}
    assert set(states.values()) <= {DepositState.CREDITED, DepositState.FAILED}, told
    assert payments.balance(ANN) == await charged(payments), told
    news = [(topic, event["deposit_id"]) for topic, event in await payments.published()]
    assert len(news) == len(set(news)), told
    called_failed = {deposit_id for topic, deposit_id in news if topic == "DEPOSIT_FAILED"}
    assert called_failed == {id_ for id_, state in states.items() if state == DepositState.FAILED}, told


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("method", METHODS)
async def test_a_deposit_is_failed_or_credited_and_never_both(
    payments: RunningPayments, method: str, *, before: bool
) -> None:
    every = Meanwhile(payments, None)
    await life(payments, slow(payments, every, before=before), "every", method)
    await ends_well(payments, "every call")
    assert every.delayed >= 2
    for at, name in enumerate(every.calls):
        await life(payments, slow(payments, Meanwhile(payments, at), before=before), f"key-{at}", method)
        await ends_well(payments, f"delayed at {at}: {name}")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("evidence", "left"), [("losing_evidence", (0, 0, 0, 14)), ("winning_evidence", (6, 20, 0, 0))]
)
async def test_a_reversal_is_posted_once(
    payments: RunningPayments, evidence: str, left: tuple[int, ...], *, before: bool
) -> None:
    deposit = await paid(payments)
    spend(payments, ANN, 14 * USD)
    meanwhile = Meanwhile(payments, None)
    service = slow(payments, meanwhile, before=before)
    ref = await dispute(payments, deposit)
    await service.reversals.follow("stripe", deposit.payment_ref)
    await decide(payments, ref, evidence)
    await service.reversals.follow("stripe", deposit.payment_ref)
    await minutes_later(payments)
    assert meanwhile.delayed >= 3
    assert moved(payments) == left
    topics = [topic for topic, _ in await payments.published()]
    assert topics.count("DEPOSIT_REVERSED") == 1
    assert topics.count("DEPOSIT_REINSTATED") == (evidence == "winning_evidence")


async def test_an_answer_of_the_provider_that_comes_late_takes_nothing_back(
    payments: RunningPayments,
) -> None:
    """A dispute is won while somebody who was answered before still holds the older answer."""
    deposit = await paid(payments)
    ref = await dispute(payments, deposit)

    async def won(name: str) -> None:
        if name == "provider list_reversals":
            await decide(payments, ref, "winning_evidence")
            await minutes_later(payments)

    late = payments.restarted(provider=SlowProvider(payments.provider, won, before=False))
    await late.reversals.follow("stripe", deposit.payment_ref)
    await minutes_later(payments)
    assert moved(payments) == (20, 20, 0, 0)
