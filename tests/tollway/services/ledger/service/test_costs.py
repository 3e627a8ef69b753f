"""What the access that a customer used had cost, as the books have it, to the last unit."""

import asyncio
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.books import BREAKAGE, GB, INVENTORY, REVENUE, USD, Books, books, post, terms, user
from tests.kit.clock import FakeClock
from tests.kit.killing import Fate, Killed, MortalDatabase
from tollway.kit.errors import Invalid
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.service import costs
from tollway.services.ledger.service.costs import CostAnalysis, Costs

DAY_S = 24 * 3600
FIRST, LAST = date(2026, 11, 22), date(2026, 11, 24)  # the clock stands at the first


async def use(context: Books, name: str, units: int, sequence: int = 1) -> None:
    hold_id = f"hld_{name}_{sequence}"
    reserved = await context.reserve(hold_id, name, units)
    if not reserved.granted:
        return
    await context.use(hold_id, UsageReading(f"flw_{name}_{sequence}", units, 1, final=True), release=True)


async def of(context: Books, name: str = "ann") -> CostAnalysis:
    return await context.ledger.costs.analyse(f"usr_{name}", FIRST, LAST)


async def test_each_day_costs_what_its_lots_had_cost(context: Books) -> None:
    await context.stock("ann", 100, cost=300)
    await context.stock("ann", 100, cost=100)
    await use(context, "ann", 40)
    context.clock.advance(2 * DAY_S)
    await use(context, "ann", 100, 2)
    found = await of(context)
    [series] = found.series
    assert (series.asset, series.cost_asset) == (GB, USD)
    assert series.used_units == [40, 0, 100]
    assert series.used_cost == [120, 0, 60 * 3 + 40]
    assert (found.used, found.expired, found.previously_used) == ({USD: 340}, {}, {})
    assert found.days == ["2026-11-22", "2026-11-23", "2026-11-24"]


async def test_what_expired_is_told_apart_and_what_was_given_costs_nothing(context: Books) -> None:
    await context.stock("ann", 10, cost=100, expires_in_s=60)
    await context.issue(7)
    await context.post(post(INVENTORY, user("ann", GB), 7, terms("", 0)))
    await use(context, "ann", 2)
    context.clock.advance(60)
    await context.ledger.expire()
    await use(context, "ann", 7, 2)
    paid, given = (await of(context)).series
    assert (paid.cost_asset, paid.used_units[0], paid.used_cost[0]) == (USD, 2, 20)
    assert (paid.expired_units, paid.expired_cost) == (8, 80)
    assert (given.cost_asset, given.used_units[0], given.used_cost[0]) == ("", 7, 0)
    assert (await of(context)).expired == {USD: 80}


async def test_the_period_before_is_as_long_and_nobody_sees_another_customers(context: Books) -> None:
    await context.stock("ann", 100, cost=100)
    await context.stock("bob", 100, cost=900)
    await use(context, "ann", 5)
    await use(context, "bob", 5)
    context.clock.advance(DAY_S)
    await use(context, "ann", 3, 2)
    found = await context.ledger.costs.analyse("usr_ann", date(2026, 11, 23), date(2026, 11, 23))
    assert (found.used, found.previously_used) == ({USD: 3}, {USD: 5})
    assert (await of(context, "eve")).series == []


async def test_too_long_and_backward_periods_are_refused(context: Books) -> None:
    for first, last in ((LAST, FIRST), (date(2020, 1, 1), LAST)):
        with pytest.raises(Invalid, match="not be before since"):
            await context.ledger.costs.analyse("usr_ann", first, last)


async def test_sums_of_many_batches_are_those_of_one_whoever_adds_them(
    context: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "BATCH", 2)
    await context.stock("ann", 1000, cost=777)
    for n in range(12):
        await use(context, "ann", 50 + n, n)
    await asyncio.gather(*(Costs(context.db).catch_up() for _ in range(3)), of(context))
    found = await of(context)
    assert found.series[0].used_units[0] == sum(50 + n for n in range(12))
    assert found.used == {USD: await context.balance(REVENUE)}


async def test_a_kill_at_any_point_neither_loses_nor_doubles_a_cost(
    context: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "BATCH", 3)
    await context.stock("ann", 1000, cost=777)
    survives = 0
    for n in range(6):
        await use(context, "ann", 50 + n, n)
        killed = True
        while killed:
            mortal = MortalDatabase(context.db, Fate(survives))
            survives += 1
            try:
                await Costs(mortal).catch_up()  # pyright: ignore[reportArgumentType]
                killed = False
            except Killed:
                continue
        survives = 0
    found = await of(context)
    assert found.used == {USD: await context.balance(REVENUE)}
    assert found.series[0].used_units[0] == sum(50 + n for n in range(6))


@pytest.mark.timeout(240)
@settings(max_examples=8, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["stock", "use", "day"]), st.integers(1, 60), st.integers(0, 99)),
        max_size=12,
    )
)
def test_costs_are_always_what_the_books_have_earned(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def play() -> None:
        async with books("sqlite", tmp_path_factory.mktemp("books"), FakeClock()) as context:
            for n, (step, units, cost) in enumerate(steps):
                if step == "stock":
                    await context.stock("ann", units, cost=cost, expires_in_s=DAY_S * 1.5 if cost % 2 else 0)
                elif step == "use":
                    await use(context, "ann", units, n)
                else:
                    context.clock.advance(DAY_S)
                    await context.ledger.expire()
                if cost % 3 == 0:
                    await context.ledger.costs.catch_up()
            last = date(2026, 12, 30)
            found = await context.ledger.costs.analyse("usr_ann", FIRST, last)
            assert found.used.get(USD, 0) == await context.balance(REVENUE)
            assert found.expired.get(USD, 0) == await context.balance(BREAKAGE)
            assert sum(map(sum, (one.used_cost for one in found.series))) == await context.balance(REVENUE)

    asyncio.run(play())
