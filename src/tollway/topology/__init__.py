"""The readable place: which rooms there are, whom they ask, what they hear, and what runs where.

`asks` are the doors a room calls (commands go down this list), `hears` the rooms whose facts it follows (facts come
back up). `paths` are the REST prefixes behind the gateway. Everything else is derived: the start order, who may
call whom, the routes, which door is a direct await and which one gRPC.
"""

from dataclasses import dataclass

ALL = "*"


@dataclass(frozen=True, slots=True)
class Room:
    """One business room.

    `public` are the paths that need no account; POSTs to `login` could be used to guess and are limited more
    strictly. `durable`: its commits survive a power cut, not only a crash.
    """

    name: str
    purpose: str
    asks: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    durable: bool = False


ROOMS: dict[str, Room] = {
    room.name: room
    for room in (
        Room(
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
        Room(
            "notifications",
            "e-mail to people",
            hears=("tokens", "identity", "payments", "orders"),
            paths=("/api/notifications",),
        ),
        Room(
            "identity",
            "who somebody is",
            asks=("tokens", "notifications"),
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
        Room("users", "profiles and preferences", paths=("/api/users",)),
        Room(
            "ledger",
            "money and access in one set of books",
            paths=("/api/accounts", "/api/transactions"),
            durable=True,
        ),
        Room(
            "catalog",
            "what is for sale and for how much",
            asks=("ledger",),
            paths=(
                "/api/catalog",
                "/api/billing/plans",
                "/api/billing/calculate-price",
                "/api/admin/prices",
                "/api/admin/capacity",
            ),
            public=("/api/catalog", "/api/billing/plans", "/api/billing/calculate-price"),
        ),
        Room(
            "orders",
            "quotes and orders",
            asks=("catalog", "ledger"),
            paths=("/api/orders", "/api/portfolio", "/api/billing/orders"),
            durable=True,
        ),
        Room(
            "payments",
            "money from and to the outside",
            asks=("ledger", "identity"),
            paths=(
                "/api/wallet",
                "/api/billing/payment-methods",
                "/api/billing/webhooks",
                "/api/admin/deposits",
            ),
            public=("/api/billing/webhooks",),
            durable=True,
        ),
        Room(
            "access",
            "resources, credentials and their charging",
            asks=("ledger", "catalog"),
            hears=("identity",),
            paths=("/api/proxy", "/api/access", "/api/usage", "/api/admin/nodes", "/api/admin/resources"),
            durable=True,
        ),
        Room(
            "audit",
            "a hash-chained record of everything",
            hears=(
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
        Room("payments_mock", "a payment provider for development"),
    )
}

# What else a process can be: the REST edge and the network.
GATEWAY, EDGE = "gateway", "edge"
ASKS: dict[str, tuple[str, ...]] = {
    **{room.name: room.asks for room in ROOMS.values()},
    GATEWAY: ("tokens",),
    EDGE: ("access",),
}

# Every room is a target by its own name; these are the ones made of several.
TARGETS: dict[str, tuple[str, ...]] = {
    "business": (*ROOMS, GATEWAY),
    "all": (*ROOMS, GATEWAY, EDGE),
}

# Everybody who serves REST checks access tokens itself, with the keys and revocations of `tokens`.
VERIFIERS = tuple(room.name for room in ROOMS.values() if room.paths)


def members(targets: list[str]) -> tuple[str, ...]:
    """Spell out targets, in the order of the table. Raises KeyError for an unknown one."""
    wanted: set[str] = set()
    for target in targets:
        if target not in TARGETS and target not in (*ROOMS, GATEWAY, EDGE):
            raise KeyError(target)
        wanted.update(TARGETS.get(target, (target,)))
    return tuple(name for name in (*ROOMS, GATEWAY, EDGE) if name in wanted)


def door_policy() -> dict[str, frozenset[str]]:
    """Say who may ask which door: the whole of service-to-service authorization."""
    callers: dict[str, set[str]] = {name: set() for name in ROOMS}
    for name, asked in ASKS.items():
        for door in asked:
            callers[door].add(name)
    callers["tokens"].update(VERIFIERS)
    # `tollway verify` reads the books and the trail in the operator's name.
    callers["ledger"].add("operator")
    callers["audit"].add("operator")
    callers["facts"] = {room.name for room in ROOMS.values() if room.hears}
    return {door: frozenset(names) for door, names in callers.items()}
