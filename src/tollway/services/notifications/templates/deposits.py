"""E-mails about money that came in, or went back."""

from collections.abc import Mapping

from tollway.contracts.events import (
    CorrectionPosted,
    DebtOpened,
    DebtSettled,
    DepositCredited,
    DepositReinstated,
    DepositReversed,
)
from tollway.kit.money import money_text
from tollway.services.notifications.templates.template import EventEmail, Template

TEMPLATES: Mapping[str, Template] = {
    "deposit_credited": Template(
        "receipts",
        "Your deposit of {amount} {currency} has arrived",
        ("Thank you. Your deposit was credited to your wallet.",),
        button="See your wallet",
        figures=(("Amount", "{amount} {currency}"), ("Deposit", "{deposit_id}")),
    ),
    "deposit_refunded": Template(
        "receipts",
        "Your refund of {amount} {currency}",
        ("We refunded part or all of your deposit to the card that it was paid with.",),
        button="See your wallet",
        figures=(
            ("Refunded", "{amount} {currency}"),
            ("From your wallet", "{recovered} {currency}"),
            ("Deposit", "{deposit_id}"),
        ),
        after=("Depending on your bank it takes a few days until you see it.",),
    ),
    "deposit_disputed": Template(
        "receipts",
        "Your bank has taken back {amount} {currency}",
        (
            "Your bank disputes the payment of a deposit, so the money was taken back from us.",
            "Until the dispute is decided we took what was left of it out of your wallet.",
        ),
        button="See your wallet",
        figures=(
            ("Disputed", "{amount} {currency}"),
            ("From your wallet", "{recovered} {currency}"),
            ("Deposit", "{deposit_id}"),
        ),
        after=("If you did not ask your bank for this, contact your bank: it can be withdrawn.",),
    ),
    "wallet_credited": Template(
        "receipts",
        "{amount} {currency} were added to your wallet",
        ("The operator of {brand} corrected your wallet.",),
        button="See your wallet",
        figures=(("Added", "{amount} {currency}"), ("Reason", "{reason}")),
    ),
    "wallet_debited": Template(
        "receipts",
        "{amount} {currency} were taken from your wallet",
        ("The operator of {brand} corrected your wallet.",),
        button="See your wallet",
        figures=(("Taken", "{amount} {currency}"), ("Reason", "{reason}")),
    ),
    "debt_opened": Template(
        "security",
        "You owe {owed} {currency}",
        (
            "Money of a deposit went back to the card that it was paid with, and your wallet did not have all of it.",
            "What is missing stands open. It is taken from your next deposit, and from whatever else comes in.",
        ),
        button="See your wallet",
        figures=(("Missing", "{amount} {currency}"), ("You owe", "{owed} {currency}")),
    ),
    "debt_settled": Template(
        "receipts",
        "{amount} {currency} settled what you owed",
        ("Money that came into your wallet settled what you owed from a deposit that had gone back.",),
        button="See your wallet",
        figures=(("Settled", "{amount} {currency}"), ("You still owe", "{owed} {currency}")),
    ),
    "deposit_reinstated": Template(
        "receipts",
        "{recovered} {currency} are back in your wallet",
        ("What was taken back of your deposit has come back to us, and so to your wallet.",),
        button="See your wallet",
        figures=(("Returned", "{recovered} {currency}"), ("Deposit", "{deposit_id}")),
    ),
}


def _credited(event: DepositCredited, public_url: str) -> dict[str, str]:
    return {
        "amount": money_text(event.amount),
        "link": f"{public_url}/billing",
        "currency": event.currency,
        "deposit_id": event.deposit_id,
    }


def _moved(event: DepositReversed | DepositReinstated, public_url: str) -> dict[str, str]:
    return {
        "amount": money_text(event.amount),
        "recovered": money_text(event.recovered),
        "link": f"{public_url}/billing",
        "currency": event.currency,
        "deposit_id": event.deposit_id,
    }


def _owed(event: DebtOpened | DebtSettled, public_url: str) -> dict[str, str]:
    return {
        "amount": money_text(event.amount),
        "owed": money_text(event.owed),
        "link": f"{public_url}/billing",
        "currency": event.currency,
    }


def _corrected(event: CorrectionPosted, public_url: str) -> dict[str, str]:
    return {
        "amount": money_text(abs(event.amount)),
        "currency": event.currency,
        "reason": event.reason,
        "link": f"{public_url}/billing",
    }


EVENT_EMAILS = (
    EventEmail(
        CorrectionPosted,
        template=lambda event: "wallet_credited" if event.amount > 0 else "wallet_debited",
        key=lambda event: f"correction:{event.correction_id}",
        params=_corrected,
    ),
    EventEmail(
        DebtOpened,
        template=lambda _event: "debt_opened",
        key=lambda event: f"debt_opened:{event.ref}",
        params=_owed,
    ),
    EventEmail(
        DebtSettled,
        template=lambda _event: "debt_settled",
        key=lambda event: f"debt_settled:{event.ref}",
        params=_owed,
    ),
    EventEmail(
        DepositCredited,
        template=lambda _event: "deposit_credited",
        key=lambda event: f"deposit:{event.deposit_id}",
        params=_credited,
    ),
    EventEmail(
        DepositReversed,
        template=lambda event: "deposit_refunded" if event.kind == "refund" else "deposit_disputed",
        key=lambda event: f"reversed:{event.ref}",
        params=_moved,
    ),
    # Of interest only if any of it had been the customer's.
    EventEmail(
        DepositReinstated,
        template=lambda event: "deposit_reinstated" if event.recovered else None,
        key=lambda event: f"reinstated:{event.ref}",
        params=_moved,
    ),
)
