"""What the ledger does of itself or once: definitions, opening accounts, and what time brings."""

from dataclasses import dataclass

from tollway.kit.errors import Conflict, Invalid
from tollway.services.ledger.model.book import Command, Wanted
from tollway.services.ledger.model.draft import Draft, Title
from tollway.services.ledger.model.posting import meta_text
from tollway.services.ledger.model.values import (
    ACCESS,
    MAX_NAME,
    MONEY,
    OWN_SCOPE,
    Account,
    AccountRef,
    Asset,
    HoldState,
    earnings_account,
    own_account,
)

MAX_SCALE = 18


@dataclass(frozen=True, slots=True)
class AssetDefinition(Command):
    """Makes an asset known. Repeating it changes nothing; whether it is transferable may be changed."""

    asset: Asset

    def places(self, wanted: Wanted) -> None:
        """Nothing: every asset is always known."""

    def apply(self, draft: Draft) -> Asset:
        """Define it. Raises Conflict when it would change what history is written in."""
        new, old = self.asset, draft.book.asset_or_none(self.asset.code)
        if old is not None:
            if (old.kind, old.scale, old.unit) != (new.kind, new.scale, new.unit):
                raise Conflict(
                    f"{old.code} is {old.kind} of scale {old.scale} in {old.unit}; that can't be changed"
                )
            if old.transferable == new.transferable:
                return old
        revision = old.revision + 1 if old else 1
        made = new._replace(revision=revision, defined_by=draft.txn_id)
        draft.title = Title(
            OWN_SCOPE, f"asset:{made.code}:{revision}", "define", OWN_SCOPE, meta=meta_text(definition(made))
        )
        draft.assets[made.code] = made
        return made


@dataclass(frozen=True, slots=True)
class AccountsOpening(Command):
    """Opens accounts that their owner is to see before anything was booked on them."""

    refs: tuple[AccountRef, ...]
    actor: str

    def places(self, wanted: Wanted) -> None:
        """Name the accounts."""
        wanted.accounts.update(self.refs)

    def apply(self, draft: Draft) -> tuple[Account, ...]:
        """Open those that are not. Raises UnknownAsset."""
        accounts = tuple(draft.open(draft.account(ref)) for ref in self.refs)
        for first in list(draft.accounts)[:1]:
            draft.title = Title(OWN_SCOPE, f"open:{first}", "open", self.actor)
        return accounts


@dataclass(frozen=True, slots=True)
class HoldExpiry(Command):
    """Releases a hold whose time is over."""

    hold_id: str

    def places(self, wanted: Wanted) -> None:
        """Name the hold."""
        wanted.holds.add(self.hold_id)

    def apply(self, draft: Draft) -> int:
        """Give back what it holds. Returns how much. Raises UnknownHold."""
        hold = draft.hold_of(self.hold_id)
        if hold.state != HoldState.OPEN or not hold.has_expired(draft.now_us):
            return 0
        draft.title = Title(OWN_SCOPE, f"lapse:{hold.id}", "lapse", OWN_SCOPE)
        return draft.release(hold.id, ended_as=HoldState.EXPIRED)


@dataclass(frozen=True, slots=True)
class LotExpiry(Command):
    """Takes what a customer did not use in time: the units expire, and what was paid for them is breakage.

    What is held at that moment stays until the hold has ended, since it may be in use.
    """

    lot_id: str

    def places(self, wanted: Wanted) -> None:
        """Name the lot."""
        wanted.lots.add(self.lot_id)
        wanted.earnings = True

    def apply(self, draft: Draft) -> int:
        """Take what may be taken. Returns how much."""
        lot = draft.book.lot(self.lot_id)
        if lot is None or not 0 < lot.expires_at_us <= draft.now_us:
            return 0
        owner = draft.account_by_id(lot.account_id)
        amount = min(lot.remaining, owner.available)
        if amount <= 0:
            return 0
        key = f"expire:{lot.id}:{lot.quantity - lot.remaining}"
        draft.title = Title(OWN_SCOPE, key, "expire", OWN_SCOPE)
        line = draft.move(owner, draft.account(own_account(lot.asset, "expired")), amount)
        piece = draft.take_from(line, lot, amount)
        if piece.cost:
            deferred = earnings_account(lot.cost_asset, "deferred")
            draft.post(deferred, earnings_account(lot.cost_asset, "breakage"), piece.cost)
        draft.announce()
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
