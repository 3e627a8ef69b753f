"""The order saga with the real ledger, killed between any two steps: money and bytes move once, or not at all.

A life is an instance of the service that dies at a point of its own: before or after a call at a service API, before or
after a commit. After each life time passes, and a fresh instance on the same database goes on: the customer
asks again, or cancels; the job runs; timed work resumes it. However that was mixed, in the end the order
is filled, with the price and the bytes moved exactly once, or it failed and nothing moved.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.killing import Fate, Killed
from tests.kit.market import BUDGET, GB, STANDARD, USD, Market, running_market
from tests.kit.typing import settings_of
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
from tollway.fabric.rpc import LocalChannel
from tollway.kit.errors import Problem, Unavailable
from tollway.kit.ids import new_id
from tollway.services.ledger.rpc import LedgerRpc
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.settings import LedgerSettings
from tollway.services.orders.jobs import resume_orders
from tollway.services.orders.model import STOPPABLE, Move, Order, OrderState
from tollway.services.orders.service import Orders, postings
from tollway.services.orders.service import market as market_module
from tollway.services.orders.service import saga as saga_module
from tollway.services.orders.service.saga import Saga

pytestmark = pytest.mark.slow

Story = Literal["enough", "too poor", "sold out"]
STORIES: tuple[Story, ...] = ("enough", "too poor", "sold out")
EXPECTED = {
    "enough": (OrderState.FILLED, ""),
    "too poor": (OrderState.FAILED, "insufficient_funds"),
    "sold out": (OrderState.FAILED, "sold_out"),
}
Way = Literal["ask again", "ask again at a quote", "cancel", "job", "timed work"]
WAYS: tuple[Way, ...] = ("ask again", "ask again at a quote", "cancel", "job", "timed work")
# A second quote changes nothing once an order is written down; it gets its turn among the short lives.
SHORT_WAYS: tuple[Way, ...] = ("ask again", "cancel", "job", "timed work")
# Long enough for: nothing, the job, timed work, the deadline, the holds to lapse.
PAUSES_S = (0, 6, 11, 70, 4000)
KEY = "the one key"


@pytest.fixture
async def ledger(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Ledger]:
    async with database(kind, tmp_path, clock, service_migrations("ledger"), "ledger") as db:
        service = Ledger(db, clock, settings_of(LedgerSettings, batch_wait_s=0), bytes(32))
        await service.start()
        yield service
        await service.stop()


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock, ledger: Ledger) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock, ledger_api=LedgerRpc(ledger)) as opened:
        await empty_the_shelf(opened, BUDGET)
        yield opened
        await ledger.seal()  # a timed job in a running ledger; here hours passed without it
        await the_books_balance(ledger)


# ── the stories ─────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_bought_is_in_the_portfolio_with_its_cost(market: Market) -> None:
    buyer = await Buyer.arrive(market, "enough")
    await buyer.ask(market.orders)
    order = await buyer.settled_once()
    assert order is not None
    portfolio = await market.orders.portfolio.of(buyer.user_id, "USD")
    assert [(cash.currency, cash.available) for cash in portfolio.cash] == [("USD", 7 * USD)]
    (holding,) = portfolio.holdings
    (lot,) = holding.lots
    assert (holding.remaining, holding.used, holding.reserved) == (GB, 0, 0)
    assert (lot.remaining, lot.remaining_cost, lot.transaction_id) == (GB, 3 * USD, order.transaction_id)
    assert lot.expires_at_us == order.lot_expires_at_us
    assert holding.market_value == 2_700_000


@pytest.mark.parametrize("story", STORIES)
async def test_killed_at_every_point_and_recovered_in_every_way(story: Story, market: Market) -> None:
    await kill_everywhere(market, story)


lives = st.lists(
    st.tuples(st.integers(0, 24), st.sampled_from(WAYS), st.sampled_from(PAUSES_S), st.booleans()),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.sampled_from(STORIES), lives=lives, fee_ppm=st.sampled_from((0, 25_000)))
async def test_any_number_of_short_lives_comes_to_one_end(
    story: Story, lives: list[tuple[int, Way, int, bool]], fee_ppm: int, market: Market, ledger: Ledger
) -> None:
    buyer = await Buyer.arrive(market, story, fee_ppm)
    for survives, way, pause_s, ledger_tidies in lives:
        with contextlib.suppress(Killed, Problem):
            await buyer.go_on(way, buyer.orders(Fate(survives)))
        market.clock.advance(pause_s)
        if ledger_tidies:
            await ledger.expire()
    await buyer.settled_once()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.sampled_from(STORIES),
    fates=st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=2, max_size=4),
    ways=st.lists(st.sampled_from(WAYS), min_size=4, max_size=4),
)
async def test_lives_side_by_side_come_to_one_end(
    story: Story, fates: list[int | None], ways: list[Way], market: Market
) -> None:
    buyer = await Buyer.arrive(market, story)
    with contextlib.suppress(Killed, Problem):
        await buyer.ask(market.another_orders(Fate(8)))
    market.clock.advance(11)
    going_on = [
        buyer.go_on(way, market.another_orders(Fate(fate))) for way, fate in zip(ways, fates, strict=False)
    ]
    await asyncio.gather(*going_on, return_exceptions=True)
    await buyer.settled_once()


# ── a test of the tests ─────────────────────────────────────────────────────────────────────────────


async def release_what_is_known(saga: Saga, order: Order) -> Move:
    """Forget that a step may have been carried out although nobody heard the answer."""
    if order.turned_from != OrderState.PLACED:
        await saga._refused(postings.release_funds(order))
    if order.turned_from == OrderState.ALLOCATED:
        await saga._refused(postings.release_capacity(order))
    return Move(OrderState.CANCELLED)


def a_new_key_for_each_attempt(order: Order, step: str, code: str, legs: Any) -> pb.PostRequest:
    return pb.PostRequest(scope="orders", key=new_id(step), code=code, legs=legs, actor=order.user_id)


BUGS: dict[str, tuple[Any, str, Any]] = {
    "a new key for each attempt": (postings, "_post", a_new_key_for_each_attempt),
    "release only what is known": (Saga, "_release", release_what_is_known),
    "cancel past the pivot": (market_module, "STOPPABLE", frozenset({*STOPPABLE, OrderState.ALLOCATED})),
    "no answer is a refusal": (saga_module, "_is_refusal", lambda _: True),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_a_seeded_bug_is_found(
    bug: str, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*BUGS[bug])
    async with running_market("sqlite", tmp_path, clock) as market:
        with pytest.raises(AssertionError):
            await kill_everywhere(market, "enough")


async def kill_everywhere(market: Market, story: Story) -> None:
    """End a life, or lose a call or its answer, at every point in turn, and go on in every way."""
    whole = Fate()
    buyer = await Buyer.arrive(market, story)
    await buyer.ask(market.another_orders(whole))
    await buyer.settled_once()
    ends = [Fate(survives=point) for point in range(len(whole.passed))]
    stumbles = [Fate(unheard=point) for point, name in enumerate(whole.passed) if name.startswith("ask")]
    for fate, way in itertools.product([*ends, *stumbles], SHORT_WAYS):
        fate.passed.clear()
        buyer = await Buyer.arrive(market, story)
        with contextlib.suppress(Killed, Unavailable):
            await buyer.ask(market.another_orders(fate))
        market.clock.advance(11)
        with contextlib.suppress(Problem):
            await buyer.go_on(way, market.another_orders())
        order = await buyer.settled_once()
        if order is not None and way != "cancel":
            assert (order.state, order.reason) == buyer.expected


# ── who they are about ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Figures:
    """What the ledger says about one customer and the platform, held units included."""

    wallet: tuple[int, int]
    holdings: tuple[int, int]
    lots: tuple[tuple[int, int], ...]
    inventory: tuple[int, int]
    deferred: tuple[int, int]
    fee: tuple[int, int]


class Buyer:
    """A customer who wants 1 GB for 3.00 USD (or what is sold out), and what they and the platform had before."""

    def __init__(self, market: Market, story: Story) -> None:
        self.market = market
        self.user_id = new_id("usr")
        self.asset = BUDGET if story == "sold out" else STANDARD
        self.funds = 2 * USD if story == "too poor" else 10 * USD
        self.expected = EXPECTED[story]
        self._quote_id = ""
        self.before: Figures

    @classmethod
    async def arrive(cls, market: Market, story: Story, fee_ppm: int = 0) -> "Buyer":
        market.set_fee(fee_ppm)
        buyer = cls(market, story)
        await deposit(market, buyer.user_id, buyer.funds)
        buyer._quote_id = (await buyer.orders().quotes.offer(buyer.user_id, buyer.asset, GB, "USD")).id
        buyer.before = await buyer.figures()
        return buyer

    def orders(self, fate: Fate | None = None) -> Orders:
        return self.market.another_orders(fate)

    async def ask(self, service: Orders) -> None:
        await service.market.place(self.user_id, self.asset, GB, "USD", None, KEY)

    async def go_on(self, way: Way, service: Orders) -> None:
        ways: dict[Way, Callable[[], Awaitable[Any]]] = {
            "ask again": lambda: self.ask(service),
            "ask again at a quote": lambda: service.market.place_quoted(self.user_id, self._quote_id, KEY),
            "cancel": lambda: self._cancel(service),
            "job": lambda: self.market.run_jobs(service),
            "timed work": lambda: resume_orders(service),
        }
        await ways[way]()

    async def settled_once(self) -> Order | None:
        """Let everything that is left be taken up; then there is one order at its end, or none, and it is true."""
        self.market.clock.advance(11)
        await resume_orders(self.orders())
        orders = (await self.orders().market.list(self.user_id, 10, "")).items
        assert len(orders) <= 1
        after = await self.figures()
        if not orders or orders[0].state in {OrderState.FAILED, OrderState.CANCELLED}:
            assert after == self.before
        else:
            assert orders[0].state == OrderState.FILLED
            assert after == self._bought(orders[0])
        if orders:
            ending = "ORDER_FILLED" if orders[0].state == OrderState.FILLED else "ORDER_FAILED"
            assert await self.market.events(orders[0].id) == ["ORDER_PLACED", ending]
        return orders[0] if orders else None

    def _bought(self, order: Order) -> Figures:
        was, terms = self.before, order.terms
        return Figures(
            wallet=(was.wallet[0] - terms.price - terms.fee, 0),
            holdings=(terms.quantity, 0),
            lots=((terms.quantity, terms.price),),
            inventory=(was.inventory[0] - terms.quantity, was.inventory[1]),
            deferred=(was.deferred[0] + terms.price, was.deferred[1]),
            fee=(was.fee[0] + terms.fee, was.fee[1]),
        )

    async def _cancel(self, service: Orders) -> None:
        for order in (await service.market.list(self.user_id, 10, "")).items:
            await service.market.cancel(self.user_id, order.id)

    async def figures(self) -> Figures:
        ledger = ask_ledger(self.market)
        own = await accounts_of(ledger, "user", self.user_id)
        platform = await accounts_of(ledger, "platform", "orders")
        stock = await accounts_of(ledger, "platform", "catalog")
        lots = await ledger.ListLots(
            pb.ListLotsRequest(owner_kind="user", owner_id=self.user_id, asset=self.asset, include_empty=True)
        )
        return Figures(
            wallet=own.get(("USD", "available"), (0, 0)),
            holdings=own.get((self.asset, "available"), (0, 0)),
            lots=tuple((lot.remaining, lot.cost) for lot in lots.lots),
            inventory=stock[(self.asset, "inventory")],
            deferred=platform.get(("USD", "deferred"), (0, 0)),
            fee=platform.get(("USD", "fee"), (0, 0)),
        )


# ── the ledger, asked as anybody asks it ────────────────────────────────────────────────────────────


def ask_ledger(market: Market) -> Any:
    return ledger_pb2_grpc.LedgerStub(LocalChannel(market.server, "tester"))


async def accounts_of(ledger: Any, owner_kind: str, owner_id: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Map (asset, purpose) to (balance, units held in or out)."""
    answer = await ledger.ListAccounts(pb.ListAccountsRequest(owner_kind=owner_kind, owner_id=owner_id))
    return {
        (one.ref.asset, one.ref.purpose): (one.balance, one.debits_pending + one.credits_pending)
        for one in answer.accounts
    }


async def deposit(market: Market, user_id: str, units: int) -> None:
    await post(
        market,
        pb.AccountRef(owner_kind="platform", owner_id="payments", asset="USD", purpose="clearing"),
        pb.AccountRef(owner_kind="user", owner_id=user_id, asset="USD", purpose="available"),
        units,
    )


async def empty_the_shelf(market: Market, asset: str) -> None:
    """Leave one byte less than the buyers want."""
    inventory = pb.AccountRef(owner_kind="platform", owner_id="catalog", asset=asset, purpose="inventory")
    issuance = pb.AccountRef(owner_kind="platform", owner_id="catalog", asset=asset, purpose="issuance")
    stock = await accounts_of(ask_ledger(market), "platform", "catalog")
    await post(market, inventory, issuance, stock[(asset, "inventory")][0] - GB + 1)


async def post(market: Market, debit: pb.AccountRef, credit: pb.AccountRef, units: int) -> None:
    leg = pb.Leg(kind=pb.LEG_KIND_POST, debit=debit, credit=credit, amount=units)
    request = pb.PostRequest(scope="tester", key=new_id("key"), code="deposit", legs=[leg], actor="tester")
    await ask_ledger(market).Post(request)


async def the_books_balance(ledger: Ledger) -> None:
    verified = await ledger.verify()
    assert verified.findings == ()
    assert verified.holds_open == 0
