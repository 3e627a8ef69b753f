"""Which services there are, what a process can be, and what runs where.

Each service says in its manifest (`services/<name>/manifest.py`) which methods it calls, which events it subscribes to
and what it offers. Everything else is derived from the manifests: settings, stubs, the call policy, the routes.
"""

from collections.abc import Mapping, Sequence

from tollway.contracts.permissions import role_table
from tollway.fabric.service import ServiceManifest
from tollway.gateway.permissions import PERMISSIONS as GATEWAY_PERMISSIONS
from tollway.services import find_manifests

_FOUND = find_manifests()
SERVICES: dict[str, ServiceManifest] = {
    name: _FOUND[name]
    for name in (
        "tokens",
        "notifications",
        "identity",
        "users",
        "ledger",
        "catalog",
        "orders",
        "payments",
        "access",
        "audit",
        "payments_mock",
    )
}
assert SERVICES.keys() == _FOUND.keys(), f"list {sorted(_FOUND.keys() - SERVICES.keys())} in the topology"

# What else a process can be: the REST edge and the network.
GATEWAY, EDGE = "gateway", "edge"
# Who asks in the name of the person who runs the platform: the first start, the commands.
OPERATOR = "operator"

# Which methods of which API everybody calls. Everybody who serves REST also checks access tokens itself.
CALLS: dict[str, Mapping[str, tuple[str, ...]]] = {
    **{name: service.calls for name, service in SERVICES.items()},
    GATEWAY: {"tokens": ("ExchangeCookie", "FollowRevocations", "GetKeys")},
    EDGE: {
        "access": (
            "Authenticate",
            "BeginTest",
            "FollowChanges",
            "GetGrant",
            "Lease",
            "OpenNode",
            "Report",
            "ReportTest",
        )
    },
    OPERATOR: {"identity": ("EnsureOperator",)},
}
TOKEN_CHECKS = {"tokens": ("FollowRevocations", "GetKeys")}

# Every service is a target by its own name; these are the ones made of several.
_BUSINESS = tuple(name for name, service in SERVICES.items() if not service.development)
TARGETS: dict[str, tuple[str, ...]] = {
    "business": (*_BUSINESS, GATEWAY),
    "all": (*_BUSINESS, GATEWAY, EDGE),
}


def members(targets: Sequence[str]) -> tuple[str, ...]:
    """Spell out targets, in the order of the list. Raises KeyError for an unknown one."""
    wanted: set[str] = set()
    for target in targets:
        if target not in TARGETS and target not in (*SERVICES, GATEWAY, EDGE):
            raise KeyError(target)
        wanted.update(TARGETS.get(target, (target,)))
    return tuple(name for name in (*SERVICES, GATEWAY, EDGE) if name in wanted)


def roles() -> Mapping[str, frozenset[str]]:
    """Say what each role may do: the permissions of all manifests, and the gateway's."""
    declared = [one for service in SERVICES.values() for one in service.permissions]
    return role_table((*declared, *GATEWAY_PERMISSIONS))


def calls_of(caller: str) -> dict[str, tuple[str, ...]]:
    """List every method that a service, the gateway or the edge may call, by API."""
    calls = dict(CALLS[caller])
    if caller in SERVICES and SERVICES[caller].rest:
        for api, methods in TOKEN_CHECKS.items():
            calls[api] = tuple(dict.fromkeys((*calls.get(api, ()), *methods)))
    if caller in SERVICES and SERVICES[caller].by_itself:
        calls["tokens"] = (*calls.get("tokens", ()), "IssueServiceToken")
    return calls


def service_methods() -> dict[str, tuple[str, ...]]:
    """List the methods, `API.Method`, that each service may call by itself."""
    return {
        name: tuple(f"{api}.{method}" for api, methods in service.by_itself.items() for method in methods)
        for name, service in SERVICES.items()
        if service.by_itself
    }


def call_policy() -> dict[str, dict[str, frozenset[str]]]:
    """Say who may call which method of which API; `contracts.call_rules` says with what.

    The events API is open to all subscribers here; each one gets the events of its own sources only.
    """
    policy: dict[str, dict[str, frozenset[str]]] = {
        name: {
            method: frozenset(caller for caller in CALLS if method in calls_of(caller).get(name, ()))
            for method in service.methods
        }
        for name, service in SERVICES.items()
    }
    policy["user_data"] = {
        method: frozenset(name for name, service in SERVICES.items() if method in service.asks_user_data)
        for method in ("ListObstacles", "Export")
    }
    policy["events"] = {"Read": frozenset(name for name, service in SERVICES.items() if service.subscribes)}
    return policy


def subscribers_of(source: str) -> frozenset[str]:
    """List the services that consume a service's events."""
    return frozenset(name for name, service in SERVICES.items() if source in service.sources)
