"""Stripe's objects, read into the values of the port."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from tollway.contracts.errors import BadSignature, CardDeclined
from tollway.kit.currencies import Minor
from tollway.services.payments.providers.port import Checkout, Payment, PaymentRequest, ReversedPart

Json = dict[str, Any]

_STATUS: dict[str, Literal["succeeded", "processing", "requires_action", "failed", "canceled"]] = {
    "succeeded": "succeeded",
    "processing": "processing",
    "requires_action": "requires_action",
    "requires_capture": "processing",
    "canceled": "canceled",
    # Waiting for a card is what an intent does after a decline; ours are confirmed as they are made.
    "requires_payment_method": "failed",
    "requires_confirmation": "failed",
}


# A refund that waits has left the account all the same. An inquiry (warning_*) is a question and takes nothing.
REFUND: dict[str, Literal["standing", "undone"]] = {
    "pending": "standing",
    "requires_action": "standing",
    "succeeded": "standing",
    "failed": "undone",
    "canceled": "undone",
}
DISPUTE: dict[str, Literal["standing", "lost", "undone"]] = {
    "needs_response": "standing",
    "under_review": "standing",
    "lost": "lost",
    "won": "undone",
}


def payment(intent: Json) -> Payment:
    """Read a payment intent."""
    error: Json = intent.get("last_payment_error") or {}
    status = _STATUS[intent["status"]]
    action: Json = intent.get("next_action") or {}
    redirect: Json = action.get("redirect_to_url") or {}
    return Payment(
        ref=intent["id"],
        status=status,
        amount=_amount(intent, "amount_received" if status == "succeeded" else "amount"),
        deposit_id=deposit_id(intent),
        action_url=redirect.get("url") or "",
        reason=error.get("code") or intent.get("cancellation_reason") or "",
        decline_code=error.get("decline_code") or "",
        message=error.get("message") or "",
    )


def reversed_part(
    kind: Literal["refund", "chargeback"],
    about: Json,
    statuses: Mapping[str, Literal["standing", "lost", "undone"]],
) -> ReversedPart | None:
    """Read a refund or a dispute; None when it takes nothing."""
    status = statuses.get(about["status"])
    return status and ReversedPart(about["id"], kind, status, _amount(about, "amount"))


def _amount(about: Json, member: str) -> Minor:
    return Minor(about["currency"].upper(), about[member])


def deposit_id(about: Json) -> str:
    """Return the deposit that an object was made for; empty when it is not one of ours."""
    metadata: Json = about.get("metadata") or {}
    return metadata.get("deposit_id", "")


def checkout(session: Json) -> Checkout:
    """Read a checkout session."""
    return Checkout(
        ref=session["id"],
        status=session["status"],
        url=session.get("url") or "",
        payment_ref=session.get("payment_intent") or "",
        deposit_id=deposit_id(session),
    )


def declined(error: Any, request: PaymentRequest) -> Payment:
    """Turn a card error into the failed payment that it reports."""
    details = _details(error)
    intent: Json = details.get("payment_intent") or {}
    return Payment(
        ref=intent.get("id", ""),
        status="failed",
        amount=request.amount,
        deposit_id=request.deposit_id,
        reason=error.code or "card_declined",
        decline_code=details.get("decline_code", ""),
        message=error.user_message or "",
    )


def _details(error: Any) -> Json:
    """Return the error as the API sent it."""
    body = cast("Json", error.json_body or {})
    return cast("Json", body.get("error", {}))


def refusal(error: Any) -> CardDeclined:
    """Turn a card error into the platform's refusal."""
    details = _details(error)
    return CardDeclined(
        error.user_message or "", decline_code=details.get("decline_code", ""), reason=error.code
    )


def sent_at(signature: str) -> int:
    """Return when a webhook says that it was sent, in seconds. Raises BadSignature when it does not say."""
    for part in signature.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "t" and value.isascii() and value.isdigit() and len(value) < 16:
            return int(value)
    raise BadSignature
