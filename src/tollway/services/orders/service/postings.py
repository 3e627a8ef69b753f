"""What each step of the saga asks of the ledger.

Every request is made from the order's row alone, so a repeat, even by another process after a crash, is
the same request to the bit, and the ledger takes it for what it is.
"""

from collections.abc import Sequence

from tollway.contracts.ledger_pb2 import (
    LEG_KIND_CAPTURE,
    LEG_KIND_HOLD,
    LEG_KIND_RELEASE,
    AccountRef,
    Leg,
    LotTerms,
    PostRequest,
)
from tollway.services.orders.model import Order


def hold_funds(order: Order) -> PostRequest:
    """Hold the price, and the fee if there is one, in the customer's wallet."""
    terms = order.terms
    wallet = _customer(order, terms.currency)
    legs = [_hold(order, order.funds_hold_id, wallet, _house(terms.currency, "deferred"), terms.price)]
    if terms.fee:
        legs.append(_hold(order, order.fee_hold_id, wallet, _house(terms.currency, "fee"), terms.fee))
    return _post(order, "hold_funds", "hold", legs)


def allocate(order: Order) -> PostRequest:
    """Hold the capacity in the catalogue's inventory."""
    terms = order.terms
    inventory = AccountRef(owner_kind="house", owner_id="catalog", asset=terms.asset, purpose="inventory")
    holdings = _customer(order, terms.asset)
    return _post(
        order, "allocate", "hold", [_hold(order, order.capacity_hold_id, inventory, holdings, terms.quantity)]
    )


def capture(order: Order) -> PostRequest:
    """Delivery versus payment: money and access change hands in one transaction, or neither does."""
    terms = order.terms
    lot = LotTerms(cost_asset=terms.currency, cost=terms.price, expires_at_us=order.lot_expires_at_us)
    legs = [Leg(kind=LEG_KIND_CAPTURE, hold_id=order.funds_hold_id, amount=terms.price)]
    if terms.fee:
        legs.append(Leg(kind=LEG_KIND_CAPTURE, hold_id=order.fee_hold_id, amount=terms.fee))
    legs.append(Leg(kind=LEG_KIND_CAPTURE, hold_id=order.capacity_hold_id, amount=terms.quantity, lot=lot))
    return _post(order, "capture", "buy", legs)


def release_funds(order: Order) -> PostRequest:
    """Give the customer's money back."""
    holds = [order.funds_hold_id, order.fee_hold_id] if order.terms.fee else [order.funds_hold_id]
    return _post(order, "release_funds", "release", [_release(hold_id) for hold_id in holds])


def release_capacity(order: Order) -> PostRequest:
    """Give the capacity back to the inventory."""
    return _post(order, "release_capacity", "release", [_release(order.capacity_hold_id)])


def _post(order: Order, step: str, code: str, legs: Sequence[Leg]) -> PostRequest:
    return PostRequest(
        scope="orders",
        key=f"order:{order.id}:{step}",
        code=code,
        legs=legs,
        actor=order.user_id,
        meta={"order_id": order.id},
    )


def _hold(order: Order, hold_id: str, debit: AccountRef, credit: AccountRef, amount: int) -> Leg:
    return Leg(
        kind=LEG_KIND_HOLD,
        hold_id=hold_id,
        debit=debit,
        credit=credit,
        amount=amount,
        hold_expires_at_us=order.holds_expire_at_us,
    )


def _release(hold_id: str) -> Leg:
    return Leg(kind=LEG_KIND_RELEASE, hold_id=hold_id)


def _customer(order: Order, asset: str) -> AccountRef:
    return AccountRef(owner_kind="user", owner_id=order.user_id, asset=asset, purpose="available")


def _house(currency: str, purpose: str) -> AccountRef:
    return AccountRef(owner_kind="house", owner_id="orders", asset=currency, purpose=purpose)
