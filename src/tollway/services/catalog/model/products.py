"""What is sold: products, the prepaid plans of them, and the capacity that is put up for sale."""

from dataclasses import dataclass

from tollway.kit.errors import Invalid


@dataclass(frozen=True, slots=True)
class Product:
    """An access asset as it is sold. Quantities are in `unit`s; `lot_units` of them carry one price.

    A product that is not `active` is hidden and not sold; what was bought of it stays good.
    """

    asset: str
    name: str
    description: str
    protocols: tuple[str, ...]
    tier: str
    unit: str
    lot_units: int
    min_units: int
    max_units: int
    validity_us: int
    capacity_units: int = 0
    active: bool = True


@dataclass(frozen=True, slots=True)
class PrepaidPlan:
    """A fixed amount of one product, bought once at the price of the moment."""

    id: str
    asset: str
    quantity: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class CapacityIssue:
    """Capacity put up for sale: `units` of `asset`; done when the ledger has issued them."""

    id: str
    asset: str
    units: int
    actor: str
    done: bool

    @property
    def state(self) -> str:
        """`asked` until the ledger has issued it, then `done`."""
        return "done" if self.done else "asked"


def check_product(product: Product) -> None:
    """Raise Invalid for sizes of an order that make no sense."""
    if product.min_units > product.max_units:
        raise Invalid.of("min_units", f"must be at most max_units, which is {product.max_units}")


def check_quantity(product: Product, quantity: int) -> None:
    """Raise Invalid when this much is not sold in one order."""
    if not product.min_units <= quantity <= product.max_units:
        reason = f"must be from {product.min_units} to {product.max_units} {product.unit}s"
        raise Invalid.of("quantity", reason, min=str(product.min_units), max=str(product.max_units))
