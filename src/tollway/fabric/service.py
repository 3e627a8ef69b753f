"""What a service declares about itself, what it is given when it is built, and what it gives back.

`services/<name>/manifest.py` holds one `ServiceManifest`, called MANIFEST. Topology derives the rest from the
manifests: settings, stubs, start order, who may call which method, whose events are read by whom. A manifest imports
contracts and settings only; its `build` imports the implementation, so that a process loads only what it runs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tollway.contracts.events import Event
from tollway.contracts.permissions import Permission
from tollway.fabric.clock import Clock
from tollway.fabric.head_notes import HeadNotes
from tollway.fabric.lifecycle import Component
from tollway.fabric.secrets import Secrets
from tollway.kit.locations import Location

if TYPE_CHECKING:
    from fastapi import APIRouter

    from tollway.fabric.blobs import Blobs
    from tollway.fabric.db import Database
    from tollway.fabric.events import Subscribers
    from tollway.fabric.jobs import Jobs, Timed
    from tollway.fabric.mail import Inbox, Mailer
    from tollway.fabric.rest import AnswerStore
    from tollway.fabric.user_data import UserData


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """The few settings outside a service's own section that services need."""

    public_url: str
    production: bool
    currencies: tuple[str, ...]
    """What the platform is paid in (ISO 4217); the first is used when none is named."""
    mail_sender: str
    inbox_address: str
    payments_mock_address: str
    locations: tuple[Location, ...]
    """Where the operator's traffic leaves; the first is what a customer gets who did not choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContext:
    """What a service is built from: its database and settings, its neighbours' APIs, the chosen backends."""

    db: "Database"
    clock: Clock
    settings: Any
    """The service's own section, of the class that its manifest names."""
    shared: SharedSettings
    answers: "AnswerStore"
    """Where the service's routes keep what they answered under an Idempotency-Key."""
    secrets: Secrets
    head_notes: HeadNotes
    """Where the newest heads of the ledger and the audit trail are noted, outside the data."""
    client: Callable[[str], Any]
    """`client("ledger")` gives the ledger's stub, in this process or another. The manifest declares the neighbour."""
    user_data: Callable[[], Mapping[str, Any]]
    """Gives the stub of the UserData API of every service, by its name. The manifest declares what is asked."""
    service_methods: Mapping[str, Sequence[str]]
    """The methods, `API.Method`, that each service may call by itself, for whoever signs their tokens."""
    blobs: "Callable[[], Blobs]"
    mailer: "Callable[[], Mailer]"
    inbox: "Callable[[], Inbox | None]"
    """The development inbox, or None where mail leaves by SMTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceParts:
    """A built service: its operations, its APIs to the inside and outside, and the work it does by itself."""

    service: Any
    rpc: Any = None
    """The gRPC servicer of the service's API."""
    router: "APIRouter | None" = None
    subscribers: "ModuleType | Subscribers | None" = None
    """The module with one function `on_<event>` for each event class that the manifest subscribes to, or the mapping
    of those classes to their functions where it is derived."""
    jobs: "Jobs" = field(default_factory=dict[Any, Any])
    timed: "Mapping[str, Timed]" = field(default_factory=dict[Any, Any])
    components: Sequence[tuple[str, Component]] = ()
    """What else of this service has a beginning and an end, such as a page of its own."""
    user_data: "UserData | None" = None
    """What the service keeps of people."""
    prepare: Callable[[], Awaitable[object]] | None = None
    """Done after every part of the process is up; repeated until it succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManifest:
    """What a service declares.

    `durable`: its commits survive a power cut, not only a crash. `development`: it belongs to no target and is refused
    in production. `api`: the module generated from its contract; None when it serves no API. `calls`: the methods of
    its neighbours' APIs that it calls. `asks_user_data`: the methods of the UserData API that it calls at every
    service. `by_itself`: those of all these that take an access token and that it calls without a person's: in jobs,
    subscribers, timed work and at the start, and for people who have not signed in. `subscribes`: the event classes
    that it consumes; `Event` itself for every one. `rest`: it serves REST behind the gateway. `permissions`: what its
    routes may demand.
    """

    name: str
    purpose: str
    build: Callable[[ServiceContext], ServiceParts]
    durable: bool = False
    development: bool = False
    rest: bool = True
    settings: type[BaseModel] | None = None
    api: ModuleType | None = None
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    asks_user_data: tuple[str, ...] = ()
    by_itself: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    subscribes: tuple[type[Event], ...] = ()
    permissions: tuple[Permission, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the service's API."""
        return () if self.api is None else methods_of(self.api)

    @property
    def sources(self) -> tuple[str, ...]:
        """The services whose events it consumes."""
        known = Event.by_topic.values() if Event in self.subscribes else self.subscribes
        return tuple(dict.fromkeys(event.source for event in known))


def methods_of(api: ModuleType) -> tuple[str, ...]:
    """List the methods of a generated API."""
    servicer: type = getattr(api, f"{_api_name(api)}Servicer")
    return tuple(name for name in vars(servicer) if not name.startswith("_"))


def stub_of(api: ModuleType, channel: Any) -> Any:
    """Bind the stub of a generated API to a channel."""
    return getattr(api, f"{_api_name(api)}Stub")(channel)


def serve(api: ModuleType, servicer: Any, server: Any) -> None:
    """Add a servicer of a generated API to a server."""
    getattr(api, f"add_{_api_name(api)}Servicer_to_server")(servicer, server)


def _api_name(api: ModuleType) -> str:
    (name,) = (name.removesuffix("Servicer") for name in vars(api) if name.endswith("Servicer"))
    return name
