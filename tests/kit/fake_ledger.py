"""A ledger in memory with the promises that other services rely on, and none of the machinery.

All legs of a post or none; idempotent by (scope, key), refusals remembered; customers' accounts and the
inventory cannot be overdrawn; holds, captures, releases; lots with their cost.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.kit.clock import FakeClock
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
from tollway.contracts.errors import HoldEnded, HoldExceeded, KeyReused, UnknownAsset, UnknownHold
from tollway.kit.errors import InsufficientFunds, NotFound, Problem
from tollway.kit.ids import new_id

Ref = tuple[str, str, str, str]


@dataclass
class Counters:
    id: str
    debits: int = 0
    credits: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    @property
    def balance(self) -> int:
        return self.credits - self.debits

    @property
    def available(self) -> int:
        return self.balance - self.debits_pending


@dataclass
class Hold:
    debit: Ref
    credit: Ref
    remaining: int
    expires_at_us: int


@dataclass
class Books:
    """Everything a post may change; copied before and put back when it is refused."""

    accounts: dict[Ref, Counters] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    lots: list[tuple[Ref, pb.Lot]] = field(default_factory=list)

    def account(self, ref: Ref) -> Counters:
        return self.accounts.setdefault(ref, Counters(new_id("acc")))


class FakeLedger(ledger_pb2_grpc.LedgerServicer):
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.assets: dict[str, pb.Asset] = {}
        self.books = Books()
        self.known: dict[tuple[str, str], tuple[bytes, pb.PostResponse | Problem]] = {}
        self.posts: list[str] = []
        self.looks = 0

    # ── the service API ────────────────────────────────────────────────────────────────────────────────────

    async def DefineAsset(self, request: pb.DefineAssetRequest, context: Any) -> pb.Asset:
        return self.assets.setdefault(request.asset.code, request.asset)

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Any) -> pb.ListAssetsResponse:
        return pb.ListAssetsResponse(assets=self.assets.values())

    async def Post(self, request: pb.PostRequest, context: Any) -> pb.PostResponse:
        name = (request.scope, request.key)
        contents = request.SerializeToString(deterministic=True)
        if name not in self.known:
            self.posts.append(request.key)
            before = deepcopy(self.books)
            try:
                for leg in request.legs:
                    self._apply(leg)
                outcome: pb.PostResponse | Problem = pb.PostResponse(transaction_id=new_id("txn"))
            except Problem as problem:
                self.books = before
                outcome = problem
            self.known[name] = (contents, outcome)
        known_contents, outcome = self.known[name]
        if known_contents != contents:
            raise KeyReused
        if isinstance(outcome, Problem):
            raise type(outcome)(outcome.detail)
        return outcome

    async def Reverse(self, request: pb.ReverseRequest, context: Any) -> pb.PostResponse:
        legs = next(
            pb.PostRequest.FromString(contents).legs
            for contents, outcome in self.known.values()
            if isinstance(outcome, pb.PostResponse) and outcome.transaction_id == request.transaction_id
        )
        mirror = [
            pb.Leg(kind=pb.LEG_KIND_POST, debit=leg.credit, credit=leg.debit, amount=leg.amount)
            for leg in legs
        ]
        return await self.Post(pb.PostRequest(scope=request.scope, key=request.key, legs=mirror), context)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        self.looks += 1
        owner = (request.owner_kind, request.owner_id)
        found = [ref for ref in self.books.accounts if ref[:2] == owner]
        return pb.ListAccountsResponse(accounts=[self._account(ref) for ref in found])

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.Account:
        ref = _ref(request.ref)
        if ref not in self.books.accounts:
            raise NotFound
        return self._account(ref)

    async def ListLots(self, request: pb.ListLotsRequest, context: Any) -> pb.ListLotsResponse:
        ref = (request.owner_kind, request.owner_id, request.asset, "available")
        return pb.ListLotsResponse(lots=[lot for owner, lot in self.books.lots if owner == ref])

    # ── for tests ───────────────────────────────────────────────────────────────────────────────────

    def give(self, user_id: str, asset: str, units: int) -> None:
        """Put money into a wallet."""
        self.books.account(("user", user_id, asset, "available")).credits += units

    def counters(self, owner_kind: str, owner_id: str, asset: str, purpose: str) -> Counters:
        return self.books.account((owner_kind, owner_id, asset, purpose))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _apply(self, leg: pb.Leg) -> None:
        if leg.kind in {pb.LEG_KIND_POST, pb.LEG_KIND_HOLD}:
            self._open(leg)
        else:
            self._resolve(leg)

    def _open(self, leg: pb.Leg) -> None:
        debit, credit = _ref(leg.debit), _ref(leg.credit)
        assert debit[2] == credit[2]
        if debit[2] not in self.assets:
            raise UnknownAsset
        assert leg.amount > 0
        limited = debit[0] == "user" or debit[3] == "inventory"
        if leg.up_to and limited:
            leg = pb.Leg.FromString(leg.SerializeToString())
            leg.amount = min(leg.amount, self.books.account(debit).available)
        if limited and self.books.account(debit).available < leg.amount:
            raise InsufficientFunds
        if leg.kind == pb.LEG_KIND_POST:
            self._move(debit, credit, leg)
            return
        assert leg.hold_id not in self.books.holds
        self.books.account(debit).debits_pending += leg.amount
        self.books.account(credit).credits_pending += leg.amount
        self.books.holds[leg.hold_id] = Hold(debit, credit, leg.amount, leg.hold_expires_at_us)

    def _resolve(self, leg: pb.Leg) -> None:
        hold = self.books.holds.get(leg.hold_id)
        if hold is None:
            raise UnknownHold
        lapsed = 0 < hold.expires_at_us <= self.clock.now_us()
        if hold.remaining == 0 or (lapsed and leg.kind == pb.LEG_KIND_CAPTURE):
            raise HoldEnded
        amount = leg.amount or hold.remaining
        if amount > hold.remaining:
            raise HoldExceeded
        hold.remaining -= amount
        self.books.account(hold.debit).debits_pending -= amount
        self.books.account(hold.credit).credits_pending -= amount
        if leg.kind == pb.LEG_KIND_CAPTURE:
            self._move(hold.debit, hold.credit, leg)

    def _move(self, debit: Ref, credit: Ref, leg: pb.Leg) -> None:
        self.books.account(debit).debits += leg.amount
        self.books.account(credit).credits += leg.amount
        if leg.HasField("lot"):
            lot = pb.Lot(
                id=new_id("lot"),
                asset=credit[2],
                quantity=leg.amount,
                remaining=leg.amount,
                cost_asset=leg.lot.deferred.asset,
                cost=leg.lot.cost,
                remaining_cost=leg.lot.cost,
                expires_at_us=leg.lot.expires_at_us,
                opened_at_us=self.clock.now_us(),
            )
            self.books.lots.append((credit, lot))

    def _account(self, ref: Ref) -> pb.Account:
        counters = self.books.accounts[ref]
        return pb.Account(
            id=counters.id,
            ref=pb.AccountRef(owner_kind=ref[0], owner_id=ref[1], asset=ref[2], purpose=ref[3]),
            debits_posted=counters.debits,
            credits_posted=counters.credits,
            debits_pending=counters.debits_pending,
            credits_pending=counters.credits_pending,
            balance=counters.balance,
            available=counters.available,
        )


def _ref(ref: pb.AccountRef) -> Ref:
    return (ref.owner_kind, ref.owner_id, ref.asset, ref.purpose)
