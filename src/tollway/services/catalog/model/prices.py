"""Prices and the arithmetic between them: exact integers, rounded up where a customer pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tollway.kit.errors import Invalid
from tollway.kit.money import MAX_UNITS, mul_div
from tollway.services.catalog.model.products import Product, check_quantity

MILLION = 1_000_000

Curve = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What one lot is listed for, in units of the currency, since when and by whom."""

    asset: str
    currency: str
    per_lot: int
    from_us: int
    actor: str


@dataclass(frozen=True, slots=True)
class Price:
    """A price now, for `lot_units`: a customer pays `ask_per_lot` and would get `bid_per_lot` back."""

    asset: str
    currency: str
    list_per_lot: int
    ask_per_lot: int
    bid_per_lot: int
    lot_units: int
    at_us: int


def sold_ppm(capacity: int, available: int) -> int:
    """Return what part of the capacity is not available any more, in millionths, rounded up."""
    if capacity <= 0:
        return MILLION
    sold = min(max(capacity - available, 0), capacity)
    return mul_div(sold, MILLION, capacity, round_up=True)


def scarcity_factor(curve: Curve, sold: int) -> int:
    """Return the factor on the list price where `sold` of the capacity is gone; both in millionths."""
    for (left, low), (right, high) in pairwise(curve):
        if sold <= right:
            return low + mul_div(high - low, sold - left, right - left, round_up=True)
    return curve[-1][1]


def price_at(listed: ListPrice, product: Product, factor_ppm: int, spread_ppm: int, at_us: int) -> Price:
    """Make the price of a moment: the ask rounded up, the bid down. Raises Invalid when it leaves 64 bits."""
    ask = mul_div(listed.per_lot, factor_ppm, MILLION, round_up=True)
    bid = ask * (MILLION - spread_ppm) // MILLION
    if ask > MAX_UNITS:
        raise Invalid(f"the price of {product.asset} is out of range")
    return Price(product.asset, listed.currency, listed.per_lot, ask, bid, product.lot_units, at_us)


def cost_of(quantity: int, per_lot: int, lot_units: int) -> int:
    """Return what `quantity` costs at a price per lot, rounded up. Raises Invalid when it leaves 64 bits."""
    cost = mul_div(quantity, per_lot, lot_units, round_up=True)
    if cost > MAX_UNITS:
        raise Invalid.of("quantity", "is out of range: its price does not fit 64 bits")
    return cost


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What a quantity costs at a moment. It binds nobody; a quote does. `total` is what leaves the wallet."""

    asset: str
    quantity: int
    currency: str
    list_price: int
    fee: int
    ask_per_lot: int
    lot_units: int
    validity_us: int
    at_us: int

    @property
    def total(self) -> int:
        """The price and the fee."""
        return self.list_price + self.fee


def price_line(product: Product, price: Price, quantity: int, fee_ppm: int) -> PriceLine:
    """Price a quantity, rounded up to a whole unit, and the fee on it likewise.

    Raises Invalid for a quantity or a product that is not sold, or when the total leaves 64 bits.
    """
    if not product.active:
        raise Invalid.of("asset", f"{product.asset} is not for sale now")
    check_quantity(product, quantity)
    cost = cost_of(quantity, price.ask_per_lot, price.lot_units)
    fee = mul_div(cost, fee_ppm, MILLION, round_up=True)
    if cost + fee > MAX_UNITS:
        raise Invalid.of("quantity", "is out of range: its price does not fit 64 bits")
    return PriceLine(
        product.asset,
        quantity,
        price.currency,
        cost,
        fee,
        price.ask_per_lot,
        price.lot_units,
        product.validity_us,
        price.at_us,
    )


def check_list_price(product: Product, per_lot: int, curve: Curve) -> None:
    """Raise Invalid for a price at which the largest order could not be paid in 64 bits, even when all is scarce."""
    dearest = mul_div(per_lot, curve[-1][1], MILLION, round_up=True)
    if per_lot <= 0 or mul_div(product.max_units, dearest, product.lot_units, round_up=True) > MAX_UNITS:
        raise Invalid.of(
            "list_price", "must be more than 0, and the price of the largest order must fit 64 bits"
        )
