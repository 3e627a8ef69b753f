"""The catalogue on real databases, with a ledger behind its service API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.delays import SlowChannel
from tests.kit.market import GB, STANDARD, USD, Market, make_catalog, make_catalog_on, market
from tollway.contracts.errors import IdempotencyKeyReused, UnknownAsset
from tollway.fabric.db import tables
from tollway.kit.errors import DeadlineExceeded, Invalid, Unavailable
from tollway.services.catalog.jobs import TIMED
from tollway.services.catalog.model import FIRST_CAPACITY_UNITS, FIRST_CATALOGUE

ADMIN = "usr_admin"


@pytest.fixture
async def shop(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with market(kind, tmp_path, clock) as opened:
        yield opened


def sell(shop: Market, units: int) -> None:
    """Take units out of the inventory, and let the last look at it grow old."""
    shop.ledger.sell(STANDARD, units)
    shop.clock.advance(4)


# ── seeding ─────────────────────────────────────────────────────────────────────────────────────────


async def test_seeding_again_changes_nothing(shop: Market) -> None:
    posts = list(shop.ledger.posts)
    await shop.catalog.prepare()
    assert len(await shop.catalog.editor.products()) == len(FIRST_CATALOGUE)
    assert shop.ledger.posts == posts
    assert (await shop.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS
    assert (
        shop.ledger.counters("platform", "catalog", STANDARD, "inventory").available == FIRST_CAPACITY_UNITS
    )


async def test_seeding_tells_the_ledger_of_money_and_access(shop: Market) -> None:
    assert {"USD", "EUR"} < set(shop.ledger.assets)
    assert shop.ledger.assets["USD"].scale == 6
    assert (shop.ledger.assets[STANDARD].scale, shop.ledger.assets[STANDARD].unit) == (0, "byte")


async def test_what_an_operator_changed_survives_seeding(shop: Market) -> None:
    await shop.catalog.editor.set_price(STANDARD, "USD", 9 * USD, ADMIN)
    await shop.catalog.prepare()
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == 9 * USD


@pytest.mark.parametrize("lost", [False, True])
async def test_seeding_that_was_cut_off_is_finished_by_the_next(
    lost: bool, kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with market(kind, tmp_path, clock, seeded=False) as shop:
        shop.catalog_asks.faults.add("ledger.Post", lost=lost)
        with pytest.raises(Unavailable):
            await shop.catalog.prepare()
        await shop.catalog.prepare()
        for product, _ in FIRST_CATALOGUE:
            assert (await shop.catalog.product(product.asset)).capacity_units == FIRST_CAPACITY_UNITS
            inventory = shop.ledger.counters("platform", "catalog", product.asset, "inventory")
            assert inventory.balance == FIRST_CAPACITY_UNITS


# ── prices ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_price_is_the_list_price_while_there_is_plenty(shop: Market) -> None:
    price = await shop.catalog.price(STANDARD, "USD")
    assert (price.ask_per_lot, price.bid_per_lot, price.lot_units) == (3 * USD, 2_700_000, GB)
    assert (await shop.catalog.price(STANDARD, "EUR")).ask_per_lot == 2_800_000


async def test_scarcity_raises_the_price(shop: Market) -> None:
    sell(shop, FIRST_CAPACITY_UNITS * 8 // 10)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000
    sell(shop, FIRST_CAPACITY_UNITS * 2 // 10)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == 3_900_000


async def test_a_price_rests_on_the_same_look_for_a_few_seconds(shop: Market) -> None:
    before = await shop.catalog.price(STANDARD, "USD")
    shop.ledger.sell(STANDARD, FIRST_CAPACITY_UNITS)
    shop.clock.advance(2.9)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == before.ask_per_lot
    shop.clock.advance(0.2)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot > before.ask_per_lot


@pytest.mark.parametrize("problem", [Unavailable(), DeadlineExceeded()])
async def test_while_the_ledger_is_down_prices_keep_the_last_known_scarcity(
    problem: Exception, shop: Market
) -> None:
    sell(shop, FIRST_CAPACITY_UNITS * 8 // 10)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000
    shop.catalog_asks.faults.add("ledger", problem, times=1000)
    sell(shop, 0)
    assert (await shop.catalog.price(STANDARD, "USD")).ask_per_lot == 3_225_000


async def test_a_catalogue_that_never_saw_the_ledger_asks_the_list_price(shop: Market) -> None:
    fresh, channel = make_catalog(shop.server, shop.catalog_db, shop.clock)
    channel.faults.add("ledger", times=1000)
    assert (await fresh.price(STANDARD, "USD")).ask_per_lot == 3 * USD
    assert (await fresh.offer(STANDARD)).available_units is None


async def test_a_crowd_asks_the_ledger_once(shop: Market) -> None:
    fresh, _ = make_catalog(shop.server, shop.catalog_db, shop.clock)
    looks = shop.ledger.looks
    await asyncio.gather(*(fresh.price(STANDARD, "USD") for _ in range(20)))
    assert shop.ledger.looks == looks + 1


async def test_a_new_price_is_announced_and_kept_in_the_history(shop: Market) -> None:
    shop.clock.advance(60)
    await shop.catalog.editor.set_price(STANDARD, "USD", 4 * USD, ADMIN)
    page = await shop.catalog.price_history(STANDARD, "USD", 1, "")
    rest = await shop.catalog.price_history(STANDARD, "USD", 1, page.next_cursor)
    assert [(one.per_lot, one.actor) for one in page.items] == [(4 * USD, ADMIN)]
    assert [(one.per_lot, one.actor) for one in rest.items] == [(3 * USD, "catalog")]
    assert rest.next_cursor == ""
    async with shop.catalog_db.snapshot() as tx:
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
    asset: str, currency: str, per_lot: int, problem: type[Exception], shop: Market
) -> None:
    with pytest.raises(problem):
        await shop.catalog.editor.set_price(asset, currency, per_lot, ADMIN)


async def test_what_is_not_sold_has_no_price(shop: Market) -> None:
    with pytest.raises(UnknownAsset):
        await shop.catalog.price("nothing.at.all", "USD")
    with pytest.raises(Invalid, match="GBP"):
        await shop.catalog.price(STANDARD, "GBP")


@pytest.mark.parametrize(
    "cursor", ["WyJhIl0", "Wy0xXQ", "WzFlOTld", "W10", "???", "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd"]
)
async def test_a_cursor_of_another_list_is_refused(cursor: str, shop: Market) -> None:
    with pytest.raises(Invalid):
        await shop.catalog.price_history(STANDARD, "USD", 10, cursor)


async def test_an_estimate_is_the_cost_at_the_ask(shop: Market) -> None:
    estimate = await shop.catalog.price_line(STANDARD, 1_000_001, "USD")
    assert estimate.list_price == 3001  # 3000.003 rounded up
    with pytest.raises(Invalid):
        await shop.catalog.price_line(STANDARD, 1, "USD")


async def test_a_price_that_binds_reads_the_inventory_anew_and_counts_what_is_promised(shop: Market) -> None:
    await shop.catalog.price(STANDARD, "USD")
    shop.ledger.counters("platform", "catalog", STANDARD, "inventory").debits += FIRST_CAPACITY_UNITS // 2
    assert (await shop.catalog.price_line(STANDARD, GB, "USD")).ask_per_lot == 3 * USD
    binding = shop.catalog.binding_price_line
    assert (await binding(STANDARD, GB, "USD", 0)).ask_per_lot == 3 * USD
    assert (await binding(STANDARD, GB, "USD", FIRST_CAPACITY_UNITS * 3 // 10)).ask_per_lot == 3_225_000, (
        "half is sold and three tenths are promised"
    )
    assert (await binding(STANDARD, GB, "USD", FIRST_CAPACITY_UNITS)).ask_per_lot == 3_900_000


async def test_a_crowd_that_wants_prices_that_bind_shares_the_reads(shop: Market) -> None:
    async def others_turn(_name: str) -> None:
        await asyncio.sleep(0)

    slow = SlowChannel(shop.server, "catalog", others_turn, before=True)
    catalog = make_catalog_on(slow, shop.catalog_db, shop.clock)
    looks = shop.ledger.looks
    await asyncio.gather(*(catalog.binding_price_line(STANDARD, GB, "USD", 0) for _ in range(20)))
    assert shop.ledger.looks <= looks + 2


# ── capacity ────────────────────────────────────────────────────────────────────────────────────────


async def test_more_capacity_is_issued_and_counted_once_however_often_it_is_asked_for(shop: Market) -> None:
    issues = [await shop.catalog.capacity.add(STANDARD, 5 * GB, ADMIN, "key") for _ in range(3)]
    await shop.run_jobs()
    assert len({issue.id for issue in issues}) == 1
    assert (await shop.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + 5 * GB
    inventory = shop.ledger.counters("platform", "catalog", STANDARD, "inventory")
    assert inventory.balance == FIRST_CAPACITY_UNITS + 5 * GB


@pytest.mark.parametrize("lost", [False, True])
async def test_capacity_whose_request_died_is_issued_by_the_job(lost: bool, shop: Market) -> None:
    shop.catalog_asks.faults.add("ledger.Post", lost=lost)
    with pytest.raises(Unavailable):
        await shop.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    assert (await shop.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS
    shop.clock.advance(6)
    await shop.run_jobs()
    assert (await shop.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + GB
    inventory = shop.ledger.counters("platform", "catalog", STANDARD, "inventory")
    assert inventory.balance == FIRST_CAPACITY_UNITS + GB


async def test_capacity_that_stood_still_is_taken_up_by_the_janitor(shop: Market) -> None:
    shop.catalog_asks.faults.add("ledger.Post")
    with pytest.raises(Unavailable):
        await shop.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    await TIMED["resume_issues"].run(shop.catalog)
    assert (await shop.catalog.product(STANDARD)).capacity_units == FIRST_CAPACITY_UNITS + GB


async def test_capacity_is_counted_once_though_the_ledger_takes_minutes_and_others_finish_meanwhile(
    shop: Market,
) -> None:
    async def everything_else(_name: str) -> None:
        shop.clock.advance(300)
        await TIMED["resume_issues"].run(shop.catalog)
        await shop.run_jobs()

    for before in (True, False):
        slow = SlowChannel(shop.server, "catalog", everything_else, before=before)
        catalog = make_catalog_on(slow, shop.catalog_db, shop.clock)
        capacity = (await shop.catalog.product(STANDARD)).capacity_units
        issue = await catalog.capacity.add(STANDARD, 5 * GB, ADMIN, f"key-{before}")
        assert issue.done
        assert (await shop.catalog.product(STANDARD)).capacity_units == capacity + 5 * GB
        inventory = shop.ledger.counters("platform", "catalog", STANDARD, "inventory")
        assert inventory.balance == capacity + 5 * GB


async def test_the_same_key_for_other_capacity_is_refused(shop: Market) -> None:
    await shop.catalog.capacity.add(STANDARD, GB, ADMIN, "key")
    with pytest.raises(IdempotencyKeyReused):
        await shop.catalog.capacity.add(STANDARD, 2 * GB, ADMIN, "key")


@pytest.mark.parametrize("units", [0, -1, 2**63 - 1])
async def test_capacity_out_of_range_is_refused(units: int, shop: Market) -> None:
    with pytest.raises(Invalid):
        await shop.catalog.capacity.add(STANDARD, units, ADMIN, "key")


# ── browsing ────────────────────────────────────────────────────────────────────────────────────────


async def test_offers_show_price_and_stock(shop: Market) -> None:
    offers = {offer.product.asset: offer for offer in await shop.catalog.offers("EUR")}
    assert len(offers) == len(FIRST_CATALOGUE)
    assert offers[STANDARD].available_units == FIRST_CAPACITY_UNITS
    assert offers[STANDARD].price is not None
    assert offers[STANDARD].price.currency == "EUR"


async def test_plans_are_offered_at_the_price_now(shop: Market) -> None:
    plans = {plan.plan.id: plan for plan in await shop.catalog.plans()}
    assert plans[f"{STANDARD}.10"].price == 30 * USD
    assert await shop.catalog.plans("GBP") == []
