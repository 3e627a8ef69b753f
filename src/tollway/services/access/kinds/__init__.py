"""The kinds of access that are offered, each declared in a module of its own. The first is the default."""

from tollway.services.access.kinds.kind import Example, ResourceKind
from tollway.services.access.kinds.proxy import PROXY

__all__ = ["KINDS", "PROXY", "Example", "ResourceKind"]

KINDS: tuple[ResourceKind, ...] = (PROXY,)
