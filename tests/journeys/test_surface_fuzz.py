"""The committed description of the API against the running business: what it promises is so, whatever is sent.

Requests are generated from the description, good ones and bad ones, with a fixed seed. Whether a refusal of a good one
is right depends on what is in the books, so that one check is left out; every answer is held to `check_manners` too.
A customer tries everything, and what needs an account is tried without one by a check of its own (`ignored_auth`).
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings
from requests.adapters import HTTPAdapter
from schemathesis.checks import CHECKS

from tests.kit.business import Business, Customer, Reply, check_manners
from tests.kit.surface import OPENAPI
from tests.kit.typing import ALL_HEALTH_CHECKS

schema = schemathesis.openapi.from_dict(OPENAPI)
public = schema.exclude(func=lambda context: bool(context.operation.definition.raw.get("security")))
bounded = settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=ALL_HEALTH_CHECKS,
)
NOT_FOR_US: Any = [CHECKS.get_one("positive_data_acceptance")]
ENDS_THE_SESSION = {"/api/auth/logout", "/api/auth/sessions/end"}


class From(HTTPAdapter):
    """Sends from an address of its own, as far as limits go another client."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._source, 0))


@pytest.fixture(scope="module")
def sessions() -> Iterator[requests.Session]:
    """One client after the other, each good for some requests, so that no limit hides what is behind it."""

    def clients() -> Iterator[requests.Session]:
        for number in itertools.count():
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", From(f"127.67.{number // 250 % 250}.{number % 250 + 1}"))
                for _ in range(25):
                    yield session

    return clients()


def attack(
    case: schemathesis.Case, business: Business, sessions: Iterator[requests.Session], token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = case.call(base_url=business.url, session=next(sessions), headers=headers)
    lowered = {name.lower(): ", ".join(values) for name, values in answer.headers.items()}
    check_manners(Reply(answer.status_code, lowered, answer.content), f"{case.method} {case.formatted_path}")
    if answer.status_code == 414:
        return  # before the gateway looks at anything else, and for whatever request
    case.validate_response(answer, excluded_checks=NOT_FOR_US, headers=headers)


@schema.parametrize()
@bounded
def test_a_customer_is_answered_as_described(
    case: schemathesis.Case, business: Business, ann: Customer, sessions: Iterator[requests.Session]
) -> None:
    if case.operation.path not in ENDS_THE_SESSION:
        attack(case, business, sessions, ann.caller.token)


@public.parametrize()
@bounded
def test_nobody_is_answered_as_described(
    case: schemathesis.Case, business: Business, sessions: Iterator[requests.Session]
) -> None:
    attack(case, business, sessions, "")
