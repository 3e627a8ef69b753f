"""The catalogue on real databases, with a ledger behind its service API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.delays import SlowChannel
from tests.kit.market import GB, STANDARD, USD, Market, make_catalog, make_catalog_on, running_market
from tollway.contracts.errors import IdempotencyKeyReused, UnknownAsset
from tollway.fabric.db import tables
from tollway.kit.errors import DeadlineExceeded, Invalid, Unavailable
from tollway.services.catalog.jobs import TIMED
from tollway.services.catalog.model import FIRST_CAPACITY_UNITS, FIRST_CATALOGUE

ADMIN = "usr_admin"


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        yield opened


def sell(market: Market, units: int) -> None:
    """Take units out of the inventory, and let the last look at it grow old."""
    market.ledger.sell(STANDARD, units)
    market.clock.advance(4)


# ── seeding ─────────────────────────────────────────────────────────────────────────────────────────


async def test_seeding_again_changes_nothing(market: Market) -> None:
    posts = list(market.ledger.posts)
    await market.catalog.prepare()
    assert len(await market.catalog.editor.products()) == len(FIRST_CATALOGUE)
    assert market.ledger.posts == posts
    assert (await market.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS
    assert (
        market.ledger.counters("platform", "catalog", STANDARD, "inventory").available == FIRST_CAPACITY_UNITS
    )


async def test_seeding_tells_the_ledger_of_money_and_access(market: Market) -> None:
    assert {"USD", "EUR"} < set(market.ledger.assets)
    assert market.ledger.assets["USD"].scale == 6
    assert (market.ledger.assets[STANDARD].scale, market.ledger.assets[STANDARD].unit) == (0, "byte")


async def test_what_an_operator_changed_survives_seeding(market: Market) -> None:
    await market.catalog.editor.set_price(STANDARD, "USD", 9 * USD, ADMIN)
    await market.catalog.prepare()
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == 9 * USD


@pytest.mark.parametrize("lost", [False, True])
async def test_seeding_that_was_cut_off_is_finished_by_the_next(
    lost: bool, kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with running_market(kind, tmp_path, clock, seeded=False) as market:
        market.catalog_asks.faults.add("ledger.Post", lost=lost)
        with pytest.raises(Unavailable):
            await market.catalog.prepare()
        await market.catalog.prepare()
        for product, _ in FIRST_CATALOGUE:
            assert (await market.catalog.product(product.asset)).capacity_units == FIRST_CAPACITY_UNITS
            inventory = market.ledger.counters("platform", "catalog", product.asset, "inventory")
            assert inventory.balance == FIRST_CAPACITY_UNITS


# ── prices ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_price_is_the_list_price_while_there_is_plenty(market: Market) -> None:
    price = await market.catalog.price(STANDARD, "USD")
    assert (price.ask_per_lot, price.bid_per_lot, price.lot_units) == (3 * USD, 2_700_000, GB)
    assert (await market.catalog.price(STANDARD, "EUR")).ask_per_lot == 2_800_000


async def test_scarcity_raises_the_price(market: Market) -> None:
    sell(market, FIRST_CAPACITY_UNITS * 8 // 10)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000
    sell(market, FIRST_CAPACITY_UNITS * 2 // 10)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == 3_900_000


async def test_a_price_rests_on_the_same_look_for_a_few_seconds(market: Market) -> None:
    before = await market.catalog.price(STANDARD, "USD")
    market.ledger.sell(STANDARD, FIRST_CAPACITY_UNITS)
    market.clock.advance(2.9)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == before.ask_per_lot
    market.clock.advance(0.2)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot > before.ask_per_lot


@pytest.mark.parametrize("problem", [Unavailable(), DeadlineExceeded()])
async def test_while_the_ledger_is_down_prices_keep_the_last_known_scarcity(
    problem: Unavailable | DeadlineExceeded, market: Market
) -> None:
    sell(market, FIRST_CAPACITY_UNITS * 8 // 10)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000
    market.catalog_asks.faults.add("ledger", problem, times=1000)
    sell(market, 0)
    assert (await market.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000


async def test_a_catalogue_that_never_saw_the_ledger_asks_the_list_price(market: Market) -> None:
    fresh, channel = make_catalog(market.server, market.catalog_db, market.clock)
    channel.faults.add("ledger", times=1000)
    assert (await fresh.price(STANDARD, "USD")).ask_per_lot == 3 * USD
    assert (await fresh.offer(STANDARD)).available_units is None


async def test_a_crowd_asks_the_ledger_once(market: Market) -> None:
    fresh, _ = make_catalog(market.server, market.catalog_db, market.clock)
    looks = market.ledger.looks
    await asyncio.gather(*(fresh.price(STANDARD, "USD") for _ in range(20)))
    assert market.ledger.looks == looks + 1


async def test_a_new_price_is_announced_and_kept_in_the_history(market: Market) -> None:
    market.clock.advance(60)
    await market.catalog.editor.set_price(STANDARD, "USD", 4 * USD, ADMIN)
    page = await market.catalog.price_history(STANDARD, "USD", 1, "")
    rest = await market.catalog.price_history(STANDARD, "USD", 1, page.next_cursor)
    assert [(one.per_lot, one.actor) for one in page.items] == [(4 * USD, ADMIN)]
    assert [(one.per_lot, one.actor) for one in rest.items] == [(3 * USD, "catalog")]
    assert rest.next_cursor == ""
    async with market.catalog_db.snapshot() as tx:
        published = await tx.all(select(tables.outbox).where(tables.outbox.c.type == "PRICE_CHANGED"))
    assert str(4 * USD) in published[-1].data


@pytest.mark.parametrize(
    ("asset", "currency", "per_lot", "problem"),
    [
        ("nothing.at.all", "USD", USD, UnknownAsset),
        (STANDARD, "GBP", USD, Invalid),
        (STANDARD, "USD", 0, Invalid),
        (STANDARD, "USD", -1, Invalid),
    ],
)
async def test_a_wrong_price_is_refused(
    asset: str, currency: str, per_lot: int, problem: type[Exception], market: Market
) -> None:
    with pytest.raises(problem):
        await market.catalog.editor.set_price(asset, currency, per_lot, ADMIN)


async def test_what_is_not_sold_has_no_price(market: Market) -> None:
    with pytest.raises(UnknownAsset):
        await market.catalog.price("nothing.at.all", "USD")
    with pytest.raises(Invalid, match="GBP"):
        await market.catalog.price(STANDARD, "GBP")


@pytest.mark.parametrize(
    "cursor", ["WyJhIl0", "Wy0xXQ", "WzFlOTld", "W10", "???", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd"]
)
async def test_a_cursor_of_another_list_is_refused(cursor: str, market: Market) -> None:
    with pytest.raises(Invalid):
        await market.catalog.price_history(STANDARD, "USD", 10, cursor)


async def test_an_estimate_is_the_cost_at_the_ask(market: Market) -> None:
    estimate = await market.catalog.price_line(STANDARD, 1_000_001, "USD")
    assert estimate.list_price == 3001  # 3000.003 rounded up
    with pytest.raises(Invalid):
        await market.catalog.price_line(STANDARD, 1, "USD")


async def test_a_price_that_binds_reads_the_inventory_anew_and_counts_what_is_promised(
    market: Market,
) -> None:
    await market.catalog.price(STANDARD, "USD")
    market.ledger.sell(STANDARD, FIRST_CAPACITY_UNITS // 2)
    assert (await market.catalog.price_line(STANDARD, GB, "USD")).ask_per_lot == 3 * USD
    binding = market.catalog.binding_price_line
    assert (await binding(STANDARD, GB, "USD", 0)).ask_per_lot == 3 * USD
    assert (await binding(STANDARD, GB, "USD", FIRST_CAPACITY_UNITS * 3 // 10)).ask_per_lot == 3_225_000, (
        "half is sold and three tenths are promised"
    )
    assert (await binding(STANDARD, GB, "USD", FIRST_CAPACITY_UNITS)).ask_per_lot == 3_900_000


async def test_a_crowd_that_wants_prices_that_bind_shares_the_reads(market: Market) -> None:
    async def others_turn(_name: str) -> None:
        await asyncio.sleep(0)

    slow = SlowChannel(market.server, "catalog", others_turn, before=True)
    catalog = make_catalog_on(slow, market.catalog_db, market.clock)
    looks = market.ledger.looks
    await asyncio.gather(*(catalog.binding_price_line(STANDARD, GB, "USD", 0) for _ in range(20)))
    assert market.ledger.looks <= looks + 2


# ── capacity ────────────────────────────────────────────────────────────────────────────────────────


async def test_more_capacity_is_issued_and_counted_once_however_often_it_is_asked_for(market: Market) -> None:
    issues = [await market.catalog.capacity.add(STANDARD, 5 * GB, ADMIN, "key") for _ in range(3)]
    await market.run_jobs()
    assert len({issue.id for issue in issues}) == 1
    assert (await market.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + 5 * GB
    inventory = market.ledger.counters("platform", "catalog", STANDARD, "inventory")
    assert inventory.balance == FIRST_CAPACITY_UNITS + 5 * GB


@pytest.mark.parametrize("lost", [False, True])
async def test_capacity_whose_request_died_is_issued_by_the_job(lost: bool, market: Market) -> None:
    market.catalog_asks.faults.add("ledger.Post", lost=lost)
    with pytest.raises(Unavailable):
        await market.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    assert (await market.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS
    market.clock.advance(6)
    await market.run_jobs()
    assert (await market.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + GB
    inventory = market.ledger.counters("platform", "catalog", STANDARD, "inventory")
    assert inventory.balance == FIRST_CAPACITY_UNITS + GB


async def test_capacity_that_stood_still_is_taken_up_by_timed_work(market: Market) -> None:
    market.catalog_asks.faults.add("ledger.Post")
    with pytest.raises(Unavailable):
        await market.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    await TIMED["resume_issues"].run(market.catalog)
    assert (await market.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + GB


async def test_capacity_is_counted_once_though_the_ledger_takes_minutes_and_others_finish_meanwhile(
    market: Market,
) -> None:
    async def everything_else(_name: str) -> None:
        market.clock.advance(300)
        await TIMED["resume_issues"].run(market.catalog)
        await market.run_jobs()

    for before in (True, False):
        slow = SlowChannel(market.server, "catalog", everything_else, before=before)
        catalog = make_catalog_on(slow, market.catalog_db, market.clock)
        capacity = (await market.catalog.product(STANDARD)).capacity_units
        issue = await catalog.capacity.add(STANDARD, 5 * GB, ADMIN, f"key-{before}")
        assert issue.done
        assert (await market.catalog.product(STANDARD)).capacity_units == capacity + 5 * GB
        inventory = market.ledger.counters("platform", "catalog", STANDARD, "inventory")
        assert inventory.balance == capacity + 5 * GB


async def test_the_same_key_for_other_capacity_is_refused(market: Market) -> None:
    await market.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    with pytest.raises(IdempotencyKeyReused):
        await market.catalog.capacity.add(STANDARD, 2 * GB, ADMIN, "key")


@pytest.mark.parametrize("units", [0, -1, 2**63 - 1])
async def test_capacity_out_of_range_is_refused(units: int, market: Market) -> None:
    with pytest.raises(Invalid):
        await market.catalog.capacity.add(STANDARD, units, ADMIN, "key")


# ── browsing ────────────────────────────────────────────────────────────────────────────────────────


async def test_offers_show_price_and_stock(market: Market) -> None:
    offers = {offer.product.asset: offer for offer in await market.catalog.offers("EUR")}
    assert len(offers) == len(FIRST_CATALOGUE)
    assert offers[STANDARD].available_units == FIRST_CAPACITY_UNITS
    price = offers[STANDARD].price
    assert price is not None
    assert price.currency == "EUR"


async def test_plans_are_offered_at_the_price_now(market: Market) -> None:
    plans = {plan.plan.id: plan for plan in await market.catalog.plans()}
    assert plans[f"{STANDARD}.10"].price == 30 * USD
    assert await market.catalog.plans("GBP") == []
