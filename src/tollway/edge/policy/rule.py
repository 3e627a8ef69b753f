"""What a rule judges, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from tollway.contracts.access_pb2 import Grant
from tollway.edge.policy.customer_rules import CustomerRules
from tollway.edge.quota import Quota
from tollway.edge.refusal import Refusal


class Stage(IntEnum):
    """When a rule is asked."""

    BEGIN = 0  # a flow begins
    CUSTOMER = 1  # a flow begins or a target was named, and the customer has rules of their own
    TARGET = 2  # a target was named
    ADDRESSES = 3  # the target's addresses are known


@dataclass(slots=True)
class RequestContext:
    """What is known about what a customer attempts; the stages fill it from top to bottom."""

    grant: Grant
    quota: Quota
    customer: CustomerRules | None
    now_us: Callable[[], int]
    host: str = ""
    port: int = 0
    exit: str = ""
    addresses: tuple[str, ...] = ()
    agreed: int = -1
    """The guard's version under which no rule objected."""


class Rule(Protocol):
    """One rule."""

    name: str
    """What its refusals are counted under."""
    stage: Stage

    def check(self, context: RequestContext) -> Refusal | None:
        """Return why not, or None when this rule has nothing against it."""
        ...
