"""Commands of the ledger itself: defining assets, opening accounts, ending holds and lots whose time is over."""

from dataclasses import dataclass

from tollway.contracts.books import ACCESS, MONEY
from tollway.contracts.chart.ledger import EXPIRED, FORFEITED
from tollway.kit.errors import Conflict, Invalid
from tollway.services.ledger.model.draft import Draft, TxnHeader
from tollway.services.ledger.model.posting import meta_text
from tollway.services.ledger.model.values import (
    MAX_NAME,
    OWN_SCOPE,
    Account,
    AccountRef,
    Asset,
    HoldState,
    own_account,
)
from tollway.services.ledger.model.working_set import Command, ReadSet

MAX_SCALE = 18


@dataclass(frozen=True, slots=True)
class AssetDefinition(Command):
    """Makes an asset known. Repeating it changes nothing; whether it is transferable may be changed."""

    asset: Asset

    def add_reads(self, reads: ReadSet) -> None:
        """Nothing: every asset is always known."""

    def apply(self, draft: Draft) -> Asset:
        """Define it. Raises Conflict when it would change what history is written in."""
        new, old = self.asset, draft.state.asset_or_none(self.asset.code)
        if old is not None:
            if (old.kind, old.scale, old.unit) != (new.kind, new.scale, new.unit):
                raise Conflict(
                    f"{old.code} is {old.kind} of scale {old.scale} in {old.unit}; that can't be changed"
                )
            if old.transferable == new.transferable:
                return old
        revision = old.revision + 1 if old else 1
        made = new._replace(revision=revision, defined_by=draft.txn_id)
        draft.header = TxnHeader(
            OWN_SCOPE, f"asset:{made.code}:{revision}", "define", OWN_SCOPE, meta=meta_text(definition(made))
        )
        draft.assets[made.code] = made
        return made


@dataclass(frozen=True, slots=True)
class AccountsOpening(Command):
    """Opens accounts that their owner is to see before anything was booked on them."""

    refs: tuple[AccountRef, ...]
    actor: str

    def add_reads(self, reads: ReadSet) -> None:
        """Name the accounts."""
        reads.accounts.update(self.refs)

    def apply(self, draft: Draft) -> tuple[Account, ...]:
        """Open those that are not. Raises UnknownAsset."""
        accounts = tuple(draft.open(draft.account(ref)) for ref in self.refs)
        for first in list(draft.accounts)[:1]:
            draft.header = TxnHeader(OWN_SCOPE, f"open:{first}", "open", self.actor)
        return accounts


@dataclass(frozen=True, slots=True)
class HoldExpiry(Command):
    """Releases a hold whose time is over."""

    hold_id: str

    def add_reads(self, reads: ReadSet) -> None:
        """Name the hold."""
        reads.holds.add(self.hold_id)

    def apply(self, draft: Draft) -> int:
        """Give back what it holds. Returns how much. Raises UnknownHold."""
        hold = draft.hold_of(self.hold_id)
        if hold.state != HoldState.OPEN or not hold.has_expired(draft.now_us):
            return 0
        draft.header = TxnHeader(OWN_SCOPE, f"hold_expired:{hold.id}", "hold_expired", OWN_SCOPE)
        return draft.release(hold.id, ended_as=HoldState.EXPIRED)


@dataclass(frozen=True, slots=True)
class LotExpiry(Command):
    """Takes what a customer did not use in time: the units expire, and what was paid for them is breakage.

    What is held at that moment stays until the hold has ended, since it may be in use.
    """

    lot_id: str

    def add_reads(self, reads: ReadSet) -> None:
        """Name the lot."""
        reads.lots.add(self.lot_id)

    def apply(self, draft: Draft) -> int:
        """Take what may be taken. Returns how much."""
        lot = draft.state.lot(self.lot_id)
        if lot is None or not 0 < lot.expires_at_us <= draft.now_us:
            return 0
        owner = draft.account_by_id(lot.account_id)
        amount = min(lot.remaining, owner.available)
        if amount <= 0:
            return 0
        key = f"expire:{lot.id}:{lot.quantity - lot.remaining}"
        draft.header = TxnHeader(OWN_SCOPE, key, "expire", OWN_SCOPE)
        line = draft.move(owner, draft.account(own_account(lot.asset, EXPIRED)), amount)
        expired = draft.consume_from(line, lot, amount)
        if expired.cost:
            deferred, breakage = draft.account_by_id(lot.deferred_id), draft.account_by_id(lot.breakage_id)
            draft.move(deferred, breakage, expired.cost)
        draft.publish()
        return amount


@dataclass(frozen=True, slots=True)
class Forfeiture(Command):
    """Takes what a customer who has left gave up of one account.

    Money becomes income. Access expires, and what was paid for it is breakage. What is held stays until the hold ends.
    """

    ref: AccountRef
    kind: str  # of the asset

    @property
    def _taker(self) -> AccountRef:
        return own_account(self.ref.asset, EXPIRED if self.kind == ACCESS else FORFEITED)

    def add_reads(self, reads: ReadSet) -> None:
        """Name both accounts."""
        reads.accounts.update((self.ref, self._taker))

    def apply(self, draft: Draft) -> int:
        """Take what is available. Returns how much: nothing when it was done before."""
        owner = draft.account(self.ref)
        amount = owner.available
        if amount <= 0:
            return 0
        draft.header = TxnHeader(OWN_SCOPE, f"forfeit:{owner.id}:{owner.version}", "forfeit", OWN_SCOPE)
        line = draft.move(owner, draft.account(self._taker), amount)
        if self.kind == ACCESS:
            for taken in draft.consume(line, owner, amount):
                if taken.cost:
                    deferred, breakage = (
                        draft.account_by_id(id_) for id_ in (taken.lot.deferred_id, taken.lot.breakage_id)
                    )
                    draft.move(deferred, breakage, taken.cost)
        draft.publish()
        return amount


def definition(asset: Asset) -> dict[str, str]:
    """Spell out an asset, as it is kept with the transaction that defined it."""
    return {
        "code": asset.code,
        "kind": asset.kind,
        "scale": str(asset.scale),
        "unit": asset.unit,
        "transferable": str(asset.transferable).lower(),
    }


def check_asset(asset: Asset) -> None:
    """Refuse an asset that can't be counted. Raises Invalid."""
    if not 0 < len(asset.code) <= MAX_NAME or not 0 < len(asset.unit) <= MAX_NAME:
        raise Invalid(f"code and unit have 1 to {MAX_NAME} characters")
    if asset.kind not in {MONEY, ACCESS}:
        raise Invalid("an asset is money or access")
    if not 0 <= asset.scale <= MAX_SCALE:
        raise Invalid(f"scale is 0 to {MAX_SCALE}")
