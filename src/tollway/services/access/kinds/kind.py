"""What a kind of access is: all that differs between a proxy and whatever else is offered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tollway.services.access.model.units import Unit


@dataclass(frozen=True, slots=True)
class Example:
    """A command to paste, and the protocol it uses, as the catalogue calls it."""

    protocol: str
    command: str


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of access.

    protocols     what the catalogue calls a protocol, by what a node calls it
    credentials   names of the credential kinds it takes; the first is issued when none is named
    unit          what its use is counted in; its assets are sold in the same unit
    url           a node's endpoint with username and password in it, for programs that take one; None: no such URL
    examples      commands that use such a URL, for the protocols of an access
    """

    name: str
    protocols: Mapping[str, str]
    credentials: tuple[str, ...]
    unit: Unit
    url: Callable[[str, str, int, str, str], str | None]
    examples: Callable[[str, str, Sequence[str]], list[Example]]

    def sold_as(self, protocol: str) -> str:
        """Return the catalogue's name for a node's protocol; empty when this kind has no such protocol."""
        return self.protocols.get(protocol, "")
