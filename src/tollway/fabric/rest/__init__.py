"""The REST side of the services: one application per process, the same rules on every route.

A service offers `router(service) -> APIRouter`. Every route declares its policy with `**route(...)`; an application
with a route that does not is refused at start. Errors are problem documents (RFC 9457) made in one place.
"""

from tollway.fabric.rest.answers import AnswerStore
from tollway.fabric.rest.app import build_app
from tollway.fabric.rest.export import FILES, Column, FormatQuery, send_table
from tollway.fabric.rest.fields import (
    PRINTABLE,
    AssetCode,
    AssetPath,
    AssetQuery,
    Body,
    CurrencyCode,
    CurrencyQuery,
    MoneyText,
    NaturalUnits,
    PositiveMoney,
    PositiveUnits,
    TimeQuery,
    UnitsText,
    UserPath,
    UtcTime,
    id_path,
    read_time,
)
from tollway.fabric.rest.idempotency import Answer, idempotent
from tollway.fabric.rest.live import send_updates
from tollway.fabric.rest.long_work import LongRunView, long_run_fields
from tollway.fabric.rest.paging import PageQuery, Paging, sorted_by
from tollway.fabric.rest.policy import CHECKOUT_TIME_LIMIT_S, RECENT_S, RoutePolicy, route
from tollway.fabric.rest.principal import (
    CurrentUser,
    IdempotencyKey,
    Principal,
    browser_session,
    permissions_of,
)
from tollway.fabric.rest.server import RestServer

__all__ = [
    "CHECKOUT_TIME_LIMIT_S",
    "FILES",
    "PRINTABLE",
    "RECENT_S",
    "Answer",
    "AnswerStore",
    "AssetCode",
    "AssetPath",
    "AssetQuery",
    "Body",
    "Column",
    "CurrencyCode",
    "CurrencyQuery",
    "CurrentUser",
    "FormatQuery",
    "IdempotencyKey",
    "LongRunView",
    "MoneyText",
    "NaturalUnits",
    "PageQuery",
    "Paging",
    "PositiveMoney",
    "PositiveUnits",
    "Principal",
    "RestServer",
    "RoutePolicy",
    "TimeQuery",
    "UnitsText",
    "UserPath",
    "UtcTime",
    "browser_session",
    "build_app",
    "id_path",
    "idempotent",
    "long_run_fields",
    "permissions_of",
    "read_time",
    "route",
    "send_table",
    "send_updates",
    "sorted_by",
]
