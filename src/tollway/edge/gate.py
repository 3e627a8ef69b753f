"""The gate: the only service API out. Protocols ask; here it is decided and done, once for all.

    login    who is it, may it begin?   → a Flow, charged for what was received and sent so far
    open     where does it want to go?  → a connected socket
    lookup   what are a name's addresses?
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
from tollway.edge.exits.direct import Addresses, Dial, Resolver
from tollway.edge.exits.pool import OriginPool
from tollway.edge.flow import Flow
from tollway.edge.pipes import Pipes
from tollway.edge.policy import Policy, RequestContext, first_refusal
from tollway.edge.reactor import Reactor
from tollway.edge.refusal import Refusal
from tollway.edge.settings import EdgeSettings
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause
from tollway.edge.username import parse_username

_log = logging.getLogger(__name__)


class Opening:
    """A target being opened. `abandon` it when the client is gone: `then` is not called any more."""

    __slots__ = ("abandoned", "dial")

    def __init__(self) -> None:
        self.abandoned = False
        self.dial: Dial | None = None

    def abandon(self) -> None:
        """Stop."""
        self.abandoned = True
        if self.dial is not None:
            self.dial.abandon()
            self.dial = None


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
    ) -> None:
        self.reactor, self.settings = reactor, settings
        self.pipes = Pipes()
        self._credential_cache, self._charging, self._policy = credential_cache, charging, policy
        self._pool = OriginPool(reactor, settings.origin_idle_s, settings.origin_idle_limit)
        self._resolver = Resolver(settings.name_ttl_s, settings.lookup_timeout_s, reactor.monotonic)

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
            self._admit(result, protocol, client, bytes_in, bytes_out, then)
            return

        def on_result(result: AuthResult) -> None:
            self._admit(result, protocol, client, bytes_in, bytes_out, then)

        self._credential_cache.lookup(key, name.login, secret, protocol, client, on_result)

    def login_key(self, username: str, secret: str) -> bytes:
        """Return what `login_again` knows these credentials by; empty when they are not well-formed."""
        name = parse_username(username)
        return b"" if isinstance(name, Refusal) else self._credential_cache.key(name.login, secret)

    def login_again(self, key: bytes, *, protocol: str, client: str, bytes_in: int) -> Flow | None:
        """Begin a flow for credentials that were accepted before; None when that needs another look."""
        grant = self._credential_cache.cached(key)
        if not isinstance(grant, Grant):
            return None
        spend = self._charging.spend(grant)
        if not spend.take_exactly(bytes_in):
            return None
        flow = self._begin(grant, spend, protocol, client, bytes_in, 0)
        return flow if isinstance(flow, Flow) else None

    def open(
        self, flow: Flow, host: str, port: int, then: Callable[[socket.socket | Refusal], None]
    ) -> Opening:
        """Connect to a target, if every rule agrees: with the name, and with each of its addresses."""
        opening = Opening()
        context = RequestContext(flow.grant, flow.quota, host, port)
        why_not = first_refusal(self._policy.target, context)
        if why_not is not None:
            then(why_not)
            return opening

        found = self._resolver.cached(host)
        if found is not None:
            self._dial(opening, context, found, then)
        else:
            customer = flow.grant.user_id
            self.lookup(host, customer, lambda found: self._dial(opening, context, found, then))
        return opening

    def reuse(self, flow: Flow, host: str, port: int) -> socket.socket | None:
        """Return a connection that this customer's requests left open, if there is one; it may be dead."""
        return self._pool.acquire((flow.grant.resource_id, host, port))

    def keep(self, flow: Flow, host: str, port: int, sock: socket.socket) -> None:
        """Leave a connection open for the customer's next request."""
        self._pool.release((flow.grant.resource_id, host, port), sock)

    def lookup(self, host: str, customer: str, then: Callable[[Addresses | Refusal], None]) -> None:
        """Resolve a name; the answer has not been judged."""
        self._resolver.lookup(host, customer, then)

    def close(self, flow: Flow, cause: TerminateCause) -> None:
        """End a flow; what it used is reported until acknowledged. Harmless when it has ended."""
        if flow.ended:
            return
        if cause is TerminateCause.LOST_CARRIER:
            flow.take_back_unsent()
        self._charging.end(flow, cause)

    def stop(self) -> None:
        """Close what is kept for later."""
        self._resolver.stop()
        self._pool.close()
        self.pipes.close()

    def _admit(
        self,
        result: AuthResult,
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
            then(why_not or self._begin(result, spend, protocol, client, bytes_in, bytes_out))

        if spend.take_exactly(bytes_in + bytes_out):
            on_taken(None)
        else:
            spend.take_or_wait(bytes_in + bytes_out, on_taken)

    def _begin(
        self, grant: Grant, spend: Spend, protocol: str, client: str, bytes_in: int, bytes_out: int
    ) -> Flow | Refusal:
        """Begin a flow whose handshake may move, if no rule objects."""
        why_not = first_refusal(self._policy.begin, RequestContext(grant, spend.quota))
        if why_not is None:
            try:
                flow = self._charging.begin(grant, spend, protocol, client)
            except meter_file.MeterFileError as error:
                _log.error("no flow can begin: %s", error)
                why_not = refusal.OVERLOADED
            else:
                spend.count_in(bytes_in)
                spend.count_out(bytes_out)
                return flow
        spend.unused(bytes_in + bytes_out)
        return why_not

    def _dial(
        self,
        opening: Opening,
        context: RequestContext,
        found: Addresses | Refusal,
        then: Callable[[socket.socket | Refusal], None],
    ) -> None:
        """Connect to one of the addresses found, if no rule objects to any of them."""
        if opening.abandoned:
            return
        if isinstance(found, Refusal):
            then(found)
            return
        context.addresses = found
        why_not = first_refusal(self._policy.addresses, context)
        if why_not is not None:
            then(why_not)
            return
        opening.dial = Dial(self.reactor, found, context.port, self.settings.connect_timeout_s, then)
