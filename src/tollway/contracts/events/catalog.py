"""Events of catalog. Prices."""

from tollway.contracts.events.event import Event


class PriceChanged(Event):
    topic, source = "PRICE_CHANGED", "catalog"
    asset: str
    currency: str
    ask_per_lot: int
