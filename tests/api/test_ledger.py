"""The ledger's service API, asked in process and over gRPC: no difference can be told."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kit.books import Books, books
from tests.kit.clock import FakeClock
from tests.kit.service_api import TRANSPORTS, Door, Transport, api
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
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
    return pb.AccountRef(owner_kind="house", owner_id=service, asset=asset, purpose=purpose)


CLEARING, DEFERRED = context("payments", "clearing"), context("orders", "deferred")
ISSUANCE, INVENTORY = context("catalog", "issuance", GB), context("catalog", "inventory", GB)
CONSUMED = context("access", "consumed", GB)


def move(debit: pb.AccountRef, credit: pb.AccountRef, amount: int, lot: pb.LotTerms | None = None) -> pb.Leg:
    return pb.Leg(kind=pb.LEG_KIND_POST, debit=debit, credit=credit, amount=amount, lot=lot)


def request(key: str, *legs: pb.Leg, **more: Any) -> pb.PostRequest:
    return pb.PostRequest(scope="tests", key=key, code="test", legs=legs, actor="tester", **more)


@dataclass
class Front:
    """The service API, and what is behind it."""

    ask: Any
    api: Door
    books: Books

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
                lot=pb.LotTerms(cost_asset=USD, cost=cost, expires_at_us=0),
            ),
        )

    def reserve(self, hold_id: str, want: int, **more: Any) -> Any:
        asked = pb.ReserveRequest(hold_id=hold_id, to=CONSUMED, want=want, actor="access", **more)
        getattr(asked, "from").CopyFrom(user("ann", GB))
        return self.ask.Reserve(asked)


@pytest.fixture(params=TRANSPORTS)
async def front(request: Any, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Front]:
    transport: Transport = request.param
    async with (
        books("sqlite", tmp_path, clock) as desk,
        api(transport, ledger_pb2_grpc, LedgerRpc(desk.ledger), caller="orders") as mounted,
    ):
        yield Front(mounted.stub, mounted, desk)
        await desk.holds_true()


async def test_a_posting_is_answered_with_the_accounts_after_it(front: Front) -> None:
    first = await front.post("k", move(CLEARING, user("ann"), 20))
    assert first.transaction_id.startswith("txn_")
    assert not first.replayed
    assert {(one.ref.purpose, one.balance, one.available) for one in first.accounts} == {
        ("clearing", -20, -20),
        ("available", 20, 20),
    }
    again = await front.post("k", move(CLEARING, user("ann"), 20))
    assert (again.transaction_id, again.replayed) == (first.transaction_id, True)


async def test_refusals_arrive_as_what_they_are(front: Front) -> None:
    with pytest.raises(InsufficientFunds, match="are needed"):
        await front.post("poor", move(user("ann"), user("bob"), 1))
    with pytest.raises(InsufficientFunds, match="are needed"):
        await front.post("poor", move(user("ann"), user("bob"), 1))
    with pytest.raises(KeyReused):
        await front.post("poor", move(user("ann"), user("bob"), 2))
    with pytest.raises(UnknownHold):
        await front.post("hold", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_none", amount=1))
    with pytest.raises(UnknownAsset):
        await front.post("asset", move(context("x", "clearing", "GBP"), user("ann", "GBP"), 1))
    with pytest.raises(Invalid):
        await front.post("nothing")
    with pytest.raises(Invalid):
        await front.post("kind", pb.Leg(debit=CLEARING, credit=user("ann"), amount=1))
    with pytest.raises(NotFound):
        await front.ask.GetAccount(pb.GetAccountRequest(id="acc_none"))
    with pytest.raises(NotFound):
        await front.ask.GetTransaction(pb.GetTransactionRequest(id="txn_none"))


async def test_holds_end_as_they_should(front: Front) -> None:
    await front.post("deposit", move(CLEARING, user("ann"), 20))
    hold = pb.Leg(kind=pb.LEG_KIND_HOLD, hold_id="hld_1", debit=user("ann"), credit=DEFERRED, amount=15)
    await front.post("hold", hold)
    with pytest.raises(HoldExceeded):
        await front.post("much", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_1", amount=16))
    await front.post("release", pb.Leg(kind=pb.LEG_KIND_RELEASE, hold_id="hld_1"))
    with pytest.raises(HoldEnded):
        await front.post("late", pb.Leg(kind=pb.LEG_KIND_CAPTURE, hold_id="hld_1", amount=1))


async def test_many_are_answered_one_by_one(front: Front) -> None:
    answer = await front.ask.PostMany(
        pb.PostManyRequest(
            transactions=[
                request("a", move(CLEARING, user("ann"), 5)),
                request("b", move(user("bob"), user("ann"), 5)),
                request("c", move(user("ann"), user("bob"), 5), meta={"note": "thanks"}),
            ]
        )
    )
    assert [one.WhichOneof("outcome") for one in answer.results] == ["applied", "rejected", "applied"]
    assert answer.results[1].rejected.code == "insufficient_funds"
    txn = await front.ask.GetTransaction(
        pb.GetTransactionRequest(id=answer.results[2].applied.transaction_id)
    )
    assert (txn.status, txn.scope, txn.key, dict(txn.meta)) == ("applied", "tests", "c", {"note": "thanks"})


async def test_assets_are_defined_and_listed(front: Front) -> None:
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


async def test_accounts_are_found_by_id_name_and_owner(front: Front) -> None:
    opened = await front.ask.OpenAccounts(
        pb.OpenAccountsRequest(owner_kind="user", owner_id="usr_ann", assets=[USD, GB])
    )
    assert [one.ref.asset for one in opened.accounts] == [USD, GB]
    listed = await front.ask.ListAccounts(pb.ListAccountsRequest(owner_kind="user", owner_id="usr_ann"))
    assert listed == opened
    account = opened.accounts[0]
    assert await front.ask.GetAccount(pb.GetAccountRequest(id=account.id)) == account
    assert await front.ask.GetAccount(pb.GetAccountRequest(ref=account.ref)) == account


async def test_a_purchase_shows_as_lot_and_statement(front: Front) -> None:
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
    account = await front.ask.GetAccount(pb.GetAccountRequest(ref=user("ann", GB)))
    page = await front.ask.ListStatement(pb.ListStatementRequest(account_id=account.id, limit=1))
    assert [(one.kind, one.credit, one.balance) for one in page.lines] == [(pb.LEG_KIND_CAPTURE, 1000, 1000)]
    rest = await front.ask.ListStatement(
        pb.ListStatementRequest(account_id=account.id, limit=5, cursor=page.next_cursor)
    )
    assert [(one.kind, one.balance) for one in rest.lines] == [(pb.LEG_KIND_HOLD, 0)]
    assert rest.next_cursor == ""
    with pytest.raises(Invalid):
        await front.ask.ListStatement(pb.ListStatementRequest(account_id=account.id, cursor="bm9uc2Vuc2U"))


async def test_metered_use_from_reservation_to_release(front: Front) -> None:
    await front.stock(1000, 300)
    grant = await front.reserve("hld_1", 500, divisor=4, floor=10)
    assert (grant.granted, grant.left) == (250, 750)
    marks = [
        pb.UseMark(session_id="flw_1", cumulative=100, sequence=1),
        pb.UseMark(session_id="flw_2", cumulative=50, sequence=1, final=True),
    ]
    used = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", marks=marks, actor="access"))
    assert (used.posted, used.remaining, used.shortfall, used.cost, dict(used.costs)) == (
        150,
        100,
        0,
        45,
        {USD: 45},
    )
    again = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", marks=marks, actor="access"))
    assert (again.posted, again.remaining) == (0, 100)
    released = await front.ask.Release(pb.ReleaseRequest(hold_id="hld_1", actor="access"))
    assert released.released == 100
    assert (await front.ask.Release(pb.ReleaseRequest(hold_id="hld_1", actor="access"))).released == 0
    late = pb.UseMark(session_id="flw_1", cumulative=1000, sequence=2)
    over = await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", marks=[late], actor="access"))
    assert (over.posted, over.shortfall) == (900, 50)
    assert (await front.reserve("hld_2", 1)).granted == 0


async def test_a_transaction_is_explained_and_proved(front: Front) -> None:
    await front.stock(1000, 300)
    await front.reserve("hld_1", 500)
    mark = pb.UseMark(session_id="flw_1", cumulative=100, sequence=1)
    await front.ask.RecordUse(pb.RecordUseRequest(hold_id="hld_1", marks=[mark], actor="access"))
    account = await front.ask.GetAccount(pb.GetAccountRequest(ref=user("ann", GB)))
    (line,) = (await front.ask.ListStatement(pb.ListStatementRequest(account_id=account.id, limit=1))).lines
    await front.books.ledger.seal()
    txn = await front.ask.GetTransaction(pb.GetTransactionRequest(id=line.transaction_id, prove=True))
    assert [(leg.kind, leg.credit.purpose, leg.amount) for leg in txn.legs] == [
        (pb.LEG_KIND_CAPTURE, "consumed", 100),
        (pb.LEG_KIND_POST, "revenue", 30),
    ]
    assert [(move.quantity, move.cost_asset, move.cost) for move in txn.lot_moves] == [(100, USD, 30)]
    assert [(use.session_id, use.units, use.sequence) for use in txn.use] == [("flw_1", 100, 1)]
    assert climb(txn.seal) == txn.seal.root


def climb(proof: pb.SealProof) -> bytes:
    """Work out the root as a sceptic would, from RFC 9162, section 2.1.3.2."""
    fn, sn, root = proof.index, proof.count - 1, proof.leaf
    for step in proof.path:
        if fn & 1 or fn == sn:
            root = hashlib.sha256(b"\x01" + step + root).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + step).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return root


async def test_a_reversal_undoes_once(front: Front) -> None:
    made = await front.post("k", move(CLEARING, user("ann"), 20))
    undo = pb.ReverseRequest(transaction_id=made.transaction_id, scope="tests", key="undo", actor="operator")
    reversed_ = await front.ask.Reverse(undo)
    txn = await front.ask.GetTransaction(pb.GetTransactionRequest(id=reversed_.transaction_id))
    assert (txn.code, txn.reverses) == ("reverse", made.transaction_id)
    assert (await front.ask.Reverse(undo)).replayed
    undo.key = "undo-again"
    with pytest.raises(AlreadyReversed):
        await front.ask.Reverse(undo)


async def test_the_books_are_verified_through_the_api(front: Front) -> None:
    await front.stock(1000, 300)
    await front.books.ledger.seal()
    verdict = await front.ask.Verify(pb.VerifyRequest())
    assert (verdict.ok, list(verdict.findings), verdict.seals) == (True, [], 1)
    assert dict(verdict.totals) == {USD: 600, GB: 2000}
    assert len(verdict.head) == len(verdict.signer) == 64
    assert (await front.ask.Verify(pb.VerifyRequest(known_head=verdict.head))).ok
    assert not (await front.ask.Verify(pb.VerifyRequest(known_head="00" * 32))).ok


async def test_a_closed_api_is_unavailable(front: Front) -> None:
    front.api.faults.add("ledger.Post")
    with pytest.raises(Unavailable):
        await front.post("k", move(CLEARING, user("ann"), 20))
