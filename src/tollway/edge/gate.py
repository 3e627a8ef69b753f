"""The gate: what all sessions of one edge share on their way out, and nothing of any one client.

Rules, exits, kept connections, remembered logins, quotas and the reactor. `session` is who uses them.
"""

from tollway.edge.charging import ChargingRegistry
from tollway.edge.credential_cache import CredentialCache
from tollway.edge.exits import DIRECT, Exit
from tollway.edge.exits.direct import Direct
from tollway.edge.exits.pool import OriginPool
from tollway.edge.exits.selection import ExitSelection
from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.guard import Guard
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.pipes import Pipes
from tollway.edge.policy import Policy
from tollway.edge.reactor import Reactor
from tollway.edge.settings import EdgeSettings
from tollway.edge.source_address import SourceAddresses
from tollway.edge.terminate_cause import TerminateCause
from tollway.fabric.clock import Clock
from tollway.fabric.server_certificate import ServerCertificate


class Gate:
    """One edge's way out."""

    def __init__(  # noqa: PLR0913  what all sessions share
        self,
        *,
        credential_cache: CredentialCache,
        charging: ChargingRegistry,
        policy: Policy,
        guard: Guard,
        reactor: Reactor,
        metrics: EdgeMetrics,
        settings: EdgeSettings,
        clock: Clock,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self.certificate = certificate
        self.credential_cache, self.charging = credential_cache, charging
        self.policy, self.guard = policy, guard
        self.reactor, self.metrics, self.settings, self.clock = reactor, metrics, settings, clock
        self.sources = SourceAddresses(settings.trusted_proxies)
        self.pipes = Pipes()
        self.pool = OriginPool(reactor, settings.origin_idle_s, settings.origin_idle_limit)
        self._direct = Direct(
            reactor,
            name_ttl_s=settings.name_ttl_s,
            lookup_timeout_s=settings.lookup_timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
        )
        self.exits = ExitSelection((Exit(DIRECT, self._direct),))
        self.waiting: set[FlowOwner] = set()
        """Sessions that are coroutines: they may wait for a client that has no flow yet."""

    def offer(self, host: str, port: int, address: str, own_port: int) -> None:
        """Let clients reach a target of this node itself under a name."""
        self._direct.offer(host, port, address, own_port)

    def close(self, flow: Flow, cause: TerminateCause) -> None:
        """End a flow; what it used is reported until acknowledged. Harmless when it has ended."""
        if flow.ended:
            return
        if cause is TerminateCause.LOST_CARRIER:
            flow.take_back_unsent()
        self.charging.end(flow, cause)

    def stop(self) -> None:
        """End the sessions without a flow, and close what is kept for later."""
        for session in tuple(self.waiting):
            session.terminate(TerminateCause.NAS_REBOOT)
        self._direct.stop()
        self.pool.close()
        self.pipes.close()
