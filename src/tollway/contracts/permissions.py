"""The roles that an account can have."""

from typing import Literal, get_args

Role = Literal["customer", "support", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
OPERATOR_ROLES: frozenset[str] = frozenset({"support", "admin"})
"""Roles of people who see more than what is their own."""
