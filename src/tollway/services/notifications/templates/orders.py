"""E-mails about orders."""

from collections.abc import Mapping

from tollway.contracts.events import OrderFilled
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
}


def item_text(asset: str, quantity: int) -> str:
    """Say what was bought: `1.5 GB of datacenter standard bandwidth`; other assets by their plain quantity."""
    kind, _, rest = asset.partition(".")
    if kind != "bandwidth":
        return f"{quantity} of {asset}"
    # A gigabyte is 10^9 bytes.
    amount = format_units(quantity, 9).rstrip("0").rstrip(".")
    return f"{amount} GB of {rest.replace('.', ' ')} bandwidth"


def _receipt(event: OrderFilled, public_url: str) -> dict[str, str]:  # noqa: ARG001
    return {
        "item": item_text(event.asset, event.quantity),
        "amount": money_text(event.price),
        "currency": event.currency,
        "order_id": event.order_id,
    }


EVENT_EMAILS = (
    EventEmail(
        OrderFilled,
        template=lambda _event: "receipt",
        key=lambda event: f"order:{event.order_id}",
        params=_receipt,
    ),
)
