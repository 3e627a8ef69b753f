"""The factors that a user can sign in with, one module each.

A new factor is a module here and one entry of `FACTORS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.services.identity.factors.factor import Details, Factor
from tollway.services.identity.factors.password import PasswordFactor

if TYPE_CHECKING:
    from tollway.fabric.db import Database
    from tollway.services.identity.service.passwords import Passwords


@dataclass(frozen=True, slots=True)
class FactorContext:
    """What a factor can be built from."""

    db: "Database"
    passwords: "Passwords"


MakeFactor = Callable[[FactorContext], Factor]

FACTORS: tuple[MakeFactor, ...] = (lambda context: PasswordFactor(context.db, context.passwords),)

__all__ = ["FACTORS", "Details", "Factor", "FactorContext", "MakeFactor", "PasswordFactor"]
