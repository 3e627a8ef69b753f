"""The chart of accounts: every kind of account and of transaction, one module for each service that declares some.

A module here is named after its service and has `ACCOUNTS`; `KINDS` when the service posts, and `OPERATOR_KINDS` for
those of them that only operators cause. It is found by its place: to declare another account or kind, add it to the
service's own module; nothing else has to be changed.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from tollway.contracts.books import PLATFORM, AccountType

Key = tuple[str, str, str]
"""(owner kind, service, purpose); the service is empty for customers' accounts."""


def _modules() -> Mapping[str, ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def _accounts() -> Mapping[Key, AccountType]:
    chart: dict[Key, AccountType] = {}
    for name, module in _modules().items():
        declared: tuple[AccountType, ...] = module.ACCOUNTS
        for one in declared:
            key = (one.owner_kind, name if one.owner_kind == PLATFORM else "", one.purpose)
            assert key not in chart, f"the account {key} is declared twice"
            chart[key] = one
    return MappingProxyType(chart)


def _kinds() -> Mapping[str, str]:
    owners: dict[str, str] = {}
    for name, module in _modules().items():
        for kind in getattr(module, "KINDS", ()):
            assert kind not in owners, (
                f"{owners[kind]} and {name} both post transactions of the kind {kind!r}"
            )
            owners[kind] = name
    return MappingProxyType(owners)


CHART = _accounts()
KIND_OWNERS = _kinds()
"""Kind of transaction, its `code`, → the only service that posts it."""
OPERATOR_KINDS: frozenset[str] = frozenset(
    kind for module in _modules().values() for kind in getattr(module, "OPERATOR_KINDS", ())
)
"""Kinds that only operators cause: no customer's token comes with them."""


def find(owner_kind: str, owner_id: str, purpose: str) -> AccountType | None:
    """Return the declaration of an account by its owner and purpose; None when nobody declared it."""
    return CHART.get((owner_kind, owner_id if owner_kind == PLATFORM else "", purpose))
