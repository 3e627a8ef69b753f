"""Exits: the ways in which targets are reached. Nothing but these and the listeners opens sockets or resolves names.

direct      from this machine
selection   which exit serves a customer's preferences
pool        connections to origins that are kept between requests
services    where the platform's own services are, which nobody may reach
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tollway.edge.policy.rule import RequestContext
from tollway.edge.refusal import Refusal

DIRECT = "direct"


class ExitPreferences(NamedTuple):
    """Where a customer wants to leave: places by kind (country, state, city, asn), and a label that keeps the exit."""

    places: tuple[tuple[str, str], ...] = ()
    label: str = ""
    location: str = ""


class Connecting(Protocol):
    """A connection on its way."""

    def abandon(self) -> None:
        """Stop: nobody waits any more, and `then` is not called."""
        ...


class Provider(Protocol):
    """Reaches targets through one kind of exit."""

    @property
    def healthy(self) -> bool:
        """Whether new connections should go this way."""
        ...

    def connect(
        self,
        context: RequestContext,
        check: Callable[[RequestContext], Refusal | None],
        then: Callable[[socket.socket | Refusal], None],
    ) -> Connecting:
        """Connect to the context's target: `then` gets a non-blocking socket that the reactor knows, or why not.

        A provider that resolves the name puts the addresses into the context and asks `check` before it dials one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out: its name, what may be wished of it, and who reaches targets through it."""

    name: str
    provider: Provider
    location: str = DIRECT
    places: frozenset[tuple[str, str]] = field(default_factory=frozenset[tuple[str, str]])

    def serves(self, preferences: ExitPreferences) -> bool:
        """Return whether it is where the customer wants to leave."""
        places, _, location = preferences
        at_location = not location or location == self.location
        return at_location and (not places or self.places.issuperset(places))
