"""Parameters are held against the SDK's own types."""

from typing import Any

import pytest

from tollway.services.payments_mock.model.refusals import Refused
from tollway.services.payments_mock.providers.stripe import check
from tollway.services.payments_mock.service.calls import ROUTES


@pytest.mark.parametrize("name", sorted({route.params for route in ROUTES}))
def test_every_route_names_a_type_of_the_sdk(name: str) -> None:
    with pytest.raises(Refused) as raised:
        check(name, {"no_such_parameter": "x"})
    assert raised.value.error["code"] == "parameter_unknown"


def test_values_are_converted_by_their_types() -> None:
    form: Any = {
        "amount": "500",
        "currency": "usd",
        "confirm": "true",
        "off_session": "false",
        "metadata": {"0": "kept as a key"},
        "expand": {"1": "b", "0": "a"},
    }
    assert check("PaymentIntentCreateParams", form) == {
        "amount": 500,
        "currency": "usd",
        "confirm": True,
        "off_session": False,
        "metadata": {"0": "kept as a key"},
        "expand": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("name", "form", "param"),
    [
        ("PaymentIntentCreateParams", {"amount": "5.5", "currency": "usd"}, "amount"),
        ("PaymentIntentCreateParams", {"amount": "5", "currency": ""}, "currency"),
        ("PaymentIntentCreateParams", {"amount": "5", "currency": "usd", "confirm": "yes"}, "confirm"),
        ("PaymentIntentCreateParams", {"amount": {"a": "5"}, "currency": "usd"}, "amount"),
        ("PaymentIntentCreateParams", {"amount": "5", "currency": "usd", "metadata": "text"}, "metadata"),
        ("PaymentIntentCreateParams", {"amount": "5", "currency": "usd", "expand": "text"}, "expand"),
        ("PaymentIntentCreateParams", {"amount": "5", "currency": "usd", "api_key": "sk"}, "api_key"),
        ("CustomerListParams", {"created": {"gte": "soon"}}, "created[gte]"),
        (
            "WebhookEndpointCreateParams",
            {"url": "x", "enabled_events": {"0": "no.such"}},
            "enabled_events[0]",
        ),
        ("checkout.SessionCreateParams", {"line_items": {"0": {"quantity": "x"}}}, "line_items[0][quantity]"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, form: Any, param: str) -> None:
    with pytest.raises(Refused) as raised:
        check(name, form)
    assert (raised.value.status, raised.value.error["param"]) == (400, param)


def test_a_choice_that_may_be_emptied_can_be() -> None:
    assert check("CustomerUpdateParams", {"metadata": "", "tax_exempt": ""}) == {
        "metadata": "",
        "tax_exempt": "",
    }
