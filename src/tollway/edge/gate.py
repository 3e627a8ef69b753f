"""The gate: the only service API out. Protocols ask; here it is decided and done, once for all.

    login    who is it, may it begin?   → a Flow, charged for what was received and sent so far
    open     where does it want to go?  → a connected socket
    check    may another request go where a connection stands already?
    refresh  what do the credentials allow now?
    close    the flow is over

Answers come through a callback `then`, at once whenever nothing has to be waited for: with a remembered
login, a lease in hand and a known address a tunnel is set up without a single Task.
"""

import logging
import socket
from collections.abc import Callable

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter_file, refusal
from tollway.edge.charging import ChargingRegistry
from tollway.edge.credential_cache import AuthResult, CredentialCache
from tollway.edge.exits import DIRECT, Connecting, Exit, Wishes
from tollway.edge.exits.direct import Direct
from tollway.edge.exits.pool import Key, OriginPool
from tollway.edge.exits.selection import ExitSelection
from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.pipes import Pipes
from tollway.edge.policy import Policy, RequestContext, first_refusal
from tollway.edge.policy.customer_rules import customer_rules
from tollway.edge.reactor import Reactor
from tollway.edge.refusal import Refusal
from tollway.edge.settings import EdgeSettings
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause
from tollway.edge.username import parse_username
from tollway.fabric.clock import Clock

_log = logging.getLogger(__name__)


class Gate:
    """Logs in, opens targets, looks names up, closes flows. Everything else in the edge goes through it."""

    def __init__(
        self,
        *,
        credential_cache: CredentialCache,
        charging: ChargingRegistry,
        policy: Policy,
        reactor: Reactor,
        settings: EdgeSettings,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self.sessions: set[FlowOwner] = set()  # of protocols that are coroutines
        self.reactor, self.settings = reactor, settings
        self.pipes = Pipes()
        self._credential_cache, self._charging, self._policy = credential_cache, charging, policy
        self._pool = OriginPool(reactor, settings.origin_idle_s, settings.origin_idle_limit)
        self._direct = Direct(
            reactor,
            name_ttl_s=settings.name_ttl_s,
            lookup_timeout_s=settings.lookup_timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
        )
        self._exits = ExitSelection((Exit(DIRECT, self._direct),))

    def login(
        self,
        username: str,
        secret: str,
        *,
        protocol: str,
        client: str,
        bytes_in: int,
        bytes_out: int,
        then: Callable[[Flow | Refusal], None],
    ) -> None:
        """Begin a flow. `bytes_in` and `bytes_out` are the bytes of the handshake so far, charged if it is accepted."""
        name = parse_username(username)
        if isinstance(name, Refusal):
            then(name)
            return
        key = self._credential_cache.key(name.login, secret)
        result = self._credential_cache.cached(key)
        if result is not None:
            self._admit(result, name.wishes, protocol, client, bytes_in, bytes_out, then)
            return

        def on_result(result: AuthResult) -> None:
            self._admit(result, name.wishes, protocol, client, bytes_in, bytes_out, then)

        self._credential_cache.lookup(key, name.login, secret, protocol, client, on_result)

    def login_key(self, username: str, secret: str) -> tuple[bytes, Wishes]:
        """Return what `login_again` knows these credentials by; an empty key when they are not well-formed."""
        name = parse_username(username)
        if isinstance(name, Refusal):
            return b"", Wishes()
        return self._credential_cache.key(name.login, secret), name.wishes

    def login_again(
        self, key: bytes, wishes: Wishes, *, protocol: str, client: str, bytes_in: int
    ) -> Flow | None:
        """Begin a flow for credentials that were accepted before; None when that needs another look."""
        grant = self._credential_cache.cached(key)
        if not isinstance(grant, Grant):
            return None
        spend = self._charging.spend(grant)
        if not spend.take_exactly(bytes_in):
            return None
        flow = self._begin(grant, wishes, spend, protocol, client, bytes_in, 0)
        return flow if isinstance(flow, Flow) else None

    def open(
        self, flow: Flow, host: str, port: int, then: Callable[[socket.socket | Refusal], None]
    ) -> Connecting | None:
        """Connect to a target through the flow's exit, if every rule agrees; None when that was decided at once."""
        assert flow.exit is not None
        context = self._context(flow, host, port)
        why_not = self._check_target(context)
        if why_not is not None:
            then(why_not)
            return None
        return flow.exit.provider.connect(context, self._check_addresses, then)

    def standing(self, flow: Flow, host: str, port: int, addresses: tuple[str, ...]) -> RequestContext:
        """Describe a connection that stands, to one of these addresses, for `check`."""
        context = self._context(flow, host, port)
        context.addresses = addresses
        return context

    def check(self, flow: Flow, standing: RequestContext) -> Refusal | None:
        """Ask the rules about another request over a connection that stands."""
        standing.grant, standing.customer = flow.grant, flow.customer
        return self._check_target(standing) or self._check_addresses(standing)

    def refresh(self, flow: Flow, username: str, secret: str, then: Callable[[Refusal | None], None]) -> None:
        """Let a flow go on under the grant that its credentials have now: `then(None)`, or `then(why not)`."""
        name = parse_username(username)
        if isinstance(name, Refusal):
            then(name)
            return

        def on_result(result: AuthResult) -> None:
            if isinstance(result, Refusal):
                then(result)
            elif result.resource_id != flow.grant.resource_id:
                then(refusal.INACTIVE)
            else:
                flow.use_grant(result)
                self._charging.quota_for(result)
                then(None)

        key = self._credential_cache.key(name.login, secret)
        cached = self._credential_cache.cached(key)
        if cached is not None:
            on_result(cached)
        else:
            self._credential_cache.lookup(
                key, name.login, secret, flow.protocol, flow.client_address, on_result
            )

    def reuse(self, flow: Flow, host: str, port: int) -> socket.socket | None:
        """Return a connection that this customer's requests left open, if there is one; it may be dead."""
        return self._pool.acquire(_pool_key(flow, host, port))

    def keep(self, flow: Flow, host: str, port: int, sock: socket.socket) -> None:
        """Leave a connection open for the customer's next request."""
        self._pool.release(_pool_key(flow, host, port), sock)

    def _context(self, flow: Flow, host: str, port: int) -> RequestContext:
        assert flow.exit is not None
        return RequestContext(
            flow.grant, flow.quota, flow.customer, self._clock.now_us, host, port, flow.exit.name
        )

    def _check_target(self, context: RequestContext) -> Refusal | None:
        why_not = first_refusal(self._policy.target, context)
        if why_not is None and context.customer is not None:
            why_not = first_refusal(self._policy.customer, context)
        return why_not

    def _check_addresses(self, context: RequestContext) -> Refusal | None:
        return first_refusal(self._policy.addresses, context)

    def close(self, flow: Flow, cause: TerminateCause) -> None:
        """End a flow; what it used is reported until acknowledged. Harmless when it has ended."""
        if flow.ended:
            return
        if cause is TerminateCause.LOST_CARRIER:
            flow.take_back_unsent()
        self._charging.end(flow, cause)

    def stop(self) -> None:
        """Close what is kept for later."""
        for session in tuple(self.sessions):
            session.terminate(TerminateCause.NAS_REBOOT)
        self._direct.stop()
        self._pool.close()
        self.pipes.close()

    def _admit(
        self,
        result: AuthResult,
        wishes: Wishes,
        protocol: str,
        client: str,
        bytes_in: int,
        bytes_out: int,
        then: Callable[[Flow | Refusal], None],
    ) -> None:
        """Begin the flow as soon as its quota covers the handshake."""
        if isinstance(result, Refusal):
            then(result)
            return
        spend = self._charging.spend(result)

        def on_taken(why_not: Refusal | None) -> None:
            then(why_not or self._begin(result, wishes, spend, protocol, client, bytes_in, bytes_out))

        if spend.take_exactly(bytes_in + bytes_out):
            on_taken(None)
        else:
            spend.take_or_wait(bytes_in + bytes_out, on_taken)

    def _begin(
        self,
        grant: Grant,
        wishes: Wishes,
        spend: Spend,
        protocol: str,
        client: str,
        bytes_in: int,
        bytes_out: int,
    ) -> Flow | Refusal:
        """Begin a flow whose handshake may move, if no rule objects."""
        if grant.HasField("exit"):
            wishes = wishes._replace(location=grant.exit.location)
        exit_ = self._exits.select(grant.resource_id, wishes)
        customer = customer_rules(grant)
        context = RequestContext(grant, spend.quota, customer, self._clock.now_us)
        why_not = exit_ if isinstance(exit_, Refusal) else first_refusal(self._policy.begin, context)
        if why_not is None and customer is not None:
            # Nothing is named yet: of the customer's rules only the schedule can object.
            why_not = first_refusal(self._policy.customer, context)
        if why_not is None:
            assert isinstance(exit_, Exit)
            try:
                flow = self._charging.begin(grant, spend, protocol, client, customer)
            except meter_file.MeterFileError as error:
                _log.error("no flow can begin: %s", error)
                why_not = refusal.OVERLOADED
            else:
                spend.count_in(bytes_in)
                spend.count_out(bytes_out)
                flow.exit, flow.label = exit_, wishes.label
                return flow
        spend.unused(bytes_in + bytes_out)
        return why_not


def _pool_key(flow: Flow, host: str, port: int) -> Key:
    assert flow.exit is not None
    return flow.exit.name, flow.grant.resource_id, flow.label, host, port
