"""What the type checker cannot see by itself: defaults of settings, partial servicers, members of a library's enum."""

from typing import Any, TypeVar, cast

from hypothesis import HealthCheck
from pydantic import BaseModel

_Section = TypeVar("_Section", bound=BaseModel)
_Servicer = TypeVar("_Servicer")

ALL_HEALTH_CHECKS: list[HealthCheck] = list(cast("Any", HealthCheck))


def settings_of(section: type[_Section], **values: Any) -> _Section:
    """Make a section of the settings: these values, and the defaults of the rest."""
    return section.model_validate(values)


def partial(servicer: type[_Servicer], *arguments: Any) -> _Servicer:
    """Make a servicer that implements some of its methods; calls of the others answer UNIMPLEMENTED."""
    return cast("Any", servicer)(*arguments)
