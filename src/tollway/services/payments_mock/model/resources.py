"""How each kind of object looks when it is new, member for member as the SDK knows it.

Builders are pure: the id and the time come from the caller, and so does everything that was decided.
"""

from typing import Any

from tollway.services.payments_mock.model.cards import Entered, fingerprint
from tollway.services.payments_mock.model.metadata import merged

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"


def taken(params: Json, *names: str) -> Json:
    """Return the members that an object simply keeps from the request, None where nothing was said."""
    return {name: params.get(name) or None for name in names}


def group(params: Json, name: str) -> Json:
    """Return a group of parameters; an empty one when it was not given, or was given empty."""
    return params.get(name) or {}


def _head(kind: str, ref: str, now_s: int, params: Json) -> Json:
    return {
        "id": ref,
        "object": kind,
        "created": now_s,
        "livemode": False,
        "metadata": merged({}, params.get("metadata")),
    }


def customer(ref: str, now_s: int, params: Json) -> Json:
    """Make a customer."""
    return {
        **_head("customer", ref, now_s, params),
        **taken(params, "address", "description", "email", "name", "phone", "shipping"),
        "balance": params.get("balance", 0),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "invoice_prefix": ref[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": group(params, "invoice_settings").get("default_payment_method"),
            "footer": None,
            "rendering_options": None,
        },
        "preferred_locales": params.get("preferred_locales") or [],
        "tax_exempt": params.get("tax_exempt") or "none",
        "test_clock": None,
    }


def payment_method(ref: str, now_s: int, params: Json, entered: Entered) -> Json:
    """Make a card payment method, not yet anybody's."""
    card = entered.card
    return {
        **_head("payment_method", ref, now_s, params),
        "allow_redisplay": params.get("allow_redisplay") or "unspecified",
        "billing_details": _billing(group(params, "billing_details")),
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass" if entered.cvc_given else None,
            },
            "country": "US",
            "display_brand": card.brand,
            "exp_month": entered.exp_month,
            "exp_year": entered.exp_year,
            "fingerprint": fingerprint(card),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "customer": None,
        "type": "card",
    }


def _billing(details: Json) -> Json:
    return {"tax_id": None, **taken(details, "address", "email", "name", "phone")}


def payment_intent(ref: str, secret: str, now_s: int, params: Json) -> Json:
    """Make a payment that waits for its card."""
    # A payment takes whatever methods the account has enabled, unless the request says otherwise.
    automatic: Json = params.get("automatic_payment_methods") or {"enabled": True}
    return {
        **_head("payment_intent", ref, now_s, params),
        **taken(params, "customer", "description", "on_behalf_of", "payment_method", "receipt_email"),
        **taken(params, "setup_future_usage", "shipping", "statement_descriptor"),
        **taken(params, "statement_descriptor_suffix", "transfer_data", "transfer_group"),
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": params.get("application_fee_amount"),
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "automatic_payment_methods": (
            {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
            if automatic["enabled"]
            else None
        ),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method") or "automatic_async",
        "client_secret": f"{ref}_secret_{secret}",
        "confirmation_method": params.get("confirmation_method") or "automatic",
        "currency": params["currency"],
        "last_payment_error": None,
        "latest_charge": None,
        "next_action": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"installments": None, "network": None}},
        "payment_method_types": ["card"],
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_confirmation" if params.get("payment_method") else "requires_payment_method",
    }


def setup_intent(ref: str, secret: str, now_s: int, params: Json) -> Json:
    """Make the intent to save a card for later."""
    return {
        **_head("setup_intent", ref, now_s, params),
        **taken(params, "customer", "description", "on_behalf_of", "payment_method"),
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{ref}_secret_{secret}",
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "next_action": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_confirmation" if params.get("payment_method") else "requires_payment_method",
        "usage": params.get("usage") or "off_session",
    }


def charge(ref: str, now_s: int, payment: Json, method: Json, receipt_url: str) -> Json:
    """Make the charge of a payment's attempt. It is not yet decided: see `payments.approved`, `declined`."""
    return {
        **_head("charge", ref, now_s, payment),
        **taken(payment, "customer", "description", "on_behalf_of", "receipt_email", "shipping"),
        **taken(payment, "statement_descriptor", "statement_descriptor_suffix", "transfer_group"),
        "amount": payment["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "TOLLWAY TEST",
        "captured": False,
        "currency": payment["currency"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "outcome": None,
        "paid": False,
        "payment_intent": payment["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _charged_card(method["card"], payment["amount"]), "type": "card"},
        "receipt_number": None,
        "receipt_url": receipt_url,
        "refunded": False,
        "review": None,
        "status": "pending",
    }


def _charged_card(card: Json, amount: int) -> Json:
    kept = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    return {
        **{name: card[name] for name in kept},
        "amount_authorized": amount,
        "network": card["brand"],
        "three_d_secure": None,
    }


def refund(ref: str, now_s: int, params: Json, of: Json, amount: int) -> Json:
    """Make a refund of a charge."""
    return {
        **_head("refund", ref, now_s, params),
        "amount": amount,
        "balance_transaction": None,
        "charge": of["id"],
        "currency": of["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "payment_intent": of["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "status": "succeeded",
    }


def dispute(ref: str, now_s: int, of: Json, status: str, amount: int) -> Json:
    """Make a dispute of a charge: its holder's bank wants the money back, or (a warning) asks first."""
    return {
        **_head("dispute", ref, now_s, {}),
        "amount": amount,
        "balance_transactions": [],
        "charge": of["id"],
        "currency": of["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now_s + 7 * 86_400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": status.startswith("warning_"),
        "payment_intent": of["payment_intent"],
        "reason": "fraudulent",
        "status": status,
    }


def product(ref: str, now_s: int, params: Json) -> Json:
    """Make a product."""
    return {
        **_head("product", ref, now_s, params),
        **taken(params, "description", "package_dimensions", "statement_descriptor", "tax_code"),
        **taken(params, "unit_label", "url"),
        "active": params.get("active", True),
        "default_price": None,
        "images": params.get("images") or [],
        "marketing_features": params.get("marketing_features") or [],
        "name": params["name"],
        "shippable": params.get("shippable"),
        "type": params.get("type") or "service",
        "updated": now_s,
    }


def price(ref: str, now_s: int, params: Json, product_id: str, unit_amount: int) -> Json:
    """Make a one-time price of a product."""
    return {
        **_head("price", ref, now_s, params),
        **taken(params, "lookup_key", "nickname"),
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "currency": params["currency"],
        "custom_unit_amount": None,
        "product": product_id,
        "recurring": None,
        "tax_behavior": params.get("tax_behavior") or "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def line_item(ref: str, at_price: Json, description: str, quantity: int) -> Json:
    """Make one line of a checkout."""
    amount = at_price["unit_amount"] * quantity
    return {
        "id": ref,
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": at_price["currency"],
        "description": description,
        "price": at_price,
        "quantity": quantity,
    }


def checkout_session(ref: str, now_s: int, params: Json, total: int, currency: str) -> Json:
    """Make a checkout that waits to be paid on its hosted page."""
    email = params.get("customer_email")
    return {
        **_head("checkout.session", ref, now_s, params),
        **taken(params, "cancel_url", "client_reference_id", "customer", "customer_email", "locale"),
        **taken(params, "submit_type", "success_url"),
        "allow_promotion_codes": None,
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "currency": currency,
        "custom_fields": [],
        "customer_creation": params.get("customer_creation") or "if_required",
        "customer_details": {"email": email} if email else None,
        "expires_at": params.get("expires_at") or now_s + 86_400,
        "invoice": None,
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }


def webhook_endpoint(ref: str, now_s: int, params: Json) -> Json:
    """Make a webhook endpoint. Its secret is shown once, in the answer to its creation."""
    return {
        **_head("webhook_endpoint", ref, now_s, params),
        "api_version": params.get("api_version") or None,
        "application": None,
        "description": params.get("description") or None,
        "enabled_events": params["enabled_events"],
        "status": "enabled",
        "url": params["url"],
    }


def event(ref: str, now_s: int, kind: str, data: Json, request: Json) -> Json:
    """Make the record of something that happened, with the object as it was then."""
    return {
        "id": ref,
        "object": "event",
        "api_version": API_VERSION,
        "created": now_s,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": request,
        "type": kind,
    }
