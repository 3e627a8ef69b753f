"""The state machine of the property tests: does the same to the ledger and to its plain model, and compares.

There are few people, few keys and few holds on purpose, so that interesting states are reached: a key that is used
again, a hold that is captured twice, a lot that is used up in the middle of something. `Ledgers` are
what is tested: the rules alone in memory, or the whole service on a database.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kit.books import ASSETS, CONSUMED, GB, USD, Books, books, platform, terms, user
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.ledger_in_memory import RulesInMemory
from tests.kit.ledger_model import LedgerModel
from tollway.kit.errors import Problem
from tollway.services.ledger.model.maintenance import HoldExpiry, LotExpiry
from tollway.services.ledger.model.metering import Reservation, UsageReading, UseReport
from tollway.services.ledger.model.posting import Leg, Posting, PostingReversal
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    LegKind,
    account_id,
    own_account,
)
from tollway.services.ledger.model.working_set import Command

PEOPLE = ("ann", "bob")
REFS = [
    *(user(name, asset) for name in PEOPLE for asset in (USD, GB)),
    platform("payments", USD, "clearing"),
    *(platform("orders", USD, purpose) for purpose in ("deferred", "revenue", "breakage")),
    platform("catalog", GB, "issuance"),
    platform("catalog", GB, "inventory"),
    CONSUMED,
    *(own_account(GB, purpose) for purpose in ("shortfall", "expired")),
]
LotView = tuple[int, int, str, int, int]


class LedgerUnderTest(Protocol):
    """What the machine drives. Answers are returned; refusals are raised."""

    def perform(self, command: Command) -> Any: ...
    def expire(self) -> None: ...
    def account(self, ref: AccountRef) -> Account: ...
    def hold(self, hold_id: str) -> tuple[int, str] | None: ...
    def lots(self, ref: AccountRef) -> list[LotView]: ...
    def close(self) -> None: ...


class Rules(RulesInMemory):
    """The rules alone, as the machine drives them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, ASSETS)
        self.know(*REFS)

    def expire(self) -> None:
        now_us = self.clock.now_us()
        for hold in list(self.state._holds.values()):
            self.perform(HoldExpiry(hold.id))
        lots = [lot for lots in self.state._lots.values() for lot in lots.values() if lot.remaining]
        for lot in sorted(lots, key=lambda one: (one.expires_at_us, one.id)):
            if 0 < lot.expires_at_us <= now_us:
                self.perform(LotExpiry(lot.id))

    def hold(self, hold_id: str) -> tuple[int, str] | None:
        found = self.state._holds.get(hold_id)
        return (found.remaining, found.state) if found else None

    def lots(self, ref: AccountRef) -> list[LotView]:
        lots = sorted(self.state.lots_of(account_id(ref)), key=lambda lot: lot.fifo_key)
        return [
            (lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.expires_at_us)
            for lot in lots
            if lot.remaining
        ]

    def close(self) -> None:
        """Nothing to let go of."""


class ServiceOnDatabase:
    """The whole service, batcher and all, on a real database."""

    def __init__(self, kind: Kind, clock: FakeClock) -> None:
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._context = books(kind, Path(self._folder.name), clock)
        self.states: Books = self._runner.run(self._context.__aenter__())

    def perform(self, command: Command) -> Any:
        return self._runner.run(self.states.ledger.batcher.submit(command))

    def expire(self) -> None:
        self._runner.run(self.states.ledger.expire())

    def account(self, ref: AccountRef) -> Account:
        return self._runner.run(self.states.account(ref))

    def hold(self, hold_id: str) -> tuple[int, str] | None:
        return self._runner.run(self._hold(hold_id))

    def lots(self, ref: AccountRef) -> list[LotView]:
        found = self._runner.run(self.states.ledger.lots(ref.owner_kind, ref.owner_id, ref.asset))
        return [(lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.expires_at_us) for lot in found]

    def close(self) -> None:
        self._runner.run(self.states.holds_true())
        self._runner.run(self._context.__aexit__(None, None, None))
        self._runner.close()
        self._folder.cleanup()

    async def _hold(self, hold_id: str) -> tuple[int, str] | None:
        from tollway.services.ledger.store import tables as t

        async with self.states.db.snapshot() as tx:
            row = await tx.first(t.hold.select().where(t.hold.c.id == hold_id))
        return (row.remaining, row.state) if row else None


SECOND_US = 1_000_000
names = st.sampled_from([f"key-{number}" for number in range(60)])
hold_ids = st.sampled_from([f"hld_{number}" for number in range(12)])
people = st.sampled_from(PEOPLE)
amounts = st.integers(1, 40)
lasting_s = st.sampled_from([0, 5, 20])


class LedgerMachine(RuleBasedStateMachine):
    """Set `make` to what gives a fresh ledger on a clock."""

    make: Callable[[FakeClock], LedgerUnderTest]
    holds = Bundle("holds")

    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.ledger = type(self).make(self.clock)
        self.model = LedgerModel({GB}, self.clock.now_us())
        self.txn_ids: dict[str, str] = {}
        self.moved: dict[str, tuple[int, ...]] = {}
        self.commands: list[tuple[str, list[Any]]] = []
        self.sequence = 0
        # Something to play with, or most of what follows would be refused.
        clearing, inventory = platform("payments", USD, "clearing"), platform("catalog", GB, "inventory")
        self._post(
            "begin",
            [
                ("post", clearing, user("ann"), 200),
                ("post", clearing, user("bob"), 100),
                ("post", platform("catalog", GB, "issuance"), inventory, 400),
                ("post", inventory, user("ann", GB), 50, (USD, 7, 0)),
                ("post", inventory, user("bob", GB), 60, (USD, 11, self._at(20))),
            ],
        )

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()

    # ── postings ────────────────────────────────────────────────────────────────────────────────────

    @rule(name=names, who=people, amount=amounts)
    def deposit(self, name: str, who: str, amount: int) -> None:
        self._post(name, [("post", platform("payments", USD, "clearing"), user(who), amount)])

    @rule(name=names, who=people, quantity=amounts, cost=st.integers(0, 20), lasting=lasting_s)
    def buy(self, name: str, who: str, quantity: int, cost: int, lasting: int) -> None:
        lot = (USD if cost else "", cost, self._at(lasting))
        legs: list[Any] = [("post", platform("catalog", GB, "inventory"), user(who, GB), quantity, lot)]
        if cost:
            legs.append(("post", user(who), platform("orders", USD, "deferred"), cost))
        self._post(name, legs)

    @rule(name=names, asset=st.sampled_from([USD, GB]), who=people, amount=amounts)
    def give(self, name: str, asset: str, who: str, amount: int) -> None:
        other = PEOPLE[1 - PEOPLE.index(who)]
        self._post(name, [("post", user(who, asset), user(other, asset), amount)])

    @rule(name=names, who=people, amount=amounts)
    def refund(self, name: str, who: str, amount: int) -> None:
        self._post(name, [("post", user(who, GB), platform("catalog", GB, "inventory"), amount)])

    @rule(
        name=names,
        asset=st.sampled_from([USD, GB]),
        who=people,
        amount=st.integers(1, 150),
        rest=st.booleans(),
    )
    def take_back(self, name: str, asset: str, who: str, amount: int, rest: bool) -> None:
        """Take what is there, up to an amount; perhaps from the other one too, and let the house pay a part."""
        to = platform("payments", USD, "clearing") if asset == USD else platform("catalog", GB, "inventory")
        legs: list[Any] = [("up_to", user(who, asset), to, amount)]
        if rest:
            legs.append(("up_to", user(PEOPLE[1 - PEOPLE.index(who)], asset), to, amount))
            legs.append(("up_to", to, user(who, asset), 3))
        self._post(name, legs)

    @rule(target=holds, name=names, hold_id=hold_ids, who=people, amount=amounts, lasting=lasting_s)
    def hold_money(self, name: str, hold_id: str, who: str, amount: int, lasting: int) -> str:
        deferred = platform("orders", USD, "deferred")
        self._post(name, [("hold", hold_id, user(who), deferred, amount, self._at(lasting))])
        return hold_id

    @rule(target=holds, name=names, hold_id=hold_ids, who=people, amount=amounts)
    def hold_stock(self, name: str, hold_id: str, who: str, amount: int) -> str:
        inventory = platform("catalog", GB, "inventory")
        self._post(name, [("hold", hold_id, inventory, user(who, GB), amount)])
        return hold_id

    @rule(name=names, hold_id=holds, amount=amounts, cost=st.integers(1, 20))
    def capture(self, name: str, hold_id: str, amount: int, cost: int) -> None:
        hold = self.model.state.holds.get(hold_id)
        lot = (USD, cost, 0) if hold and hold.credit[0] == "user" else None
        self._post(name, [("capture", hold_id, amount, lot)])

    @rule(name=names, one=holds, other=holds, amount=amounts)
    def capture_one_and_release_the_other(self, name: str, one: str, other: str, amount: int) -> None:
        self._post(name, [("capture", one, amount), ("release", other)])

    @rule(name=names, hold_id=holds, amount=st.integers(0, 20))
    def release(self, name: str, hold_id: str, amount: int) -> None:
        self._post(name, [("release", hold_id, amount)])

    @rule(name=names, hold_id=hold_ids)
    def release_anything(self, name: str, hold_id: str) -> None:
        self._post(name, [("release", hold_id, 0)])

    @precondition(lambda self: self.commands)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self._post(*data.draw(st.sampled_from(self.commands)))

    @precondition(lambda self: self.txn_ids)
    @rule(name=names, data=st.data())
    def reverse(self, name: str, data: st.DataObject) -> None:
        original = data.draw(st.sampled_from(sorted(self.txn_ids)))
        known = name in self.model.done
        expected = self.model.reverse(name, original)
        command = PostingReversal(self.txn_ids[original], "tests", name, "tester", "")
        actual = self._ask(command)
        self._note(name, actual, known=known)
        assert self._outcome(actual) == expected

    # ── metering ────────────────────────────────────────────────────────────────────────────────────

    @rule(
        target=holds,
        hold_id=hold_ids,
        who=people,
        want=amounts,
        divisor=st.integers(1, 4),
        least=st.integers(0, 9),
        lasting=lasting_s,
    )
    def reserve(self, hold_id: str, who: str, want: int, divisor: int, least: int, lasting: int) -> str:
        asked = Reservation(
            hold_id, user(who, GB), CONSUMED, want, self._at(lasting), "access", divisor, least
        )
        expected = self.model.reserve(
            hold_id, user(who, GB), CONSUMED, want, divisor, least, asked.expires_at_us
        )
        actual = self._ask(asked)
        assert (actual if isinstance(actual, str) else tuple(actual)) == expected
        return hold_id

    @rule(
        hold_id=holds,
        session=st.sampled_from(["flw_1", "flw_2"]),
        cumulative=st.integers(0, 60),
        age=st.sampled_from([0, 0, 0, 1, 2]),
        final=st.booleans(),
        release=st.booleans(),
    )
    def use(self, hold_id: str, session: str, cumulative: int, age: int, final: bool, release: bool) -> None:
        hold = self.model.state.holds.get(hold_id)
        if hold is not None and (hold.debit[2] != GB or hold.debit[0] != "user"):
            return
        self.sequence += 1
        marks = [(session, cumulative, max(1, self.sequence - age), final)]
        expected = self.model.use(hold_id, marks, release=release)
        actual = self._ask(
            UseReport(hold_id, tuple(UsageReading(*mark) for mark in marks), "access", release)
        )
        if not isinstance(actual, str):
            assert set(actual.costs) <= {USD}
            actual = (
                actual.posted,
                actual.remaining,
                actual.shortfall,
                actual.costs.get(USD, 0),
                actual.released,
            )
        assert actual == expected

    # ── time ────────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=st.integers(1, 15), look=st.booleans())
    def wait(self, seconds: int, look: bool) -> None:
        self.clock.advance(seconds)
        self.model.now = self.clock.now_us()
        if look:
            self.ledger.expire()
            self.model.expire()

    # ── what must be the same ───────────────────────────────────────────────────────────────────────

    @invariant()
    def same_books(self) -> None:
        if not hasattr(self, "ledger"):
            return
        for ref in REFS:
            account = self.ledger.account(ref)
            assert (account.balance, account.available) == (
                self.model.state.balance[ref],
                self.model.available(ref),
            ), ref
        for hold_id, hold in self.model.state.holds.items():
            assert self.ledger.hold(hold_id) == (hold.remaining, hold.state), hold_id
        for name in PEOPLE:
            ref = user(name, GB)
            assert self.ledger.lots(ref) == [
                (lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.expires_at)
                for lot in self.model.lots_of(ref)
            ]
            assert sum(lot[1] for lot in self.ledger.lots(ref)) == self.ledger.account(ref).balance

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _post(self, name: str, legs: list[Any]) -> None:
        self.commands.append((name, legs))
        known = name in self.model.done
        expected = self.model.post(name, legs)
        actual = self._ask(Posting("tests", name, "test", tuple(_leg(*leg) for leg in legs), "tester"))
        self._note(name, actual, known=known)
        assert self._outcome(actual) == expected

    def _note(self, name: str, actual: Any, *, known: bool) -> None:
        if not isinstance(actual, str):
            assert actual.replayed == known
            assert self.moved.setdefault(name, getattr(actual, "moved", ())) == getattr(actual, "moved", ())
            assert self.txn_ids.setdefault(name, actual.txn_id) == actual.txn_id

    def _ask(self, command: Command) -> Any:
        try:
            return self.ledger.perform(command)
        except Problem as refusal:
            return refusal.code

    def _outcome(self, actual: Any) -> str:
        return actual if isinstance(actual, str) else "applied"

    def _at(self, lasting_s: int) -> int:
        return self.clock.now_us() + lasting_s * SECOND_US if lasting_s else 0


def _leg(kind: str, *args: Any) -> Leg:
    if kind == "post":
        debit, credit, amount, *lot = args
        return Leg(LegKind.POST, debit, credit, amount, lot=terms(*lot[0]) if lot and lot[0] else None)
    if kind == "up_to":
        return Leg(LegKind.POST, *args, up_to=True)
    if kind == "hold":
        hold_id, debit, credit, amount, *end = args
        return Leg(LegKind.HOLD, debit, credit, amount, hold_id, *end)
    hold_id, amount, *lot = (*args, 0)[:3] if kind == "release" and len(args) == 1 else args
    return Leg(LegKind(kind), None, None, amount, hold_id, lot=terms(*lot[0]) if lot and lot[0] else None)


def machine_on(make: Callable[[FakeClock], LedgerUnderTest]) -> type[LedgerMachine]:
    """Give the machine for one kind of ledger."""
    return type("Machine", (LedgerMachine,), {"make": staticmethod(make)})
