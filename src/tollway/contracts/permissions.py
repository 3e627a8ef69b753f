"""The roles that an account can have, and what a role may do.

A permission is declared once, in the manifest of the service whose routes demand it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["customer", "support", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""In order: a role may do what the ones before it may."""
OPERATOR_ROLES: frozenset[str] = frozenset({"support", "admin"})
"""Roles of people who see more than what is their own."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The right to use some routes, such as `orders:read`, and the roles that grant it."""

    name: str
    roles: tuple[Role, ...]


def rank(roles: Iterable[str]) -> int:
    """Return the place of the highest of these roles in the order of the roles; -1 without any."""
    held = frozenset(roles)
    return max((place for place, role in enumerate(ROLES) if role in held), default=-1)


def role_table(permissions: Iterable[Permission]) -> Mapping[str, frozenset[str]]:
    """Say for each role which permissions it grants. An assertion fails when a name is declared twice."""
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    seen: set[str] = set()
    for permission in permissions:
        assert permission.name not in seen, f"two permissions are called {permission.name}"
        seen.add(permission.name)
        for role in permission.roles:
            found[role].add(permission.name)
    return {role: frozenset(names) for role, names in found.items()}
