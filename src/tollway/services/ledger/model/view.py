"""What a draft may read of the ledger's state. It changes nothing there."""

from collections.abc import Iterable
from typing import Protocol

from tollway.services.ledger.model.records import Original
from tollway.services.ledger.model.values import Account, Asset, Hold, Lot, SessionUsage


class View(Protocol):
    """The state of the ledger before a draft, as far as its command asked for it."""

    def asset(self, code: str) -> Asset:
        """Return an asset. Raises UnknownAsset."""
        ...

    def asset_or_none(self, code: str) -> Asset | None:
        """Return an asset if it was defined."""
        ...

    def account(self, id_: str) -> Account:
        """Return an account; it must have been asked for."""
        ...

    def has_hold(self, hold_id: str) -> bool:
        """Return whether this id was used for a hold."""
        ...

    def hold(self, hold_id: str) -> Hold:
        """Return a hold. Raises UnknownHold."""
        ...

    def lots_of(self, id_: str) -> Iterable[Lot]:
        """Return the lots of an account; used up ones may be among them."""
        ...

    def lot(self, lot_id: str) -> Lot | None:
        """Return a lot as it is now, if it was loaded."""
        ...

    def usage(self, session_id: str, asset: str) -> SessionUsage:
        """Return how far a session was charged: not at all when it is new."""
        ...

    def original(self, txn_id: str) -> Original:
        """Return a transaction of the past. Raises NotFound."""
        ...
