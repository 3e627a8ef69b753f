"""The REST side of the rooms: one application per process, the same manners on every route.

A room offers `router(room) -> APIRouter`. Every route declares its policy with `**policy(...)`; an application with a
route that does not is refused at start. Errors are problem documents (RFC 9457) made in one place.
"""

from tollway.fabric.rest.app import build_app
from tollway.fabric.rest.fields import (
    PRINTABLE,
    Body,
    MoneyText,
    NaturalUnits,
    PositiveMoney,
    PositiveUnits,
    UnitsText,
    UtcTime,
)
from tollway.fabric.rest.idempotency import Answer, idempotent
from tollway.fabric.rest.policy import Policy, policy
from tollway.fabric.rest.principal import IdempotencyKey, Principal, Who, browser_session
from tollway.fabric.rest.server import RestServer

__all__ = [
    "PRINTABLE",
    "Answer",
    "Body",
    "IdempotencyKey",
    "MoneyText",
    "NaturalUnits",
    "Policy",
    "PositiveMoney",
    "PositiveUnits",
    "Principal",
    "RestServer",
    "UnitsText",
    "UtcTime",
    "Who",
    "browser_session",
    "build_app",
    "idempotent",
    "policy",
]
