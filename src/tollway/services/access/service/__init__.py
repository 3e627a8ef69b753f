"""The operations of access, by who asks for them.

resources, credentials      customers: accesses, their limits, rules and credentials
suspensions                 operators: stopping one access, or everything of a customer
nodes                       nodes: coming up
authentication              nodes: what a credential may do
leases, reports             nodes: reserving what flows will use, and settling what they used
changes                     nodes: what must reach live flows at once
cleanup                     timed: what vanished nodes left behind
connections                 customers: ending their own connections
locations                   customers: what is known of the places where traffic leaves; timed: looking which are up
usage, live                 customers: what was used, and what is left
dashboard                   customers: what they see first, in one answer
connection_tests            customers ask for a test of the whole way through a proxy, nodes carry it out
trends                      customers: what was used over time and with whom
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.locations import DEFAULT_LOCATIONS, Location
from tollway.services.access.kinds import KINDS, ResourceKind
from tollway.services.access.model.source_networks import SourceRules
from tollway.services.access.service.authentication import Authentication
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.cleanup import Cleanup
from tollway.services.access.service.connection_tests import ConnectionTests
from tollway.services.access.service.connections import Connections
from tollway.services.access.service.credentials import Credentials
from tollway.services.access.service.dashboard import Dashboards
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.service.leases import Leases
from tollway.services.access.service.live import UsageFeeds
from tollway.services.access.service.locations import Locations
from tollway.services.access.service.nodes import Nodes
from tollway.services.access.service.reports import Reports
from tollway.services.access.service.resources import Resources
from tollway.services.access.service.suspensions import Suspensions
from tollway.services.access.service.trends import Trends
from tollway.services.access.service.usage import Usage
from tollway.services.access.settings import AccessSettings

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

__all__ = ["Access"]


class Access:
    """The service. See the package docstring for what it promises."""

    def __init__(  # noqa: PLR0913  what the operations of access stand on
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        ledger: "LedgerAsyncStub",
        catalog: "CatalogAsyncStub",
        kinds: Iterable[ResourceKind] = KINDS,
        locations: tuple[Location, ...] = DEFAULT_LOCATIONS,
        monotonic: Callable[[], float] | None = None,
        *,
        public_sources_only: bool = False,
    ) -> None:
        self.db, self.clock = db, clock
        self.kinds = {kind.name: kind for kind in kinds}
        holdings = Holdings(ledger, settings)
        self.changes = Changes(db)
        self.nodes = Nodes(db, clock, settings, self.kinds)
        sources = SourceRules(
            settings.source_prefix_v4, settings.source_prefix_v6, public_only=public_sources_only
        )
        self.credentials = Credentials(db, settings, self.kinds, self.changes, sources)
        self.resources = Resources(
            db,
            clock,
            settings,
            self.kinds,
            [one.id for one in locations],
            catalog,
            self.changes,
            self.nodes,
            self.credentials,
            holdings,
        )
        self.connection_tests = ConnectionTests(
            db, settings, locations, self.changes, self.nodes, self.credentials
        )
        self.connections = Connections(db, self.changes)
        self.locations = Locations(db, clock, locations, self.nodes)
        self.suspensions = Suspensions(db, self.changes)
        self.authentication = Authentication(db, clock, settings, self.kinds, holdings)
        self.leases = Leases(db, settings, self.kinds, holdings, self.changes)
        self.usage = Usage(db, clock, settings, holdings)
        self.dashboards = Dashboards(db, clock, holdings, self.nodes, self.usage)
        self.trends = Trends(db)
        self.live = UsageFeeds(self.usage, clock, shared=db.is_shared)
        self.reports = Reports(db, self.kinds, holdings, self.leases, self.live.notify)
        self.cleanup = Cleanup(db, clock, settings, holdings, monotonic)
