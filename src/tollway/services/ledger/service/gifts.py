"""Gifts: what one customer gives to another, by id or by e-mail address.

The gift's announcement is a job that is left before the posting and posts it again under the same key: so the receiver
is written to if, and only if, the gift was made, however the request ended.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from tollway.contracts import identity_pb2
from tollway.contracts.books import AVAILABLE, USER
from tollway.contracts.errors import ReceiverUnavailable
from tollway.contracts.events import GiftMade
from tollway.kit.errors import Invalid, NotFound, Problem
from tollway.kit.money import parse_units
from tollway.services.ledger.model.posting import Leg, Posting
from tollway.services.ledger.model.values import AccountRef, Asset, LegKind
from tollway.services.ledger.service.ledger import Ledger

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub

ANNOUNCE_GIFT = "announce_gift"
# The request posts the gift itself; the job comes after it.
ANNOUNCE_AFTER_S = 1


class Gift(NamedTuple):
    """What one customer gave to another."""

    txn_id: str
    to_user_id: str
    asset: Asset
    amount: int


class Gifts:
    """Gives what a customer holds to another one who can receive it."""

    def __init__(self, ledger: Ledger, identity: "IdentityAsyncStub") -> None:
        self._ledger = ledger
        self._identity = identity

    async def give(
        self, from_user_id: str, to: str, asset_code: str, amount: str, *, key: str, note: str
    ) -> Gift:
        """Move some of what a customer holds to another. `amount` is decimal text in the asset's scale.

        `to` is the receiver's usr_ id or e-mail address. Raises Invalid, NotFound when there is no such customer,
        ReceiverUnavailable, Forbidden for an asset that can't be transferred, InsufficientFunds.
        """
        asset = next((one for one in await self._ledger.assets() if one.code == asset_code), None)
        if asset is None:
            raise Invalid.of("asset", f"there is no asset {asset_code!r}")
        units = _positive_units(amount, asset)
        to_user_id = await self._receiver(to)
        if to_user_id == from_user_id:
            raise Invalid.of("to_user_id", "must be another customer, not yourself")
        gift = {
            "from_user_id": from_user_id,
            "to_user_id": to_user_id,
            "asset": asset.code,
            "kind": asset.kind,
            "units": units,
            "key": key,
            "note": note,
        }
        async with self._ledger.db.transaction() as tx:
            tx.enqueue(ANNOUNCE_GIFT, gift, due_in_s=ANNOUNCE_AFTER_S, unique=f"{from_user_id}:{key}")
        receipt = await self._ledger.submit(_posting(gift))
        return Gift(receipt.txn_id, to_user_id, asset, units)

    async def _receiver(self, to: str) -> str:
        """Return the id of a customer who can receive something."""
        by_email = "@" in to
        request = (
            identity_pb2.GetUserRequest(email=to) if by_email else identity_pb2.GetUserRequest(user_id=to)
        )
        try:
            user = await self._identity.GetUser(request)
        except NotFound:
            raise NotFound(f"there is no customer {to}") from None
        # An address that nobody has confirmed may be somebody else's.
        if user.state != "active" or (by_email and not user.email_verified):
            raise ReceiverUnavailable
        return user.id


async def announce_gift(service: Ledger, payload: dict[str, Any]) -> None:
    """Publish that a gift was made, if it was."""
    try:
        receipt = await service.submit(_posting(payload))
    except Problem as problem:
        if problem.status >= 500:
            raise
        return  # it was refused, and will be for ever
    async with service.db.transaction() as tx:
        tx.publish(
            GiftMade(
                transaction_id=receipt.txn_id,
                user_id=payload["to_user_id"],
                from_user_id=payload["from_user_id"],
                asset=payload["asset"],
                kind=payload["kind"],
                amount=payload["units"],
                note=payload["note"],
            )
        )


def _posting(gift: dict[str, Any]) -> Posting:
    debit, credit = (
        AccountRef(USER, gift[side], gift["asset"], AVAILABLE) for side in ("from_user_id", "to_user_id")
    )
    return Posting(
        scope="wallet",
        key=f"give:{gift['from_user_id']}:{gift['key']}",
        code="give",
        legs=(Leg(LegKind.POST, debit, credit, gift["units"]),),
        actor=gift["from_user_id"],
        meta={"note": gift["note"]} if gift["note"] else {},
    )


def _positive_units(text: str, asset: Asset) -> int:
    try:
        units = parse_units(text, asset.scale)
    except ValueError as error:
        raise Invalid.of("amount", str(error)) from error
    if units <= 0:
        raise Invalid.of("amount", "must be greater than zero")
    return units
