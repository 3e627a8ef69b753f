"""Refusals: codes that every protocol answers, and none that it does not know."""

import pytest

from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.protocols.http.refusals import answer_for, bad_request
from tollway.edge.refusal import BAD_CREDENTIALS, NO_CREDENTIALS, REFUSALS, UNAVAILABLE, of_problem
from tollway.kit.errors import Problem


@pytest.mark.parametrize("spec", PROTOCOLS, ids=lambda spec: spec.name)
def test_a_protocol_answers_every_refusal(spec: ProtocolSpec) -> None:
    assert set(spec.refusals) == set(REFUSALS)


def test_only_credentials_are_asked_for_with_407() -> None:
    asking = {code for code, why in REFUSALS.items() if answer_for(why).status == 407}
    assert asking == {NO_CREDENTIALS.code, BAD_CREDENTIALS.code}


def test_what_cannot_be_read_has_the_status_of_the_rule_that_it_breaks() -> None:
    assert answer_for(bad_request(431, "The head is too long")) == (431, "http_request_error")


def test_a_problem_that_is_not_understood_counts_as_unavailable() -> None:
    assert of_problem(Problem()) is UNAVAILABLE
