"""The ledger's service API: messages in, operations, messages out. No rule lives here."""

from collections.abc import Iterable
from typing import Any

from tollway.contracts import ledger_pb2 as pb
from tollway.contracts import ledger_pb2_grpc
from tollway.contracts.books import ACCESS, MONEY
from tollway.kit.errors import Invalid
from tollway.services.ledger.model.metering import Reservation, UsageReading, UseReport
from tollway.services.ledger.model.posting import Leg, Posting, Receipt
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    CostAccounts,
    LegKind,
    Lot,
    LotTerms,
)
from tollway.services.ledger.service import Ledger

KINDS = {
    pb.LEG_KIND_POST: LegKind.POST,
    pb.LEG_KIND_HOLD: LegKind.HOLD,
    pb.LEG_KIND_CAPTURE: LegKind.CAPTURE,
    pb.LEG_KIND_RELEASE: LegKind.RELEASE,
}
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

    async def Reverse(self, request: pb.ReverseRequest, context: Any) -> pb.PostResponse:
        """Post the mirror image. Raises NotFound, AlreadyReversed, Conflict, InsufficientFunds."""
        # A service undoes what it posted itself, and gives back nobody else's money.
        scope = request.scope
        return _receipt(
            await self._service.reverse(
                request.transaction_id, scope, request.key, request.actor, request.reason, posted_by=scope
            )
        )

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        """Return an owner's accounts."""
        return _accounts(await self._service.accounts(request.owner_kind, request.owner_id))

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.Account:
        """Return an account by id or by name. Raises NotFound."""
        if request.id:
            return _account(await self._service.account(request.id))
        return _account(await self._service.account_named(_ref(request.ref)))

    async def ListLots(self, request: pb.ListLotsRequest, context: Any) -> pb.ListLotsResponse:
        """Return an owner's lots in the order in which they are used."""
        lots = await self._service.lots(
            request.owner_kind, request.owner_id, request.asset, with_empty=request.include_empty
        )
        return pb.ListLotsResponse(lots=[_lot(one) for one in lots])

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
        readings = tuple(
            UsageReading(one.session_id, one.cumulative, one.sequence, one.final) for one in request.readings
        )
        charged = await self._service.record_use(
            UseReport(request.hold_id, readings, request.actor, request.release, request.keep)
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
    return Leg(
        kind,
        _ref(leg.debit) if opens else None,
        _ref(leg.credit) if opens else None,
        leg.amount,
        leg.hold_id,
        leg.hold_expires_at_us,
        _terms(leg.lot) if leg.HasField("lot") else None,
        leg.up_to,
    )


def _terms(lot: pb.LotTerms) -> LotTerms:
    refs = (lot.deferred, lot.revenue, lot.breakage)
    named = any(lot.HasField(name) for name in ("deferred", "revenue", "breakage"))
    return LotTerms(lot.cost, lot.expires_at_us, CostAccounts(*map(_ref, refs)) if named else None)


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
    return pb.PostResponse(
        transaction_id=receipt.txn_id, replayed=receipt.replayed, accounts=accounts, moved=receipt.moved
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
