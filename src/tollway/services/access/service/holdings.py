"""What customers hold, in the ledger: reading it, reserving slices of it, recording use."""

import contextlib
import logging
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a customer holds of an asset. `reserved` is part of it: in the hands of nodes, perhaps used already."""

    asset: str
    balance: int
    reserved: int


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
