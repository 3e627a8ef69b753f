"""What each step of the saga asks of the ledger.

Every request is made from the order's row alone, so a repeat, even by another process after a crash, is
the same request to the bit, and the ledger takes it for what it is.
"""

from collections.abc import Sequence

from tollway.contracts.books import capture, customer, hold, lot_terms, platform, post_request, release
from tollway.contracts.chart.catalog import INVENTORY
from tollway.contracts.chart.orders import BREAKAGE, DEFERRED, FEE, REVENUE
from tollway.contracts.ledger_pb2 import Leg, PostRequest
from tollway.services.orders.model import Order


def hold_funds(order: Order) -> PostRequest:
    """Hold the price, and the fee if there is one, in the customer's wallet."""
    terms, until_us = order.terms, order.holds_expire_at_us
    wallet = customer(order.user_id, terms.currency)
    deferred, fee = (platform("orders", terms.currency, purpose) for purpose in (DEFERRED, FEE))
    legs = [hold(order.funds_hold_id, wallet, deferred, terms.price, until_us)]
    if terms.fee:
        legs.append(hold(order.fee_hold_id, wallet, fee, terms.fee, until_us))
    return _post(order, "hold_funds", "hold", legs)


def allocate(order: Order) -> PostRequest:
    """Hold the capacity in the catalogue's inventory."""
    terms = order.terms
    inventory = platform("catalog", terms.asset, INVENTORY)
    holdings = customer(order.user_id, terms.asset)
    leg = hold(order.capacity_hold_id, inventory, holdings, terms.quantity, order.holds_expire_at_us)
    return _post(order, "allocate", "hold", [leg])


def fill(order: Order) -> PostRequest:
    """Delivery versus payment: money and access change hands in one transaction, or neither does."""
    terms = order.terms
    deferred, revenue, breakage = (
        platform("orders", terms.currency, purpose) for purpose in (DEFERRED, REVENUE, BREAKAGE)
    )
    lot = lot_terms(
        terms.price,
        deferred=deferred,
        revenue=revenue,
        breakage=breakage,
        expires_at_us=order.lot_expires_at_us,
    )
    legs = [capture(order.funds_hold_id, terms.price)]
    if terms.fee:
        legs.append(capture(order.fee_hold_id, terms.fee))
    legs.append(capture(order.capacity_hold_id, terms.quantity, lot))
    return _post(order, "capture", "buy", legs)


def release_funds(order: Order) -> PostRequest:
    """Release what is held of the customer's money."""
    holds = [order.funds_hold_id, order.fee_hold_id] if order.terms.fee else [order.funds_hold_id]
    return _post(order, "release_funds", "release", [release(hold_id) for hold_id in holds])


def release_capacity(order: Order) -> PostRequest:
    """Release the capacity to the inventory."""
    return _post(order, "release_capacity", "release", [release(order.capacity_hold_id)])


def _post(order: Order, step: str, code: str, legs: Sequence[Leg]) -> PostRequest:
    key, meta = f"order:{order.id}:{step}", {"order_id": order.id}
    return post_request("orders", key, code, legs, actor=order.user_id, meta=meta)
