"""The view of the book that a draft has: it reads what is shown there, and changes nothing."""

from collections.abc import Iterable
from typing import Protocol

from tollway.services.ledger.model.records import Original
from tollway.services.ledger.model.values import Account, Asset, Hold, Lot, Mark


class View(Protocol):
    """The state of the ledger before a draft, at the places that its command asked for."""

    def asset(self, code: str) -> Asset:
        """Return an asset. Raises UnknownAsset."""
        ...

    def asset_or_none(self, code: str) -> Asset | None:
        """Return an asset if it was defined."""
        ...

    def account(self, id_: str) -> Account:
        """Return an account; it must be among the wanted."""
        ...

    def has_hold(self, hold_id: str) -> bool:
        """Tell whether this id was used for a hold."""
        ...

    def hold(self, hold_id: str) -> Hold:
        """Return a hold. Raises UnknownHold."""
        ...

    def lots_of(self, id_: str) -> Iterable[Lot]:
        """Return the lots of an account; used up ones may be among them."""
        ...

    def lot(self, lot_id: str) -> Lot | None:
        """Return a lot as it is now, if it was shown."""
        ...

    def mark(self, session_id: str, asset: str) -> Mark:
        """Return how far a session was charged: not at all when it is new."""
        ...

    def original(self, txn_id: str) -> Original:
        """Return a transaction of the past. Raises NotFound."""
        ...
