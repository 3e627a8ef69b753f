"""The ledger's service API: messages in, operations, messages out. No rule lives here."""

from collections.abc import Iterable
from typing import Any

import orjson

from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
from tollway.kit.errors import Invalid, Problem
from tollway.kit.paging import DEFAULT_LIMIT, MAX_LIMIT
from tollway.services.ledger.model.draft import LotTerms
from tollway.services.ledger.model.metering import Reservation, UseMark, UseReport
from tollway.services.ledger.model.posting import Leg, Posting, Receipt
from tollway.services.ledger.model.records import Entry, StatementLine
from tollway.services.ledger.model.values import ACCESS, MONEY, Account, AccountRef, Asset, LegKind, Lot
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.service.ledger import Explained, Inclusion

KINDS = {
    pb.LEG_KIND_POST: LegKind.POST,
    pb.LEG_KIND_HOLD: LegKind.HOLD,
    pb.LEG_KIND_CAPTURE: LegKind.CAPTURE,
    pb.LEG_KIND_RELEASE: LegKind.RELEASE,
}
KIND_NUMBERS: "dict[str, pb.LegKind.ValueType]" = {kind: number for number, kind in KINDS.items()}
ASSET_KINDS = {pb.ASSET_KIND_MONEY: MONEY, pb.ASSET_KIND_ACCESS: ACCESS}
ASSET_KIND_NUMBERS = {kind: number for number, kind in ASSET_KINDS.items()}


class LedgerRpc(ledger_pb2_grpc.LedgerServicer):
    """Serves `contracts/ledger.proto`."""

    def __init__(self, service: Ledger) -> None:
        self._service = service

    async def DefineAsset(self, request: pb.DefineAssetRequest, context: Any) -> pb.Asset:
        """Make an asset known. Raises Conflict, Invalid."""
        one = request.asset
        kind = ASSET_KINDS.get(one.kind, "")
        return _asset(
            await self._service.define_asset(Asset(one.code, kind, one.scale, one.unit, one.transferable))
        )

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Any) -> pb.ListAssetsResponse:
        """Return every asset."""
        return pb.ListAssetsResponse(assets=[_asset(one) for one in await self._service.assets()])

    async def Post(self, request: pb.PostRequest, context: Any) -> pb.PostResponse:
        """Apply one transaction. Raises what refuses it, now and on every repeat."""
        return _receipt(await self._service.submit(_posting(request)))

    async def PostMany(self, request: pb.PostManyRequest, context: Any) -> pb.PostManyResponse:
        """Apply many; each has its own result."""
        outcomes = await self._service.submit_many([_posting(one) for one in request.transactions])
        return pb.PostManyResponse(results=[_outcome(one) for one in outcomes])

    async def Reverse(self, request: pb.ReverseRequest, context: Any) -> pb.PostResponse:
        """Post the mirror image. Raises NotFound, AlreadyReversed, Conflict, InsufficientFunds."""
        return _receipt(
            await self._service.reverse(
                request.transaction_id, request.scope, request.key, request.actor, request.reason
            )
        )

    async def OpenAccounts(self, request: pb.OpenAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        """Open accounts and return all that the owner has. Raises UnknownAsset."""
        return _accounts(
            await self._service.open_accounts(request.owner_kind, request.owner_id, request.assets)
        )

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        """Return an owner's accounts."""
        return _accounts(await self._service.accounts(request.owner_kind, request.owner_id))

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.Account:
        """Return an account by id or by name. Raises NotFound."""
        if request.id:
            return _account(await self._service.account(request.id))
        return _account(await self._service.account_named(_ref(request.ref)))

    async def ListStatement(self, request: pb.ListStatementRequest, context: Any) -> pb.ListStatementResponse:
        """Return an account's lines, newest first. Raises Invalid for a foreign cursor."""
        limit = min(request.limit or DEFAULT_LIMIT, MAX_LIMIT)
        if limit < 1:
            raise Invalid("limit is at least 1")
        page = await self._service.statement(request.account_id, limit, request.cursor)
        return pb.ListStatementResponse(
            lines=[_line(one) for one in page.items], next_cursor=page.next_cursor
        )

    async def ListLots(self, request: pb.ListLotsRequest, context: Any) -> pb.ListLotsResponse:
        """Return an owner's lots in the order in which they are used."""
        lots = await self._service.lots(
            request.owner_kind, request.owner_id, request.asset, with_empty=request.include_empty
        )
        return pb.ListLotsResponse(lots=[_lot(one) for one in lots])

    async def GetTransaction(self, request: pb.GetTransactionRequest, context: Any) -> pb.Transaction:
        """Return a transaction with all that it did. Raises NotFound."""
        return _transaction(await self._service.explain(request.id, prove=request.prove))

    async def Reserve(self, request: pb.ReserveRequest, context: Any) -> pb.ReserveResponse:
        """Set a slice aside. Grants 0 when nothing is left. Raises KeyReused, UnknownAsset."""
        grant = await self._service.reserve(
            Reservation(
                request.hold_id,
                _ref(getattr(request, "from")),
                _ref(request.to),
                request.want,
                request.expires_at_us,
                request.actor,
                request.divisor or 1,
                request.floor,
            )
        )
        return pb.ReserveResponse(granted=grant.granted, left=grant.left)

    async def RecordUse(self, request: pb.RecordUseRequest, context: Any) -> pb.RecordUseResponse:
        """Charge cumulative use. Raises UnknownHold, Conflict."""
        marks = tuple(
            UseMark(mark.session_id, mark.cumulative, mark.sequence, mark.final) for mark in request.marks
        )
        charged = await self._service.record_use(
            UseReport(request.hold_id, marks, request.actor, request.release)
        )
        return pb.RecordUseResponse(
            posted=charged.posted,
            remaining=charged.remaining,
            shortfall=charged.shortfall,
            cost=sum(charged.costs.values()) if len(charged.costs) == 1 else 0,
            costs=charged.costs,
        )

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:
        """Give back what a reservation holds; 0 when nothing. Raises UnknownHold."""
        return pb.ReleaseResponse(released=await self._service.release(request.hold_id, request.actor))

    async def Verify(self, request: pb.VerifyRequest, context: Any) -> pb.VerifyResponse:
        """Recompute the books and say what does not hold."""
        proof = await self._service.verify(known_head=request.known_head)
        return pb.VerifyResponse(
            ok=proof.ok,
            transactions=proof.transactions,
            legs=proof.legs,
            accounts=proof.accounts,
            holds_open=proof.holds_open,
            lots=proof.lots,
            seals=proof.seals,
            head=proof.head,
            findings=proof.findings,
            totals=proof.totals,
            signature=proof.signature,
            signer=proof.signer,
        )


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────


def _ref(ref: pb.AccountRef) -> AccountRef:
    return AccountRef(ref.owner_kind, ref.owner_id, ref.asset, ref.purpose)


def _posting(request: pb.PostRequest) -> Posting:
    return Posting(
        request.scope,
        request.key,
        request.code,
        tuple(_leg(leg) for leg in request.legs),
        request.actor,
        request.event_at_us,
        dict(request.meta),
    )


def _leg(leg: pb.Leg) -> Leg:
    kind = KINDS.get(leg.kind)
    if kind is None:
        raise Invalid("a leg is a post, a hold, a capture or a release")
    opens = kind in {LegKind.POST, LegKind.HOLD}
    terms = LotTerms(leg.lot.cost_asset, leg.lot.cost, leg.lot.expires_at_us) if leg.HasField("lot") else None
    return Leg(
        kind,
        _ref(leg.debit) if opens else None,
        _ref(leg.credit) if opens else None,
        leg.amount,
        leg.hold_id,
        leg.hold_expires_at_us,
        terms,
    )


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────


def _named(ref: AccountRef) -> pb.AccountRef:
    return pb.AccountRef(
        owner_kind=ref.owner_kind, owner_id=ref.owner_id, asset=ref.asset, purpose=ref.purpose
    )


def _asset(asset: Asset) -> pb.Asset:
    return pb.Asset(
        code=asset.code,
        kind=ASSET_KIND_NUMBERS[asset.kind],
        scale=asset.scale,
        unit=asset.unit,
        transferable=asset.transferable,
    )


def _account(account: Account) -> pb.Account:
    return pb.Account(
        id=account.id,
        ref=_named(account.ref),
        debits_posted=account.debits_posted,
        credits_posted=account.credits_posted,
        debits_pending=account.debits_pending,
        credits_pending=account.credits_pending,
        version=account.version,
        balance=account.balance,
        available=account.available,
        opened_at_us=account.opened_at_us,
    )


def _accounts(accounts: Iterable[Account]) -> pb.ListAccountsResponse:
    return pb.ListAccountsResponse(accounts=[_account(one) for one in accounts])


def _receipt(receipt: Receipt) -> pb.PostResponse:
    accounts = [_account(account) for account in receipt.accounts]
    return pb.PostResponse(transaction_id=receipt.txn_id, replayed=receipt.replayed, accounts=accounts)


def _outcome(outcome: Receipt | Problem) -> pb.PostResult:
    if isinstance(outcome, Problem):
        return pb.PostResult(rejected=pb.Rejection(code=outcome.code, detail=outcome.detail))
    return pb.PostResult(applied=_receipt(outcome))


def _line(line: StatementLine) -> pb.StatementLine:
    return pb.StatementLine(
        transaction_id=line.txn_id,
        line=line.line,
        kind=KIND_NUMBERS[line.kind],
        code=line.code,
        debit=line.debit,
        credit=line.credit,
        version=line.version,
        balance=line.balance,
        other=_named(line.other),
        at_us=line.at_us,
        meta=orjson.loads(line.meta),
    )


def _lot(lot: Lot) -> pb.Lot:
    return pb.Lot(
        id=lot.id,
        asset=lot.asset,
        quantity=lot.quantity,
        remaining=lot.remaining,
        cost_asset=lot.cost_asset,
        cost=lot.cost,
        remaining_cost=lot.remaining_cost,
        expires_at_us=lot.expires_at_us,
        opened_at_us=lot.opened_at_us,
        transaction_id=lot.txn_id,
    )


def _transaction(explained: Explained) -> pb.Transaction:
    txn = explained.entry.txn
    return pb.Transaction(
        id=txn.id,
        scope=txn.scope,
        key=txn.key,
        code=txn.code,
        status=txn.status,
        reason=txn.reason,
        actor=txn.actor,
        event_at_us=txn.event_at_us,
        created_at_us=txn.created_at_us,
        legs=_legs(explained.entry, explained.names),
        meta=orjson.loads(txn.meta),
        reverses=txn.reverses or "",
        lots_opened=[_lot(lot) for lot in explained.entry.lots],
        lot_moves=_moves(explained),
        use=[
            pb.SessionUse(
                session_id=line.session_id,
                units=line.units,
                cumulative=line.cumulative,
                sequence=line.sequence,
                final=line.final,
            )
            for line in explained.entry.usage
        ],
        seal=_inclusion(explained.inclusion) if explained.inclusion else None,
    )


def _legs(entry: Entry, names: dict[str, AccountRef]) -> list[pb.TransactionLeg]:
    return [
        pb.TransactionLeg(
            kind=KIND_NUMBERS[leg.kind],
            debit=_named(names[leg.debit_id]),
            credit=_named(names[leg.credit_id]),
            amount=leg.amount,
            hold_id=leg.hold_id or "",
            debit_version=leg.debit_version,
            credit_version=leg.credit_version,
        )
        for leg in entry.legs
    ]


def _moves(explained: Explained) -> list[pb.LotMove]:
    return [
        pb.LotMove(
            line=move.line,
            lot_id=move.lot_id,
            quantity=move.quantity,
            cost_asset=explained.lots[move.lot_id].cost_asset,
            cost=move.cost,
        )
        for move in explained.entry.moves
    ]


def _inclusion(proof: Inclusion) -> pb.SealProof:
    seal = proof.seal
    return pb.SealProof(
        number=seal.number,
        index=proof.place,
        count=seal.size,
        leaf=proof.leaf,
        path=proof.path,
        root=seal.root,
        previous=seal.previous,
        hash=seal.hash,
        signature=seal.signature,
        signer=seal.signer,
    )
