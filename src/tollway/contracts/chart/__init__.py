"""The chart of accounts: every kind of account that may be booked on, one module for each service that declares some.

A module here is named after its service and has `ACCOUNTS`. It is found by its place: to declare another account,
add it to the service's own module; nothing else has to be changed.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from tollway.contracts.books import PLATFORM, AccountType

Key = tuple[str, str, str]
"""(owner kind, service, purpose); the service is empty for customers' accounts."""


def _declared() -> Mapping[Key, AccountType]:
    chart: dict[Key, AccountType] = {}
    for module in pkgutil.iter_modules(__path__):
        declared: tuple[AccountType, ...] = importlib.import_module(f"{__name__}.{module.name}").ACCOUNTS
        for one in declared:
            key = (one.owner_kind, module.name if one.owner_kind == PLATFORM else "", one.purpose)
            assert key not in chart, f"the account {key} is declared twice"
            chart[key] = one
    return MappingProxyType(chart)


CHART = _declared()


def find(owner_kind: str, owner_id: str, purpose: str) -> AccountType | None:
    """Return the declaration of an account by its owner and purpose; None when nobody declared it."""
    return CHART.get((owner_kind, owner_id if owner_kind == PLATFORM else "", purpose))
