"""Quotas without sockets: a reactor, a book, an access service (one in memory, or the real one), and flows that
move numbers.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.kit.edges import settings
from tollway.contracts.access_pb2 import Grant
from tollway.edge.access_client import AccessClient
from tollway.edge.charging import ChargingRegistry
from tollway.edge.flow import Flow
from tollway.edge.meter_file import MeterFile
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.quota import Quota
from tollway.edge.reactor import Reactor
from tollway.fabric.clock import SystemClock


class Service(Protocol):
    """Whatever answers for the access service."""

    def stub(self, node: str = ...) -> Any: ...


@dataclass
class QuotaSetup:
    """What a quota lives on."""

    access: Any
    meter: MeterFile
    metrics: EdgeMetrics
    charging: ChargingRegistry

    def grant(self, name: str = "alice", **more: Any) -> Grant:
        resource_id = name if name.startswith("res_") else f"res_{name}"
        return Grant(resource_id=resource_id, user_id=f"usr_{name}", credential_id=f"crd_{name}", **more)

    def quota(self, name: str = "alice") -> Quota:
        return self.charging.quota_for(self.grant(name))

    def flow(self, name: str = "alice") -> Flow:
        return self.charging.begin(
            self.grant(name), self.charging.spend(self.grant(name)), "connect", "192.0.2.1:4711"
        )


@contextlib.asynccontextmanager
async def quota_setup(
    folder: Path,
    access: Service,
    node: str = "edge-1",
    monotonic: Callable[[], float] = time.monotonic,
    **changes: Any,
) -> AsyncIterator[QuotaSetup]:
    """Set up one node's quotas; the meter file stays as it is when the block ends, like after a kill."""
    reactor = Reactor(monotonic)
    reactor.start()
    meter = MeterFile(folder / f"{node}.meter")
    meter.open(SystemClock().now_us())
    metrics = EdgeMetrics()
    charging = ChargingRegistry(
        access=AccessClient(access.stub(), node, metrics),
        meter=meter,
        metrics=metrics,
        reactor=reactor,
        settings=settings(**changes),
        clock=SystemClock(),
    )
    try:
        yield QuotaSetup(access, meter, metrics, charging)
    finally:
        await charging.kill()
        reactor.stop()
        meter.close()
