"""The ledger's service API, in process and over gRPC, and on the ledger in memory that other services' tests use.

No difference can be seen.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kit.books import ASSETS, books
from tests.kit.clock import FakeClock
from tests.kit.ledger_in_memory import LedgerInMemory
from tests.kit.service_api import TRANSPORTS, ServiceApi, Transport, api
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
from tollway.contracts.books import lot_terms
from tollway.contracts.errors import (
    AlreadyReversed,
    HoldEnded,
    HoldExceeded,
    KeyReused,
    UnknownAsset,
    UnknownHold,
)
from tollway.kit.errors import Conflict, InsufficientFunds, Invalid, NotFound, Unavailable
from tollway.services.ledger.rpc import LedgerRpc

USD, GB = "USD", "gb"


def user(name: str, asset: str = USD) -> pb.AccountRef:
    return pb.AccountRef(owner_kind="user", owner_id=f"usr_{name}", asset=asset, purpose="available")


def context(service: str, purpose: str, asset: str = USD) -> pb.AccountRef:
    return pb.AccountRef(owner_kind="platform", owner_id=service, asset=asset, purpose=purpose)


CLEARING = context("payments", "clearing")
DEFERRED, REVENUE, BREAKAGE = (context("orders", purpose) for purpose in ("deferred", "revenue", "breakage"))
ISSUANCE, INVENTORY = context("catalog", "issuance", GB), context("catalog", "inventory", GB)
CONSUMED = context("access", "consumed", GB)


def move(debit: pb.AccountRef, credit: pb.AccountRef, amount: int, lot: pb.LotTerms | None = None) -> pb.Leg:
    return pb.Leg(kind=pb.LEG_KIND_POST, debit=debit, credit=credit, amount=amount, lot=lot)


def request(key: str, *legs: pb.Leg, **more: Any) -> pb.PostRequest:
    return pb.PostRequest(scope="tests", key=key, code="test", legs=legs, actor="tester", **more)


@dataclass
class LedgerApi:
    """The service API as another service has it."""

    ask: Any
    api: ServiceApi

    async def post(self, key: str, *legs: pb.Leg) -> pb.PostResponse:
        return await self.ask.Post(request(key, *legs))

    async def stock(self, quantity: int, cost: int) -> None:
        """Ann buys access, delivery versus payment by two holds, as the orders service does it."""
        await self.post("deposit", move(CLEARING, user("ann"), cost))
        await self.post("issue", move(ISSUANCE, INVENTORY, quantity))
        funds, stock = (
            pb.Leg(kind=pb.LEG_KIND_HOLD, hold_id=hold_id, debit=debit, credit=credit, amount=amount)
            for hold_id, debit, credit, amount in (
                ("hld_funds", user("ann"), DEFERRED, cost),
                ("hld_stock", INVENTORY, user("ann", GB), quantity),
            )
        )
        await self.post("hold", funds, stock)
        await self.post(
            "capture",
            pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_funds", amount=cost),
            pb.Leg(
                kind=pb.LEG_KIND_CAPTURE,
                hold_id="hld_stock",
                amount=quantity,
                lot=lot_terms(cost, deferred=DEFERRED, revenue=REVENUE, breakage=BREAKAGE),
            ),
        )

    def reserve(self, hold_id: str, want: int, **more: Any) -> Any:
        asked = pb.ReserveRequest(hold_id=hold_id, to=CONSUMED, want=want, actor="access", **more)
        getattr(asked, "from").CopyFrom(user("ann", GB))
        return self.ask.Reserve(asked)


@pytest.fixture(params=(*TRANSPORTS, "in memory"))
async def front(request: Any, tmp_path: Path, clock: FakeClock) -> AsyncIterator[LedgerApi]:
    if request.param == "in memory":
        ledger = LedgerInMemory(clock)
        for asset in ASSETS:
            ledger.define(asset.code, asset.kind, asset.scale, asset.unit)
        async with api("local", ledger_pb2_grpc, ledger, caller="orders") as mounted:
            yield LedgerApi(mounted.stub, mounted)
        return
    transport: Transport = request.param
    async with (
        books("sqlite", tmp_path, clock) as context,
        api(transport, ledger_pb2_grpc, LedgerRpc(context.ledger), caller="orders") as mounted,
    ):
        yield LedgerApi(mounted.stub, mounted)
        await context.holds_true()


async def test_a_posting_is_answered_with_the_accounts_after_it(front: LedgerApi) -> None:
    first = await front.post("k", move(CLEARING, user("ann"), 20))
    assert first.transaction_id.startswith("txn_")
    assert not first.replayed
    assert {(one.ref.purpose, one.balance, one.available) for one in first.accounts} == {
        ("clearing", -20, -20),
        ("available", 20, 20),
    }
    again = await front.post("k", move(CLEARING, user("ann"), 20))
    assert (again.transaction_id, again.replayed) == (first.transaction_id, True)


async def test_refusals_arrive_as_what_they_are(front: LedgerApi) -> None:
    with pytest.raises(InsufficientFunds, match="are needed"):
        await front.post("poor", move(user("ann"), user("bob"), 1))
    with pytest.raises(InsufficientFunds, match="are needed"):
        await front.post("poor", move(user("ann"), user("bob"), 1))
    with pytest.raises(KeyReused):
        await front.post("poor", move(user("ann"), user("bob"), 2))
    with pytest.raises(UnknownHold):
        await front.post("hold", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_none", amount=1))
    with pytest.raises(UnknownAsset):
        await front.post("asset", move(context("payments", "clearing", "GBP"), user("ann", "GBP"), 1))
    with pytest.raises(Invalid):
        await front.post("nothing")
    with pytest.raises(Invalid):
        await front.post("kind", pb.Leg(debit=CLEARING, credit=user("ann"), amount=1))
    with pytest.raises(NotFound):
        await front.ask.GetAccount(pb.GetAccountRequest(id="acc_none"))


async def test_holds_end_as_they_should(front: LedgerApi) -> None:
    await front.post("deposit", move(CLEARING, user("ann"), 20))
    hold = pb.Leg(kind=pb.LEG_KIND_HOLD, hold_id="hld_1", debit=user("ann"), credit=DEFERRED, amount=15)
    await front.post("hold", hold)
    with pytest.raises(HoldExceeded):
        await front.post("much", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_1", amount=16))
    await front.post("release", pb.Leg(kind=pb.LEG_KIND_RELEASE, hold_id="hld_1"))
    with pytest.raises(HoldEnded):
        await front.post("late", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_1", amount=1))


async def test_assets_are_defined_and_listed(front: LedgerApi) -> None:
    kb = pb.Asset(code="kb", kind=pb.ASSET_KIND_ACCESS, scale=3, unit="kilobyte", transferable=True)
    assert await front.ask.DefineAsset(pb.DefineAssetRequest(asset=kb)) == kb
    assert await front.ask.DefineAsset(pb.DefineAssetRequest(asset=kb)) == kb
    assert kb in (await front.ask.ListAssets(pb.ListAssetsRequest())).assets
    with pytest.raises(Conflict):
        await front.ask.DefineAsset(
            pb.DefineAssetRequest(asset=pb.Asset(code="kb", kind=pb.ASSET_KIND_MONEY, unit="kilobyte"))
        )
    with pytest.raises(Invalid):
        await front.ask.DefineAsset(pb.DefineAssetRequest(asset=pb.Asset(code="mb", unit="megabyte")))


async def test_accounts_are_found_by_id_name_and_owner(front: LedgerApi) -> None:
    await front.stock(1000, 300)
    listed = await front.ask.ListAccounts(pb.ListAccountsRequest(owner_kind="user", owner_id="usr_ann"))
    assert [one.ref.asset for one in listed.accounts] == [USD, GB]
    account = listed.accounts[0]
    assert await front.ask.GetAccount(pb.GetAccountRequest(id=account.id)) == account
    assert await front.ask.GetAccount(pb.GetAccountRequest(ref=account.ref)) == account


async def test_an_account_that_no_service_declared_is_refused(front: LedgerApi) -> None:
    for ref in (
        context("orders", "clearing"),
        context("nobody", "revenue"),
        context("payments", "clearing", GB),
    ):
        with pytest.raises(Invalid):
            await front.post(f"to {ref.owner_id} {ref.asset}", move(ref, user("ann", ref.asset), 1))


async def test_a_purchase_shows_as_a_lot(front: LedgerApi) -> None:
    await front.stock(1000, 300)
    (lot,) = (
        await front.ask.ListLots(pb.ListLotsRequest(owner_kind="user", owner_id="usr_ann", asset=GB))
    ).lots
    assert (lot.quantity, lot.remaining, lot.cost_asset, lot.cost, lot.remaining_cost) == (
        1000,
        1000,
        USD,
        300,
        300,
    )


async def test_metered_use_from_reservation_to_release(front: LedgerApi) -> None:
    await front.stock(1000, 300)
    grant = await front.reserve("hld_1", 500, divisor=4, floor=10)
    assert (grant.granted, grant.left) == (250, 750)
    readings = [
        pb.UsageReading(session_id="flw_1", cumulative=100, sequence=1),
        pb.UsageReading(session_id="flw_2", cumulative=50, sequence=1, final=True),
    ]
    used = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", readings=readings, actor="access"))
    assert (used.posted, used.remaining, used.shortfall, used.cost, dict(used.costs)) == (
        150,
        100,
        0,
        45,
        {USD: 45},
    )
    again = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", readings=readings, actor="access"))
    assert (again.posted, again.remaining) == (0, 100)
    released = await front.ask.Release(pb.ReleaseRequest(hold_id="hld_1", actor="access"))
    assert released.released == 100
    assert (await front.ask.Release(pb.ReleaseRequest(hold_id="hld_1", actor="access"))).released == 0
    late = pb.UsageReading(session_id="flw_1", cumulative=1000, sequence=2)
    over = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", readings=[late], actor="access"))
    assert (over.posted, over.shortfall) == (900, 50)
    assert (await front.reserve("hld_2", 1)).granted == 0


async def test_a_reservation_gives_back_a_part_and_goes_on(front: LedgerApi) -> None:
    await front.stock(1000, 300)
    await front.reserve("hld_1", 500)
    reading = pb.UsageReading(session_id="flw_1", cumulative=100, sequence=1)
    kept = pb.RecordUseRequest(hold_id="hld_1", readings=[reading], actor="access", release=True, keep=150)
    for _ in range(2):  # a repeat gives nothing more back
        assert (await front.ask.RecordUse(kept)).remaining == 150
        assert (await front.reserve("hld_probe", 1)).left == 749
    fewer = pb.RecordUseRequest(hold_id="hld_1", actor="access", release=True, keep=40)
    assert (await front.ask.RecordUse(fewer)).remaining == 40
    more = pb.RecordUseRequest(hold_id="hld_1", actor="access", release=True, keep=90)
    assert (await front.ask.RecordUse(more)).remaining == 40
    last = pb.UsageReading(session_id="flw_1", cumulative=140, sequence=2, final=True)
    used = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", readings=[last], actor="access"))
    assert (used.posted, used.remaining, used.shortfall) == (40, 0, 0)


async def test_a_reversal_undoes_once(front: LedgerApi) -> None:
    made = await front.post("k", move(CLEARING, user("ann"), 20))
    undo = pb.ReverseRequest(transaction_id=made.transaction_id, scope="tests", key="undo", actor="operator")
    reversed_ = await front.ask.Reverse(undo)
    assert {one.ref.purpose: one.balance for one in reversed_.accounts} == {"clearing": 0, "available": 0}
    assert (await front.ask.Reverse(undo)).replayed
    undo.key = "undo-again"
    with pytest.raises(AlreadyReversed):
        await front.ask.Reverse(undo)


async def test_a_service_reverses_what_it_posted_itself_and_nothing_else(front: LedgerApi) -> None:
    made = await front.post("k", move(CLEARING, user("ann"), 20))
    for scope in ("payments", "test", "tests ", "TESTS"):
        undo = pb.ReverseRequest(
            transaction_id=made.transaction_id, scope=scope, key="undo", actor="operator"
        )
        with pytest.raises(Conflict, match="was posted by tests"):
            await front.ask.Reverse(undo)
    undo = pb.ReverseRequest(transaction_id=made.transaction_id, scope="tests", key="undo", actor="operator")
    assert not (await front.ask.Reverse(undo)).replayed


async def test_a_leg_up_to_an_amount_takes_what_is_there_and_says_how_much(front: LedgerApi) -> None:
    await front.post("deposit", move(CLEARING, user("ann"), 20))
    hold = pb.Leg(kind=pb.LEG_KIND_HOLD, hold_id="hld_1", debit=user("ann"), credit=DEFERRED, amount=5)
    await front.post("hold", hold)
    take = pb.Leg(kind=pb.LEG_KIND_POST, debit=user("ann"), credit=CLEARING, amount=100, up_to=True)
    first = await front.post("take", take)
    assert (list(first.moved), first.replayed) == ([15], False)  # what is held stays held
    again = await front.post("take", take)
    assert (list(again.moved), again.replayed) == ([15], True)
    nothing = await front.post("take more", take)
    assert list(nothing.moved) == [0]
    await front.post("deposit again", move(CLEARING, user("ann"), 20))
    repeated = await front.post("take more", take)
    assert (list(repeated.moved), repeated.replayed) == ([0], True)  # a repeat takes nothing new
    mixed = await front.post("mixed", take, take, move(CLEARING, user("ann"), 7))
    assert list(mixed.moved) == [20, 0, 7]
    with pytest.raises(Invalid):
        hold.up_to = True
        await front.post("hold up to", hold)


async def test_a_closed_api_is_unavailable(front: LedgerApi) -> None:
    front.api.faults.add("ledger.Post")
    with pytest.raises(Unavailable):
        await front.post("k", move(CLEARING, user("ann"), 20))
