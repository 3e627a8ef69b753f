"""Which step a payment allows in which state, and how an attempt ends.

requires_payment_method ──► requires_confirmation ──confirm──► requires_action ──proof──┐
          ▲                                          │                │ no proof        │
          │ declined                                 ▼                ▼                 ▼
          └─────────────────────────────────────  declined    requires_payment_method  approved
approved ──► succeeded                      (capture_method automatic)
         └─► requires_capture ──capture──► succeeded
everything before `succeeded` ──cancel──► canceled
"""

from dataclasses import dataclass
from typing import Any, Literal

from tollway.services.payments_mock.model.cards import NEEDS_AUTHENTICATION, Decline, TestCard
from tollway.services.payments_mock.model.refusals import Refused

Json = dict[str, Any]

_CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
ALLOWED = {
    "confirm": _CONFIRMABLE,
    "capture": {"requires_capture"},
    "cancel": _CONFIRMABLE | {"requires_capture", "processing"},
    "update": _CONFIRMABLE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the bank answers a charge: approved, declined (and why), or only with a proof by the cardholder."""

    verdict: Literal["approved", "declined", "authenticate"]
    decline: Decline | None = None


def answer_of(card: TestCard, *, set_up: bool, off_session: bool, proved: bool = False) -> Outcome:
    """Decide a charge. `set_up`: the card was saved with a proof before; `proved`: it was given just now."""
    must_prove = card.authenticate == "always" or (card.authenticate == "unless_set_up" and not set_up)
    if must_prove and not proved:
        return Outcome("declined", NEEDS_AUTHENTICATION) if off_session else Outcome("authenticate")
    return Outcome("declined", card.decline) if card.decline else Outcome("approved")


def check_step(step: str, intent: Json) -> None:
    """Refuse a step that the intent's state does not allow, as `payment_intent_unexpected_state`."""
    if intent["status"] in ALLOWED[step]:
        return
    kind = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}[intent["object"]]
    more: Json = {intent["object"]: intent}
    raise Refused(
        400,
        f"This {kind}'s status is {intent['status']}; a {step} is possible only in one of these: "
        f"{', '.join(sorted(ALLOWED[step]))}.",
        code=f"{intent['object']}_unexpected_state",
        **more,
    )


def approved(payment: Json, charge: Json) -> None:
    """Book an approved attempt: the money is taken, or set aside until it is captured."""
    manual = payment["capture_method"] == "manual"
    charge["paid"], charge["status"], charge["captured"] = True, "succeeded", not manual
    charge["outcome"] = _bank_said("approved_by_network", "authorized", "Payment complete.", None)
    payment["last_payment_error"], payment["next_action"] = None, None
    payment["latest_charge"], payment["payment_method"] = charge["id"], charge["payment_method"]
    if manual:
        payment["status"], payment["amount_capturable"] = "requires_capture", payment["amount"]
    else:
        _received(payment, charge, payment["amount"])


def declined(payment: Json, charge: Json, why: Decline, method: Json) -> None:
    """Book a declined attempt: nothing moved, and another card may be tried."""
    charge["status"] = "failed"
    charge["failure_code"], charge["failure_message"] = why.code, why.message
    text = f"The bank returned the decline code `{why.decline_code}`."
    charge["outcome"] = _bank_said("declined_by_network", "issuer_declined", text, why.decline_code)
    payment["latest_charge"] = charge["id"]
    unpaid(payment, {**why.refusal().error, "charge": charge["id"], "payment_method": method})


def unpaid(payment: Json, error: Json) -> None:
    """Put a payment back to waiting for a card, and keep why."""
    payment["status"], payment["payment_method"], payment["next_action"] = (
        "requires_payment_method",
        None,
        None,
    )
    payment["last_payment_error"] = error


def captured(payment: Json, charge: Json, amount: int) -> None:
    """Take what was set aside, or a part of it; the rest is set free."""
    charge["captured"] = True
    _received(payment, charge, amount)


def canceled(intent: Json, now_s: int, reason: str | None) -> None:
    """End an intent before it succeeded."""
    intent["status"], intent["cancellation_reason"], intent["next_action"] = "canceled", reason, None
    if intent["object"] == "payment_intent":
        intent["canceled_at"], intent["amount_capturable"] = now_s, 0


def _received(payment: Json, charge: Json, amount: int) -> None:
    charge["amount_captured"] = amount
    payment["status"], payment["amount_received"], payment["amount_capturable"] = "succeeded", amount, 0


def _bank_said(network: str, kind: str, message: str, reason: str | None) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 10,
        "seller_message": message,
        "type": kind,
    }
