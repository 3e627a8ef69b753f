"""Events of catalog. Prices, products and plans."""

from tollway.contracts.events.event import Event


class PriceChanged(Event):
    topic, source = "PRICE_CHANGED", "catalog"
    asset: str
    currency: str
    ask_per_lot: int
    reason: str = ""


class ProductChanged(Event):
    """A product was added, changed, hidden or offered again."""

    topic, source = "PRODUCT_CHANGED", "catalog"
    asset: str
    name: str
    active: bool


class PlanChanged(Event):
    """A plan was added, hidden or offered again."""

    topic, source = "PLAN_CHANGED", "catalog"
    plan_id: str
    asset: str
    quantity: int
    active: bool
