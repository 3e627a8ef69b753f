"""What a service is given when it is built, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tollway.fabric.clock import Clock
from tollway.fabric.lifecycle import Component
from tollway.fabric.secrets import Secrets
from tollway.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from tollway.fabric.db import Database
    from tollway.fabric.events import Subscribers
    from tollway.fabric.jobs import Jobs, Timed


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """A service's surroundings: its own database, and its neighbours' service APIs."""

    db: "Database"
    clock: Clock
    settings: Settings
    secrets: Secrets
    client: Callable[[str], Any]
    """`ask("ledger")` gives the ledger's stub, near or far."""


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """A built service: its operations, its APIs to the inside and outside, and the work it does by itself."""

    service: Any
    serve: Callable[[Any], None] | None = None
    """Adds the gRPC servicer to a server."""
    router: "APIRouter | None" = None
    subscribes: "Subscribers" = field(default_factory=dict[Any, Any])
    jobs: "Jobs" = field(default_factory=dict[Any, Any])
    timed: "Mapping[str, Timed]" = field(default_factory=dict[Any, Any])
    components: Sequence[tuple[str, Component]] = ()
    """What else of this room has a beginning and an end, such as a page of its own."""
    prepare: Callable[[], Awaitable[object]] | None = None
    """Done after every part of the process is up; repeated until it succeeds."""
