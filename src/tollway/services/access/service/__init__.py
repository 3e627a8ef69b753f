"""The operations of access, by who asks for them.

resources    customers and operators: accesses, credentials, limits, stopping
charging     nodes: coming up, verdicts, leases, reports; and what vanished nodes left behind
changes      nodes: what must reach live flows at once
usage        customers: what was used, and what is left
"""

from typing import TYPE_CHECKING

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.charging import Charging
from tollway.services.access.service.resources import Resources
from tollway.services.access.service.usage import Usage
from tollway.services.access.settings import AccessSettings

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

__all__ = ["Access"]


class Access:
    """The service. See the package docstring for what it promises."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: AccessSettings,
        ledger: "LedgerAsyncStub",
        catalog: "CatalogAsyncStub",
    ) -> None:
        self.db = db
        self.changes = Changes(db)
        self.resources = Resources(db, clock, settings, catalog, self.changes)
        self.charging = Charging(db, clock, settings, ledger)
        self.usage = Usage(db, clock, settings, ledger)
