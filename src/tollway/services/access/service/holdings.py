"""What customers hold, in the ledger: reading it, reserving slices of it, recording use."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.contracts import ledger_pb2
from tollway.contracts.books import AVAILABLE, USER, customer, platform
from tollway.contracts.chart.access import CONSUMED
from tollway.contracts.errors import UnknownHold
from tollway.kit.errors import NotFound
from tollway.services.access.model import FlowRecord, ResourceLease
from tollway.services.access.model.units import Unit, used_units
from tollway.services.access.settings import AccessSettings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

ACTOR = "access"
CONTESTED_PARTS = 16
# So that a page which can do without the ledger still comes soon.
READ_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a customer holds of an asset. `reserved` is part of it: in the hands of nodes, perhaps used already."""

    asset: str
    balance: int
    reserved: int


@dataclass(frozen=True, slots=True)
class DatedAllowance:
    """An allowance and what of it expires first: so many units at this moment; 0 and 0 when nothing does."""

    asset: str
    unit: str
    balance: int
    reserved: int
    expiring: int
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class HeldCash:
    """Money of a customer; what orders hold of it is not available."""

    currency: str
    balance: int
    available: int


@dataclass(frozen=True, slots=True)
class Held:
    """All that a customer holds, and whether there ever was any money or access."""

    allowances: list[DatedAllowance]
    cash: list[HeldCash]
    had_cash: bool
    had_access: bool


class Holdings:
    """The ledger, as access uses it. Every call raises Unavailable when it does not answer."""

    def __init__(self, ledger: "LedgerAsyncStub", settings: AccessSettings) -> None:
        self._ledger, self._settings = ledger, settings

    async def allowance(self, user_id: str, asset: str) -> Allowance:
        """Return what a customer holds of an asset."""
        try:
            account = await self._ledger.GetAccount(
                ledger_pb2.GetAccountRequest(ref=customer(user_id, asset))
            )
        except NotFound:  # nothing was ever bought of it
            return Allowance(asset, 0, 0)
        return Allowance(asset, account.balance, account.debits_pending)

    async def held(self, user_id: str) -> list[str]:
        """Name what a customer has something left of, money too; that of which most is left first."""
        answer = await self._ledger.ListAccounts(
            ledger_pb2.ListAccountsRequest(owner_kind=USER, owner_id=user_id)
        )
        left = [one for one in answer.accounts if one.ref.purpose == AVAILABLE and one.balance > 0]
        return [one.ref.asset for one in sorted(left, key=lambda one: (-one.balance, one.ref.asset))]

    async def everything(self, user_id: str) -> Held:
        """Return all that a customer holds, by asset."""
        assets, accounts, lots = await asyncio.gather(
            self._ledger.ListAssets(ledger_pb2.ListAssetsRequest(), timeout=READ_TIMEOUT_S),
            self._ledger.ListAccounts(
                ledger_pb2.ListAccountsRequest(owner_kind=USER, owner_id=user_id), timeout=READ_TIMEOUT_S
            ),
            self._ledger.ListLots(
                ledger_pb2.ListLotsRequest(owner_kind=USER, owner_id=user_id), timeout=READ_TIMEOUT_S
            ),
        )
        known = {one.code: one for one in assets.assets}
        mine = [one for one in accounts.accounts if one.ref.purpose == AVAILABLE and one.ref.asset in known]
        money = [one for one in mine if known[one.ref.asset].kind == ledger_pb2.ASSET_KIND_MONEY]
        access = [one for one in mine if known[one.ref.asset].kind == ledger_pb2.ASSET_KIND_ACCESS]
        return Held(
            allowances=[
                _dated(one, known[one.ref.asset].unit, lots.lots)
                for one in sorted(access, key=lambda one: one.ref.asset)
            ],
            cash=[HeldCash(one.ref.asset, one.balance, one.available) for one in money],
            had_cash=any(one.credits_posted for one in money),
            had_access=any(one.credits_posted for one in access),
        )

    async def reserve(
        self, lease: ResourceLease, user_id: str, asset: str, unit: Unit, *, contested: bool = False
    ) -> ledger_pb2.ReserveResponse:
        """Reserve what a lease asks for, or less; repeating it under the same lease id returns the same.

        `contested`: others draw on the holding, too, so the last of it is granted in small pieces.
        """
        floor = self._settings.lease_bounds(unit).floor
        return await self._ledger.Reserve(
            ledger_pb2.ReserveRequest(
                hold_id=lease.id,
                **{"from": customer(user_id, asset)},
                to=platform(ACTOR, asset, CONSUMED),
                want=lease.wanted,
                # The hold has no end of its own: it lives as long as the node reports, and is released here.
                expires_at_us=0,
                actor=ACTOR,
                divisor=self._settings.lease_divisor,
                floor=max(1, floor // CONTESTED_PARTS) if contested else floor,
            )
        )

    async def record_use(
        self, lease_id: str, flows: Sequence[FlowRecord], unit: Unit, *, release: bool, keep: int = 0
    ) -> ledger_pb2.RecordUseResponse:
        """Charge what flows have used since the last time; a repeat charges nothing.

        With `release` the lease gives back what it then holds beyond `keep`.
        """
        readings = [
            ledger_pb2.UsageReading(
                session_id=flow.session_id,
                cumulative=used_units(flow, unit),
                sequence=flow.sequence,
                final=flow.stopped,
            )
            for flow in flows
        ]
        used = await self._ledger.RecordUse(
            ledger_pb2.RecordUseRequest(
                hold_id=lease_id, readings=readings, actor=ACTOR, release=release, keep=keep
            )
        )
        if used.shortfall:
            _log.warning("%s: %d %ss were used that nothing paid for", lease_id, used.shortfall, unit)
        return used

    async def release(self, lease_id: str) -> None:
        """Give back what a lease holds. One that was asked for and never answered may have no hold."""
        with contextlib.suppress(UnknownHold):
            await self._ledger.Release(ledger_pb2.ReleaseRequest(hold_id=lease_id, actor=ACTOR))


def _dated(account: ledger_pb2.Account, unit: str, lots: Iterable[ledger_pb2.Lot]) -> DatedAllowance:
    ends = [
        one for one in lots if one.asset == account.ref.asset and one.remaining > 0 and one.expires_at_us > 0
    ]
    first_us = min((one.expires_at_us for one in ends), default=0)
    expiring = sum(one.remaining for one in ends if one.expires_at_us == first_us)
    return DatedAllowance(
        account.ref.asset, unit, account.balance, account.debits_pending, expiring, first_us
    )
