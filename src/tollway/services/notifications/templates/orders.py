"""E-mails about what a customer bought or was given."""

from collections.abc import Mapping

from tollway.contracts.books import MONEY
from tollway.contracts.events import GiftMade, OrderFilled
from tollway.kit.money import format_units, money_text
from tollway.services.notifications.templates.template import EventEmail, Template

TEMPLATES: Mapping[str, Template] = {
    "receipt": Template(
        "receipts",
        "Your purchase: {item}",
        ("Thank you for your purchase. It is yours to use now.",),
        button="See what you hold",
        figures=(("Bought", "{item}"), ("Paid", "{amount} {currency}"), ("Order", "{order_id}")),
    ),
    "gift_received": Template(
        "receipts",
        "You were given {item}",
        ("Another customer of {brand} gave you something. It is yours to use now.",),
        button="See what you hold",
        figures=(("Given", "{item}"), ("With the words", "{note}"), ("Transaction", "{transaction_id}")),
        defaults={"note": "-"},
    ),
}


def item_text(asset: str, quantity: int) -> str:
    """Say what was bought: `1.5 GB of datacenter standard bandwidth`; other assets by their plain quantity."""
    kind, _, rest = asset.partition(".")
    if kind != "bandwidth":
        return f"{quantity} of {asset}"
    # A gigabyte is 10^9 bytes.
    amount = format_units(quantity, 9).rstrip("0").rstrip(".")
    return f"{amount} GB of {rest.replace('.', ' ')} bandwidth"


def _receipt(event: OrderFilled, public_url: str) -> dict[str, str]:
    return {
        "item": item_text(event.asset, event.quantity),
        "amount": money_text(event.price),
        "link": f"{public_url}/billing",
        "currency": event.currency,
        "order_id": event.order_id,
    }


def _gift(event: GiftMade, public_url: str) -> dict[str, str]:
    amount = f"{money_text(event.amount)} {event.asset}"
    return {
        "item": amount if event.kind == MONEY else item_text(event.asset, event.amount),
        "note": event.note,
        "link": f"{public_url}/billing",
        "transaction_id": event.transaction_id,
    }


EVENT_EMAILS = (
    EventEmail(
        GiftMade,
        template=lambda _event: "gift_received",
        key=lambda event: f"gift:{event.transaction_id}",
        params=_gift,
    ),
    EventEmail(
        OrderFilled,
        template=lambda _event: "receipt",
        key=lambda event: f"order:{event.order_id}",
        params=_receipt,
    ),
)
