"""What a paying customer sees: the hosted checkout, and the confirmation at the bank (3-D Secure)."""

from html import escape
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from tollway.services.payments_mock.http.api import base_url, read_body
from tollway.services.payments_mock.http.markup import link, page
from tollway.services.payments_mock.model.currencies import show
from tollway.services.payments_mock.model.refusals import Refused
from tollway.services.payments_mock.service import PaymentsMock
from tollway.services.payments_mock.service.checkout import way_back

Json = dict[str, Any]

# Clicked instead of typed: token, and what it shows.
_CARDS = [
    ("pm_card_visa", "Visa"),
    ("pm_card_mastercard", "Mastercard"),
    ("pm_card_amex", "American Express"),
    ("pm_card_threeDSecure2Required", "asks for a proof"),
    ("pm_card_visa_chargeDeclined", "declined"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient funds"),
    ("pm_card_chargeDeclinedExpiredCard", "expired"),
]
_NOTICE = '<p class="soft">A payment page for development. No money moves, and only test cards are taken.</p>'


def router(service: PaymentsMock) -> APIRouter:
    """Serve the customer's pages."""
    routes = APIRouter()
    _checkout(routes, service)
    _proof(routes, service)
    return routes


def _checkout(routes: APIRouter, service: PaymentsMock) -> None:
    """Serve the checkout: shown until it is paid, then the way back."""

    async def shown(ref: str, problem: str = "") -> Response:
        try:
            session, lines = await service.show_checkout(ref)
        except Refused as refused:
            return _sorry(refused)
        if session["status"] == "complete":
            return RedirectResponse(way_back(session), 303)
        return _checkout_page(session, lines, problem)

    async def show_it(ref: str) -> Response:
        return await shown(ref)

    async def pay(ref: str, request: Request) -> Response:
        form = {name: values[-1] for name, values in parse_qs(await read_body(request) or "").items()}
        try:
            payment = await service.pay_checkout(ref, _card(form), base_url(request))
        except Refused as refused:
            return await shown(ref, refused.error["message"])
        if payment.body["status"] == "requires_action":
            return RedirectResponse(f"/3ds/{payment.id}", 303)
        return await shown(ref)

    routes.add_api_route("/checkout/{ref}", show_it, methods=["GET"])
    routes.add_api_route("/checkout/{ref}", pay, methods=["POST"])


def _proof(routes: APIRouter, service: PaymentsMock) -> None:
    """Serve the confirmation at the bank."""

    async def ask(ref: str) -> Response:
        try:
            return _proof_page(await service.show_proof(ref))
        except Refused as refused:
            return _sorry(refused)

    async def prove(ref: str, request: Request) -> Response:
        passed = "passed" in parse_qs(await read_body(request) or "")
        try:
            url = await service.prove(ref, passed=passed, base_url=base_url(request))
        except Refused as refused:
            return _sorry(refused)
        return RedirectResponse(url, 303) if url else page("Thank you", "<section><h1>Done</h1></section>")

    routes.add_api_route("/3ds/{ref}", ask, methods=["GET"])
    routes.add_api_route("/3ds/{ref}", prove, methods=["POST"])


def _card(form: dict[str, str]) -> Json:
    """Turn what was clicked or typed into a payment method. Raises Refused for an expiry that isn't one."""
    if token := form.get("token"):
        return {"payment_method": token}
    month, _, year = form.get("expiry", "").replace(" ", "").partition("/")
    if not (month.isascii() and month.isdigit() and year.isascii() and year.isdigit()):
        raise Refused(400, "Enter the expiry as MM/YY, such as 12/34.")
    card = {"number": form.get("number", ""), "exp_month": int(month), "exp_year": int(year)}
    return {"payment_method_data": {"type": "card", "card": {**card, "cvc": form.get("cvc", "")}}}


def _checkout_page(session: Json, lines: list[Json], problem: str) -> Response:
    total = show(session["amount_total"], session["currency"])
    back = f"<p>{link(session['cancel_url'], '← Cancel and go back')}</p>" if session["cancel_url"] else ""
    if session["status"] != "open":
        body = f"<section><h1>This checkout has expired</h1><p class='soft'>Nothing was paid.</p>{back}</section>"
        return page("Checkout", body, status=410)
    items = "".join(
        f"<p>{escape(line['description'])} × {line['quantity']}"
        f" <span class='soft'>{show(line['amount_total'], line['currency'])}</span></p>"
        for line in lines
    )
    alert = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    url = escape(f"/checkout/{session['id']}")
    buttons = "".join(
        f'<button class="plain" name="token" value="{token}">{escape(text)}</button>'
        for token, text in _CARDS
    )
    body = (
        f'<section><h1>Pay</h1><p class="amount">{escape(total)}</p>{items}{alert}'
        f'<form method="post" action="{url}">'
        '<label>Card number<input name="number" inputmode="numeric" autocomplete="off" value="4242 4242 4242 4242">'
        '</label><div class="pair"><label>Expires<input name="expiry" value="12/34"></label>'
        '<label>Security code<input name="cvc" inputmode="numeric" value="123"></label></div>'
        f"<button>Pay {escape(total)}</button></form></section>"
        f'<section><h2>Or pay with a test card</h2><form method="post" action="{url}">{buttons}</form></section>'
        f"{back}{_NOTICE}"
    )
    return page("Checkout", body, status=402 if problem else 200)


def _proof_page(intent: Json) -> Response:
    if intent["status"] != "requires_action":
        return page("Your bank", "<section><h1>There is nothing to confirm</h1></section>")
    what = f" of {show(intent['amount'], intent['currency'])}" if "amount" in intent else ""
    body = (
        f"<section><h1>Your bank asks</h1><p>Do you confirm this payment{what}?</p>"
        '<form method="post"><p><button name="passed" value="1">Complete authentication</button></p>'
        '<button class="plain" name="failed" value="1">Fail authentication</button></form></section>'
        f"{_NOTICE}"
    )
    return page("Your bank", body)


def _sorry(refused: Refused) -> Response:
    text = (
        f'<section><h1>That did not work</h1><p class="bad">{escape(refused.error["message"])}</p></section>'
    )
    return page("That did not work", text, status=refused.status)
