"""A ledger for tests, with the words of the business: `books.deposit("ann", 20)`, `books.buy("ann", 10, cost=3)`.

People are called by short names; `ann` is the user usr_ann. Amounts are plain units. The access asset is GB,
the money USD.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.typing import settings_of
from tollway.fabric.db import Database
from tollway.kit.errors import Problem
from tollway.services.ledger.model.metering import (
    Charged,
    Reservation,
    ReservedSlice,
    UsageReading,
    UseReport,
)
from tollway.services.ledger.model.posting import Leg, Posting, Receipt
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    CostAccounts,
    LegKind,
    LotTerms,
    account_id,
)
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.settings import LedgerSettings

USD, EUR, GB, SEAT = "USD", "EUR", "gb", "seat"
SEED = bytes(range(32))
ASSETS = (
    Asset(USD, "money", 6, USD, transferable=True),
    Asset(EUR, "money", 6, EUR, transferable=True),
    Asset(GB, "access", 0, "byte", transferable=True),
    Asset(SEAT, "access", 0, "second", transferable=False),
)


def user(name: str, asset: str = USD) -> AccountRef:
    return AccountRef("user", f"usr_{name}", asset, "available")


def platform(service: str, asset: str, purpose: str) -> AccountRef:
    return AccountRef("platform", service, asset, purpose)


CLEARING = platform("payments", USD, "clearing")
DEFERRED = platform("orders", USD, "deferred")
REVENUE = platform("orders", USD, "revenue")
BREAKAGE = platform("orders", USD, "breakage")
ISSUANCE = platform("catalog", GB, "issuance")
INVENTORY = platform("catalog", GB, "inventory")
CONSUMED = platform("access", GB, "consumed")
SHORTFALL = platform("ledger", GB, "shortfall")
EXPIRED = platform("ledger", GB, "expired")


def terms(cost_asset: str, cost: int, expires_at_us: int = 0) -> LotTerms:
    """The terms of a lot that orders sold; without an asset, of one that was given away."""
    if not cost_asset:
        return LotTerms(cost, expires_at_us)
    accounts = (platform("orders", cost_asset, purpose) for purpose in ("deferred", "revenue", "breakage"))
    return LotTerms(cost, expires_at_us, CostAccounts(*accounts))


def post(debit: AccountRef, credit: AccountRef, amount: int, lot: LotTerms | None = None) -> Leg:
    return Leg(LegKind.POST, debit, credit, amount, lot=lot)


def hold(hold_id: str, debit: AccountRef, credit: AccountRef, amount: int, expires_at_us: int = 0) -> Leg:
    return Leg(LegKind.HOLD, debit, credit, amount, hold_id, expires_at_us)


def capture(hold_id: str, amount: int, lot: LotTerms | None = None) -> Leg:
    return Leg(LegKind.CAPTURE, None, None, amount, hold_id, lot=lot)


def release(hold_id: str, amount: int = 0) -> Leg:
    return Leg(LegKind.RELEASE, None, None, amount, hold_id)


def posting(key: str, *legs: Leg, code: str = "test", actor: str = "tester") -> Posting:
    return Posting("tests", key, code, legs, actor)


@dataclass
class Books:
    """A ledger with assets, and short words for what happens in it."""

    ledger: Ledger
    db: Database
    clock: FakeClock
    _numbers: count = field(default_factory=lambda: count(1))

    async def post(self, *legs: Leg, key: str = "", code: str = "test") -> Receipt:
        return await self.ledger.submit(posting(key or f"t{next(self._numbers)}", *legs, code=code))

    async def post_many(self, postings: Sequence[Posting]) -> list[Receipt | Problem]:
        """Post many at the same time; each has its own outcome, in order."""
        outcomes = await asyncio.gather(*map(self.ledger.submit, postings), return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, Receipt | Problem), outcome
        return outcomes  # pyright: ignore[reportReturnType]

    async def deposit(self, name: str, amount: int) -> Receipt:
        return await self.post(post(CLEARING, user(name), amount), code="deposit")

    async def issue(self, amount: int) -> Receipt:
        return await self.post(post(ISSUANCE, INVENTORY, amount), code="issue")

    async def buy(self, name: str, quantity: int, *, cost: int = 0, expires_in_s: float = 0) -> Receipt:
        """Buy access, delivery versus payment: money to deferred, access from the inventory, one lot."""
        expires_at_us = self.clock.now_us() + int(expires_in_s * 1_000_000) if expires_in_s else 0
        legs = [post(INVENTORY, user(name, GB), quantity, terms(USD, cost, expires_at_us))]
        if cost:
            legs.insert(0, post(user(name), DEFERRED, cost))
        return await self.post(*legs, code="buy")

    async def stock(self, name: str, quantity: int, *, cost: int = 0, expires_in_s: float = 0) -> Receipt:
        """Give somebody access out of nothing: issue it, pay for it, buy it."""
        await self.issue(quantity)
        if cost:
            await self.deposit(name, cost)
        return await self.buy(name, quantity, cost=cost, expires_in_s=expires_in_s)

    async def reserve(
        self, hold_id: str, name: str, want: int, *, divisor: int = 1, floor: int = 0, lasts_s: float = 0
    ) -> ReservedSlice:
        expires_at_us = self.clock.now_us() + int(lasts_s * 1_000_000) if lasts_s else 0
        asked = Reservation(hold_id, user(name, GB), CONSUMED, want, expires_at_us, "access", divisor, floor)
        return await self.ledger.reserve(asked)

    async def use(self, hold_id: str, *marks: UsageReading, release: bool = False) -> Charged:
        return await self.ledger.record_use(UseReport(hold_id, marks, "access", release))

    async def account(self, ref: AccountRef) -> Account:
        """The account, with all counters zero when nothing was ever booked on it."""
        async with self.db.snapshot() as tx:
            from tollway.services.ledger.store import reading

            return await reading.account(tx, account_id(ref)) or Account(account_id(ref), ref, limited=False)

    async def balance(self, ref: AccountRef) -> int:
        return (await self.account(ref)).balance

    async def available(self, ref: AccountRef) -> int:
        return (await self.account(ref)).available

    async def holds_true(self) -> None:
        """Seal and prove everything; a finding fails the test."""
        await self.ledger.seal()
        verdict = await self.ledger.verify()
        assert verdict.findings == ()


@asynccontextmanager
async def books(
    kind: Kind, folder: Path, clock: FakeClock, settings: LedgerSettings | None = None
) -> AsyncIterator[Books]:
    """Give started books in which the assets are defined; at the end prove that they hold."""
    async with database(kind, folder, clock, service_migrations("ledger"), "ledger") as db:
        ledger = Ledger(db, clock, settings or settings_of(LedgerSettings), SEED, ("USD", "EUR"))
        await ledger.start()
        try:
            for asset in ASSETS:
                await ledger.define_asset(asset)
            yield Books(ledger, db, clock)
        finally:
            await ledger.stop()
