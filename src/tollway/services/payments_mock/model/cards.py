"""What each documented test card does, by number and by token (`pm_card_visa`, `tok_visa`).

A card is known by its behaviour from the moment it is entered; the number itself is forgotten. Numbers that
are not test cards are declined, as Stripe's test mode does, so nobody's real card ever gets far.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from tollway.services.payments_mock.model.refusals import Refused, card_refused, invalid, missing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decline:
    """Why the bank refuses: Stripe's error code, the bank's decline code, and the sentence for the customer."""

    code: str
    decline_code: str
    message: str

    def refusal(self, **more: Any) -> Refused:
        """Make the error that the API answers with."""
        return card_refused(self.message, self.code, decline_code=self.decline_code or None, **more)


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test card: how it looks, and what happens when it is charged.

    `decline` refuses every charge; with `attachable` it can be saved all the same. `authenticate` asks for
    3-D Secure: "always", or "unless_set_up" (once it was saved with a proof, no more). `disputed`: its holder
    disputes every charge, with this first status. `refund`: what a refund to it ends as, unless it succeeds.
    """

    __test__ = False  # the name is Stripe's, not a test's

    number: str
    brand: str
    funding: str = "credit"
    decline: Decline | None = None
    attachable: bool = True
    authenticate: str = ""
    disputed: str = ""
    refund: str = "succeeded"

    @property
    def last4(self) -> str:
        """The digits that may be shown."""
        return self.number[-4:]


DECLINED = Decline("card_declined", "generic_decline", "Your card was declined.")
NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
FRAUDULENT = Decline("card_declined", "fraudulent", "Your card was declined.")
TOO_OFTEN = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
BANK_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of "
    "valid test cards, visit: https://stripe.com/docs/testing.",
)
NEEDS_AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)


def _declining(number: str, decline: Decline) -> TestCard:
    return TestCard(number, "visa", decline=decline, attachable=False)


_CARDS = [
    TestCard("4242424242424242", "visa"),
    TestCard("4012888888881881", "visa"),
    TestCard("4000056655665556", "visa", "debit"),
    TestCard("5555555555554444", "mastercard"),
    TestCard("2223003122003222", "mastercard"),
    TestCard("5200828282828210", "mastercard", "debit"),
    TestCard("5105105105105100", "mastercard", "prepaid"),
    TestCard("378282246310005", "amex"),
    TestCard("371449635398431", "amex"),
    TestCard("6011111111111117", "discover"),
    TestCard("3056930009020004", "diners"),
    TestCard("3566002020360505", "jcb"),
    TestCard("6200000000000005", "unionpay"),
    _declining("4000000000000002", DECLINED),
    _declining("4000000000009995", NO_FUNDS),
    _declining("4000000000009987", LOST),
    _declining("4000000000009979", STOLEN),
    _declining("4100000000000019", FRAUDULENT),
    _declining("4000000000006975", TOO_OFTEN),
    _declining("4000000000000069", EXPIRED),
    _declining("4000000000000127", WRONG_CVC),
    _declining("4000000000000119", BANK_ERROR),
    TestCard("4000000000000341", "visa", decline=DECLINED),
    TestCard("4000002500003155", "visa", authenticate="unless_set_up"),
    TestCard("4000002760003184", "visa", authenticate="always"),
    TestCard("4000000000003220", "visa", authenticate="always"),
    TestCard("4000000000003063", "visa", authenticate="always"),
    TestCard("4000008400001629", "visa", authenticate="always", decline=DECLINED),
    TestCard("4000008260003178", "visa", authenticate="always", decline=NO_FUNDS),
    TestCard("4000000000000259", "visa", disputed="needs_response"),
    TestCard("4000000000001976", "visa", disputed="warning_needs_response"),
    TestCard("4000000000005126", "visa", refund="failed"),
]
BY_NUMBER = {card.number: card for card in _CARDS}

_NAMES = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "mastercard_prepaid": "5105105105105100",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedFraudulent": "4100000000000019",
    "chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequired": "4000002760003184",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureRequired": "4000000000003063",
    "threeDSecureRequiredChargeDeclined": "4000008400001629",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "createDispute": "4000000000000259",
    "createDisputeInquiry": "4000000000001976",
    "refundFail": "4000000000005126",
}
# Stripe documents the declining tokens with the brand in the name, and still knows the older short form.
_BRANDED = {f"visa_{name}": number for name, number in _NAMES.items() if name.startswith("charge")}
BY_TOKEN = {
    f"{prefix}_{name}": BY_NUMBER[number]
    for name, number in {**_NAMES, **_BRANDED}.items()
    for prefix in ("pm_card", "tok")
}


@dataclass(frozen=True, slots=True)
class Entered:
    """A card as it was entered: which test card it is, and its expiry."""

    card: TestCard
    exp_month: int
    exp_year: int
    cvc_given: bool


def from_token(token: str, year: int) -> Entered | None:
    """Return the test card that a token such as `pm_card_visa` stands for, or None."""
    card = BY_TOKEN.get(token)
    return Entered(card, 12, year + 8, cvc_given=True) if card else None


def from_details(details: Json, year: int, month: int) -> Entered:
    """Check a card's number, expiry and code. Raises Refused with Stripe's code for what is wrong."""
    if (token := details.get("token")) is not None:
        if not (entered := from_token(token, year)):
            raise Refused(400, f"No such token: '{token[:60]}'", code="resource_missing", param="card[token]")
        return entered
    for needed in ("number", "exp_month", "exp_year"):
        if needed not in details:
            raise missing(f"card[{needed}]")
    number = details["number"].replace(" ", "").replace("-", "")
    _check_number(number)
    exp_year = _full_year(details["exp_year"])
    _check_expiry(details["exp_month"], exp_year, year, month)
    cvc = details.get("cvc", "")
    if cvc and not (cvc.isascii() and cvc.isdigit() and len(cvc) in (3, 4)):
        raise card_refused("Your card's security code is invalid.", "invalid_cvc", param="cvc")
    if (card := BY_NUMBER.get(number)) is None:
        raise NOT_A_TEST_CARD.refusal()
    return Entered(card, details["exp_month"], exp_year, cvc_given=bool(cvc))


def fingerprint(card: TestCard) -> str:
    """Return the same 16 characters for the same number, from which the number can't be read back."""
    return hashlib.sha256(f"test-card:{card.number}".encode()).hexdigest()[:16]


def _check_number(number: str) -> None:
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        raise card_refused("Your card number is invalid.", "invalid_number", param="number")
    if not _luhn(number):
        raise card_refused("Your card number is incorrect.", "incorrect_number", param="number")


def _luhn(number: str) -> bool:
    """Check the last digit (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    total = sum(map(int, number[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)
    return total % 10 == 0


def _full_year(year: int) -> int:
    return year + 2000 if 0 <= year < 100 else year


def _check_expiry(exp_month: int, exp_year: int, year: int, month: int) -> None:
    if not 1 <= exp_month <= 12:
        raise card_refused(
            "Your card's expiration month is invalid.", "invalid_expiry_month", param="exp_month"
        )
    if exp_year > year + 50 or (exp_year, exp_month) < (year, month):
        raise card_refused("Your card's expiration year is invalid.", "invalid_expiry_year", param="exp_year")


def cards_allowed(params: Json) -> None:
    """Refuse a request that allows other methods than cards: this mock knows no others."""
    allowed = params.get("allowed_payment_method_types")
    if allowed is not None and "card" not in allowed:
        raise invalid("allowed_payment_method_types", "This mock takes cards only.")


def only_cards(kind: str | None) -> None:
    """Refuse a payment method of another type: this mock knows cards."""
    if kind is None:
        raise missing("type")
    if kind != "card":
        raise invalid("type", f"This mock takes cards only, not {kind}.")
