"""Which services there are, which APIs they call, which events they subscribe to, and what runs where.

`calls` are the APIs a service calls (commands go down this list), `subscribes` the services whose events it consumes
(events come back up). `paths` are the REST prefixes behind the gateway. Everything else is derived: the start order,
who may call whom, the routes, which API is a direct await and which one gRPC.
"""

from dataclasses import dataclass

ALL = "*"


@dataclass(frozen=True, slots=True)
class Service:
    """One business service.

    `public` are the paths that need no account; POSTs to `login` could be used to guess and are limited more
    strictly. `durable`: its commits survive a power cut, not only a crash.
    """

    name: str
    purpose: str
    calls: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    durable: bool = False


SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(
            "tokens",
            "signs access tokens, keeps sessions",
            paths=(
                "/api/auth/refresh",
                "/api/auth/logout",
                "/api/auth/sessions",
                "/api/admin/keys",
                "/.well-known",
            ),
            public=("/api/auth/refresh", "/.well-known"),
        ),
        Service(
            "notifications",
            "e-mail to people",
            subscribes=("tokens", "identity", "payments", "orders"),
            paths=("/api/notifications",),
        ),
        Service(
            "identity",
            "who somebody is",
            calls=("tokens", "notifications"),
            paths=("/api/auth", "/api/account", "/api/admin/users", "/verify-email", "/reset-password"),
            public=(
                "/verify-email",
                "/reset-password",
                "/api/auth/register",
                "/api/auth/email",
                "/api/auth/login",
                "/api/auth/token",
                "/api/auth/password",
            ),
            login=(
                "/api/auth/register",
                "/api/auth/email",
                "/api/auth/login",
                "/api/auth/token",
                "/api/auth/password",
                "/api/account/security",
            ),
        ),
        Service("users", "profiles and preferences", paths=("/api/users",)),
        Service(
            "ledger",
            "money and access in one set of books",
            paths=("/api/accounts", "/api/transactions"),
            durable=True,
        ),
        Service(
            "catalog",
            "what is for sale and for how much",
            calls=("ledger",),
            paths=(
                "/api/catalog",
                "/api/billing/plans",
                "/api/billing/calculate-price",
                "/api/admin/prices",
                "/api/admin/capacity",
            ),
            public=("/api/catalog", "/api/billing/plans", "/api/billing/calculate-price"),
        ),
        Service(
            "orders",
            "quotes and orders",
            calls=("catalog", "ledger"),
            paths=("/api/orders", "/api/portfolio", "/api/billing/orders"),
            durable=True,
        ),
        Service(
            "payments",
            "money from and to the outside",
            calls=("ledger", "identity"),
            paths=(
                "/api/wallet",
                "/api/billing/payment-methods",
                "/api/billing/webhooks",
                "/api/admin/deposits",
            ),
            public=("/api/billing/webhooks",),
            durable=True,
        ),
        Service(
            "access",
            "resources, credentials and their charging",
            calls=("ledger", "catalog"),
            subscribes=("identity",),
            paths=("/api/proxy", "/api/access", "/api/usage", "/api/admin/nodes", "/api/admin/resources"),
            durable=True,
        ),
        Service(
            "audit",
            "a hash-chained record of everything",
            subscribes=(
                "tokens",
                "notifications",
                "identity",
                "users",
                "ledger",
                "catalog",
                "orders",
                "payments",
                "access",
            ),
            paths=("/api/admin/audit",),
            durable=True,
        ),
        Service("payments_mock", "a payment provider for development"),
    )
}

# What else a process can be: the REST edge and the network.
GATEWAY, EDGE = "gateway", "edge"
CALLS: dict[str, tuple[str, ...]] = {
    **{service.name: service.calls for service in SERVICES.values()},
    GATEWAY: ("tokens",),
    EDGE: ("access",),
}

# Every service is a target by its own name; these are the ones made of several.
TARGETS: dict[str, tuple[str, ...]] = {
    "business": (*SERVICES, GATEWAY),
    "all": (*SERVICES, GATEWAY, EDGE),
}

# Everybody who serves REST checks access tokens itself, with the keys and revocations of `tokens`.
VERIFIERS = tuple(service.name for service in SERVICES.values() if service.paths)


def members(targets: list[str]) -> tuple[str, ...]:
    """Spell out targets, in the order of the table. Raises KeyError for an unknown one."""
    wanted: set[str] = set()
    for target in targets:
        if target not in TARGETS and target not in (*SERVICES, GATEWAY, EDGE):
            raise KeyError(target)
        wanted.update(TARGETS.get(target, (target,)))
    return tuple(name for name in (*SERVICES, GATEWAY, EDGE) if name in wanted)


def call_policy() -> dict[str, frozenset[str]]:
    """Say who may ask which service API: the whole of service-to-service authorization."""
    callers: dict[str, set[str]] = {name: set() for name in SERVICES}
    for name, called in CALLS.items():
        for api in called:
            callers[api].add(name)
    callers["tokens"].update(VERIFIERS)
    # `tollway verify` reads the books and the trail in the operator's name.
    callers["ledger"].add("operator")
    callers["audit"].add("operator")
    callers["events"] = {service.name for service in SERVICES.values() if service.subscribes}
    return {api: frozenset(names) for api, names in callers.items()}
