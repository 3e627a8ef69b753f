"""Test cards are what Stripe documents, and nothing else is taken."""

import pytest

from tollway.services.payments_mock.model import cards
from tollway.services.payments_mock.model.payments import answer_of
from tollway.services.payments_mock.model.refusals import Refused


@pytest.mark.parametrize("number", cards.BY_NUMBER)
def test_every_test_number_passes_its_own_check(number: str) -> None:
    entered = cards.from_details({"number": number, "exp_month": 11, "exp_year": 26, "cvc": "123"}, 2026, 11)
    assert entered.card.number == number
    assert entered.exp_year == 2026


def test_every_token_stands_for_a_card() -> None:
    assert cards.BY_TOKEN["pm_card_visa"] is cards.BY_TOKEN["tok_visa"]
    assert cards.BY_TOKEN["pm_card_visa_chargeDeclined"] is cards.BY_TOKEN["pm_card_chargeDeclined"]
    assert cards.from_token("pm_card_nothing", 2026) is None


def test_a_real_looking_number_is_declined_and_not_kept() -> None:
    with pytest.raises(Refused) as raised:
        cards.from_details({"number": "4111111111111111", "exp_month": 1, "exp_year": 30}, 2026, 11)
    assert raised.value.error["decline_code"] == "test_mode_live_card"


def test_last_month_is_over() -> None:
    with pytest.raises(Refused):
        cards.from_details({"number": "4242424242424242", "exp_month": 10, "exp_year": 2026}, 2026, 11)


def test_fingerprints_tell_cards_apart_and_nothing_more() -> None:
    prints = {cards.fingerprint(card) for card in cards.BY_NUMBER.values()}
    assert len(prints) == len(cards.BY_NUMBER)
    assert all(number not in text for text in prints for number in cards.BY_NUMBER)


@pytest.mark.parametrize(
    ("token", "set_up", "off_session", "proved", "verdict"),
    [
        ("pm_card_visa", False, True, False, "approved"),
        ("pm_card_chargeDeclined", False, False, False, "declined"),
        ("pm_card_authenticationRequired", False, False, False, "authenticate"),
        ("pm_card_authenticationRequired", True, True, False, "declined"),
        ("pm_card_authenticationRequired", False, False, True, "approved"),
        ("pm_card_authenticationRequiredOnSetup", True, True, False, "approved"),
        ("pm_card_authenticationRequiredOnSetup", False, False, False, "authenticate"),
        ("pm_card_threeDSecureRequiredChargeDeclined", False, False, True, "declined"),
    ],
)
def test_how_a_card_answers(token: str, set_up: bool, off_session: bool, proved: bool, verdict: str) -> None:
    card = cards.BY_TOKEN[token]
    assert answer_of(card, set_up=set_up, off_session=off_session, proved=proved).verdict == verdict
