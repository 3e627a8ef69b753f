"""What the ledger should do, as plainly as it can be said: dictionaries, no batches, no versions, no database.

It is the oracle of the property tests, so it shares no code with the ledger. An account is a tuple
(owner_kind, owner_id, asset, purpose). Operations answer with what the ledger should answer, or with the
code of the refusal.
"""

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from math import floor, inf
from typing import Any

Ref = tuple[str, str, str, str]


class Refused(Exception):
    """The books forbid it."""


@dataclass
class HoldModel:
    debit: Ref
    credit: Ref
    amount: int
    remaining: int
    expires_at: int
    state: str = "open"


@dataclass
class LotModel:
    owner: Ref
    quantity: int
    remaining: int
    cost_asset: str
    cost: int
    expires_at: int
    age: int
    made_by: str  # the name of the transaction that brought it

    def cost_of(self, units: int) -> int:
        """Cumulative: what all units used so far have cost, less what they had cost before."""
        used = self.quantity - self.remaining
        return self._cost_up_to(used + units) - self._cost_up_to(used)

    def _cost_up_to(self, used: int) -> int:
        return floor(Fraction(self.cost) * used / self.quantity)


@dataclass
class State:
    balance: defaultdict[Ref, int] = field(default_factory=lambda: defaultdict(int))
    held: defaultdict[Ref, int] = field(default_factory=lambda: defaultdict(int))
    holds: dict[str, HoldModel] = field(default_factory=dict)
    lots: list[LotModel] = field(default_factory=list)


@dataclass
class Done:
    contents: Any
    outcome: str
    effects: list[Any] = field(default_factory=list)  # what a reversal must undo
    is_reversed: bool = False


class LedgerModel:
    def __init__(self, access: set[str], now: int = 0) -> None:
        self.access = access
        self.now = now
        self.state = State()
        self.done: dict[str, Done] = {}
        self.marks: dict[str, tuple[int, int, bool]] = {}
        self.ages = count()
        self._effects: list[Any] = []
        self._name = ""

    # ── postings ────────────────────────────────────────────────────────────────────────────────────

    def post(self, name: str, legs: list[tuple[Any, ...]]) -> str:
        return self._once(name, ("post", legs), lambda: [self._leg(*leg) for leg in legs])

    def reverse(self, name: str, original: str) -> str:
        return self._once(name, ("reverse", original), lambda: self._undo(original))

    def _once(self, name: str, contents: Any, work: Any) -> str:
        if name in self.done:
            known = self.done[name]
            return known.outcome if known.contents == contents else "key_reused"
        before = deepcopy(self.state)
        self._effects, self._name = [], name
        try:
            work()
            outcome = "applied"
        except Refused as refusal:
            self.state = before
            outcome = str(refusal)
        self.done[name] = Done(deepcopy(contents), outcome, self._effects)
        self._effects = []
        return outcome

    def _leg(self, kind: str, *args: Any) -> None:
        legs = {
            "post": self._post,
            "up_to": self._post_up_to,
            "hold": self._hold,
            "capture": self._capture,
            "release": self._release,
        }
        legs[kind](*args)

    def _post(self, debit: Ref, credit: Ref, amount: int, lot: tuple[str, int, int] | None = None) -> int:
        self._spend(debit, amount)
        self.state.balance[credit] += amount
        return self._hand_over(debit, credit, amount, lot)

    def _post_up_to(self, debit: Ref, credit: Ref, amount: int) -> None:
        if self._is_limited(debit):
            amount = min(amount, max(0, self.available(debit)))
        if amount:
            self._post(debit, credit, amount)

    def _hold(self, hold_id: str, debit: Ref, credit: Ref, amount: int, expires_at: int = 0) -> None:
        if hold_id in self.state.holds:
            raise Refused("conflict")
        if 0 < expires_at <= self.now:
            raise Refused("hold_ended")
        if self._is_limited(debit) and self.available(debit) < amount:
            raise Refused("insufficient_funds")
        self.state.held[debit] += amount
        self.state.holds[hold_id] = HoldModel(debit, credit, amount, amount, expires_at)
        self._effects.append(("hold", hold_id, amount))

    def _capture(self, hold_id: str, amount: int, lot: tuple[str, int, int] | None = None) -> int:
        hold = self._hold_of(hold_id)
        if 0 < hold.expires_at <= self.now:
            raise Refused("hold_ended")
        return self._capture_anyway(hold, amount, lot)

    def _capture_anyway(self, hold: HoldModel, amount: int, lot: tuple[str, int, int] | None = None) -> int:
        self._lessen(hold, amount, "captured")
        self.state.balance[hold.debit] -= amount
        self.state.balance[hold.credit] += amount
        return self._hand_over(hold.debit, hold.credit, amount, lot)

    def _release(self, hold_id: str, amount: int = 0, state: str = "released") -> int:
        hold = self._hold_of(hold_id)
        amount = amount or hold.remaining
        self._lessen(hold, amount, state)
        self._effects.append(("release",))
        return amount

    def _undo(self, original: str) -> None:
        done = self.done.get(original)
        if done is None:
            raise Refused("not_found")
        if done.outcome != "applied":
            raise Refused("conflict")
        if done.is_reversed:
            raise Refused("already_reversed")
        if not done.effects:
            raise Refused("conflict")  # a leg up to an amount found nothing to take
        for kind, *effect in reversed(done.effects):
            if kind == "hold":
                self._release(*effect)
            elif kind == "release":
                raise Refused("conflict")
            else:
                self._take_back(*effect)
        done.is_reversed = True

    def _take_back(
        self,
        debit: Ref,
        credit: Ref,
        amount: int,
        brought: list[LotModel],
        taken: list[tuple[LotModel, int, int]],
    ) -> None:
        self._spend(credit, amount)
        self.state.balance[debit] += amount
        effect: list[Any] = ["post", credit, debit, amount, [], []]
        for lot in (self._same(one) for one in brought):
            if lot.remaining != lot.quantity:
                raise Refused("conflict")
            effect[5].append((deepcopy(lot), lot.quantity, lot.cost))
            lot.remaining = 0
        for lot, quantity, cost in taken:
            effect[4].append(self._bring(debit, quantity, (lot.cost_asset, cost, lot.expires_at)))
        self._effects.append(effect)

    # ── metering ────────────────────────────────────────────────────────────────────────────────────

    def reserve(
        self, hold_id: str, debit: Ref, credit: Ref, want: int, divisor: int, least: int, expires_at: int = 0
    ) -> Any:
        known = self.state.holds.get(hold_id)
        if known is not None:
            same = (known.debit, known.credit) == (debit, credit)
            return (known.amount, self.available(debit)) if same else "key_reused"
        left = self.available(debit)
        granted = min(want, max(least, left // divisor), left)
        if granted == 0:
            return (0, left)
        if 0 < expires_at <= self.now:
            return "hold_ended"
        self._hold(hold_id, debit, credit, granted, expires_at)
        return (granted, left - granted)

    def use(self, hold_id: str, marks: list[tuple[str, int, int, bool]], *, release: bool) -> Any:
        """Returns (charged, remaining, shortfall, revenue, released)."""
        if hold_id not in self.state.holds:
            return "unknown_hold"
        hold = self.state.holds[hold_id]
        used = sum(self._news(*mark) for mark in marks)
        from_hold = min(used, hold.remaining)
        cost = self._capture_anyway(hold, from_hold) if from_hold else 0
        from_rest = min(used - from_hold, max(0, self.available(hold.debit)))
        if from_rest:
            cost += self._post(hold.debit, hold.credit, from_rest)
        shortfall = used - from_hold - from_rest
        if shortfall:
            self._post(("platform", "ledger", hold.debit[2], "shortfall"), hold.credit, shortfall)
        if cost:
            self._post(
                ("platform", "orders", "USD", "deferred"), ("platform", "orders", "USD", "revenue"), cost
            )
        released = self._release(hold_id) if release and hold.remaining else 0
        return (used, hold.remaining, shortfall, cost, released)

    def _news(self, session: str, cumulative: int, sequence: int, final: bool) -> int:
        posted, last, closed = self.marks.get(session, (0, 0, False))
        units = max(0, cumulative - posted)
        if sequence <= last or not (units or (final and posted and not closed)):
            return 0
        self.marks[session] = (posted + units, sequence, closed or final)
        return units

    # ── time ────────────────────────────────────────────────────────────────────────────────────────

    def expire(self) -> None:
        for hold_id, hold in self.state.holds.items():
            if hold.state == "open" and 0 < hold.expires_at <= self.now:
                self._release(hold_id, 0, "expired")
        for lot in sorted(self.state.lots, key=lambda one: (one.expires_at, one.age)):
            amount = min(lot.remaining, max(0, self.available(lot.owner)))
            if 0 < lot.expires_at <= self.now and amount:
                cost = lot.cost_of(amount)
                lot.remaining -= amount
                self.state.balance[lot.owner] -= amount
                self.state.balance["platform", "ledger", lot.owner[2], "expired"] += amount
                self.state.balance["platform", "orders", "USD", "deferred"] -= cost
                self.state.balance["platform", "orders", "USD", "breakage"] += cost

    # ── what there is ───────────────────────────────────────────────────────────────────────────────

    def available(self, ref: Ref) -> int:
        return self.state.balance[ref] - self.state.held[ref]

    def lots_of(self, ref: Ref) -> list[LotModel]:
        mine = [lot for lot in self.state.lots if lot.owner == ref and lot.remaining]
        return sorted(mine, key=lambda lot: (lot.expires_at or inf, lot.age))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _is_limited(self, ref: Ref) -> bool:
        return ref[0] == "user" or ref[3] == "inventory"

    def _spend(self, ref: Ref, amount: int) -> None:
        if self._is_limited(ref) and self.available(ref) < amount:
            raise Refused("insufficient_funds")
        self.state.balance[ref] -= amount

    def _hold_of(self, hold_id: str) -> HoldModel:
        if hold_id not in self.state.holds:
            raise Refused("unknown_hold")
        return self.state.holds[hold_id]

    def _lessen(self, hold: HoldModel, amount: int, state: str) -> None:
        if hold.state != "open":
            raise Refused("hold_ended")
        if amount > hold.remaining:
            raise Refused("hold_exceeded")
        hold.remaining -= amount
        self.state.held[hold.debit] -= amount
        if hold.remaining == 0:
            hold.state = state

    def _hand_over(self, debit: Ref, credit: Ref, amount: int, lot: tuple[str, int, int] | None) -> int:
        taken: list[tuple[LotModel, int, int]] = []
        brought: list[LotModel] = []
        if debit[2] in self.access:
            if debit[0] == "user":
                taken = self._take(debit, amount)
            if credit[0] == "user" and (lot or not taken):
                brought.append(self._bring(credit, amount, lot or ("", 0, 0)))
            elif credit[0] == "user":
                for source, quantity, cost in taken:
                    brought.append(
                        self._bring(credit, quantity, (source.cost_asset, cost, source.expires_at))
                    )
        self._effects.append(["post", debit, credit, amount, brought, taken])
        return sum(cost for _, _, cost in taken)

    def _take(self, ref: Ref, amount: int) -> list[tuple[LotModel, int, int]]:
        taken: list[tuple[LotModel, int, int]] = []
        for lot in self.lots_of(ref):
            part = min(amount, lot.remaining)
            if part:
                taken.append((deepcopy(lot), part, lot.cost_of(part)))
                lot.remaining -= part
                amount -= part
        assert amount == 0
        return taken

    def _bring(self, ref: Ref, quantity: int, terms: tuple[str, int, int]) -> LotModel:
        lot = LotModel(ref, quantity, quantity, *terms, age=next(self.ages), made_by=self._name)
        self.state.lots.append(lot)
        return deepcopy(lot)

    def _same(self, lot: LotModel) -> LotModel:
        return next(one for one in self.state.lots if one.age == lot.age)
