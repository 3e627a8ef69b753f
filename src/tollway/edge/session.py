"""A client's session: the only way out that a protocol has, by five verbs.

    authenticate   who is it?                  → a flow begins, charged for what was said so far
    connect        where does it want to go?   → a connection to the target
    storage        the customer's files        → refused until a node offers them
    reject         why it gets nothing
    close          why it ended

A verb calls `then` when it is done, at once whenever nothing has to be waited for: with a remembered login, a lease
in hand and a known address a tunnel is set up without a Task. A refusal goes to `refuse` instead, which the protocol
answers in its own words. `awaitable` has the same five verbs for protocols that are coroutines.

Rules, quota, throttle and meter are here and in `spend`, so no protocol can go past them.
"""

import logging
import socket
from collections.abc import Callable
from typing import NamedTuple

from tollway.contracts.access_pb2 import Grant, SourceAddressCredential
from tollway.edge import meter_file, refusal
from tollway.edge.credential import Credential
from tollway.edge.credential_cache import AuthResult
from tollway.edge.exits import Connecting, Exit, ExitPreferences
from tollway.edge.exits.pool import Key
from tollway.edge.flow import Flow, FlowOwner
from tollway.edge.gate import Gate
from tollway.edge.policy import RequestContext, Stage
from tollway.edge.policy.customer_rules import customer_rules
from tollway.edge.refusal import Refusal
from tollway.edge.relay import LingeringClose, LingeringReset
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause
from tollway.edge.username import separate_preferences

_NOBODY = (refusal.BAD_CREDENTIALS, refusal.UNAVAILABLE)
_log = logging.getLogger(__name__)


class KnownCredential(NamedTuple):
    """What a credential that was read before is known by, so that it need not be kept."""

    key: bytes
    preferences: ExitPreferences


class Session(FlowOwner):
    """One client of a protocol, from its first byte until it is closed or a tunnel has taken it over."""

    __slots__ = (
        "_connecting",
        "_origin",
        "_waiting",
        "bytes_in",
        "bytes_out",
        "client",
        "client_address",
        "closed",
        "deadline",
        "flow",
        "gate",
        "protocol",
    )

    def __init__(self, gate: Gate, client: socket.socket, client_address: str, protocol: str) -> None:
        self.gate, self.client, self.client_address = gate, client, client_address
        self.protocol = protocol
        self.flow: Flow | None = None
        self.closed = False
        self.bytes_in = self.bytes_out = 0  # while there is no flow to count them
        self._waiting = False
        self._connecting: Connecting | None = None
        self._origin: socket.socket | None = None  # reached, and not yet handed on
        self.deadline = gate.reactor.now + gate.settings.head_timeout_s
        gate.reactor.add_deadline(self)

    def refuse(self, why: Refusal) -> None:
        """Answer the client that a step is refused."""
        raise NotImplementedError

    # ── the five verbs ──────────────────────────────────────────────────────────────────────────────

    def authenticate(self, credential: Credential, then: Callable[[], None]) -> None:
        """Begin a flow for a credential, which pays for the bytes of the handshake so far; or refuse."""
        separated = separate_preferences(credential)
        if isinstance(separated, Refusal):
            self.reject(separated)
            return
        credential, preferences = separated
        self._waiting = True

        def on_result(result: AuthResult) -> None:
            if not self._waiting:
                return
            if isinstance(result, Refusal):
                self._waiting = False
                # A client at an address of nobody is one that has not said yet who it is.
                nobody = isinstance(credential, SourceAddressCredential) and result in _NOBODY
                self.reject(refusal.NO_CREDENTIALS if nobody else result)
            else:
                self._admit(result, preferences, then)

        cache = self.gate.credential_cache
        key = cache.key(credential)
        cached = cache.cached(key)
        if cached is not None:
            on_result(cached)
        else:
            cache.lookup(key, credential, self.protocol, self.client_address, on_result)

    def connect(self, host: str, port: int, then: Callable[[socket.socket], None]) -> None:
        """Connect to a target through the flow's exit, if every rule agrees; or refuse."""
        flow = self.flow
        assert flow is not None, "authenticate comes first"
        assert flow.exit is not None
        flow.count_request(f"{host}:{port}")
        context = self._context(host, port)
        why_not = self._check_target(context)
        if why_not is not None:
            self.reject(why_not)
            return
        self._waiting = True
        settings = self.gate.settings
        self.deadline = self.gate.reactor.now + settings.lookup_timeout_s + settings.connect_timeout_s + 1

        def connected(outcome: socket.socket | Refusal) -> None:
            self._connecting = None
            self._waiting = False
            if isinstance(outcome, Refusal):
                self.reject(outcome)
            else:
                self._origin = outcome
                then(outcome)

        connecting = flow.exit.provider.connect(context, self._check_addresses, connected)
        if self._waiting:
            self._connecting = connecting

    def storage(self) -> None:
        """Open the customer's file space; refused: no node offers one yet."""
        self.reject(refusal.NOT_AVAILABLE)

    def reject(self, why: Refusal) -> None:
        """Count a refusal and answer the client."""
        self.gate.metrics.refusals[self.protocol, why.code] += 1
        self.refuse(why)

    def close(self, cause: TerminateCause) -> None:
        """Close now. Harmless when it is closed."""
        if self._end(cause):
            self.gate.reactor.close(self.client)

    # ── more requests of the same flow ──────────────────────────────────────────────────────────────

    def known(self, credential: Credential) -> KnownCredential | None:
        """Return what `authenticate_known` needs to know of a credential; None when it is not well-formed."""
        separated = separate_preferences(credential)
        if isinstance(separated, Refusal):
            return None
        return KnownCredential(self.gate.credential_cache.key(separated[0]), separated[1])

    def authenticate_known(self, known: KnownCredential) -> bool:
        """Begin a flow at once for a credential that was accepted before; False when that needs `authenticate`."""
        grant = self.gate.credential_cache.cached(known.key)
        if not isinstance(grant, Grant) or _wrong_unit(grant):
            return False
        spend = self.gate.charging.spend(grant)
        if not spend.take_exactly(self.bytes_in + self.bytes_out):
            return False
        return self._begin(grant, known.preferences, spend) is None

    def refresh(self, credential: Credential, then: Callable[[], None]) -> None:
        """Let the flow go on under the grant that its credential has now; or refuse."""
        separated = separate_preferences(credential)
        if isinstance(separated, Refusal):
            self.reject(separated)
            return
        credential, _ = separated
        self._waiting = True

        def on_result(result: AuthResult) -> None:
            if not self._stop_waiting():
                return
            flow = self.flow
            assert flow is not None
            if isinstance(result, Refusal):
                self.reject(result)
            elif result.resource_id != flow.grant.resource_id:
                self.reject(refusal.INACTIVE)
            else:
                flow.use_grant(result)
                self.gate.charging.quota_for(result)
                then()

        cache = self.gate.credential_cache
        key = cache.key(credential)
        cached = cache.cached(key)
        if cached is not None:
            on_result(cached)
        else:
            cache.lookup(key, credential, self.protocol, self.client_address, on_result)

    def standing(self, host: str, port: int, addresses: tuple[str, ...]) -> RequestContext:
        """Describe a connection that stands, to one of these addresses, for `check`."""
        context = self._context(host, port)
        context.addresses = addresses
        return context

    def check(self, standing: RequestContext) -> Refusal | None:
        """Return what a rule has against another request over a connection that stands, or None."""
        flow = self.flow
        assert flow is not None
        customer, version = flow.customer, self.gate.guard.version
        same = standing.grant is flow.grant and standing.agreed == version
        if same and (customer is None or customer.hours is None):
            return None  # nothing that a rule looks at has changed
        standing.grant, standing.customer = flow.grant, customer
        why_not = self._check_target(standing) or self._check_addresses(standing)
        standing.agreed = version if why_not is None else -1
        return why_not

    def reuse(self, host: str, port: int) -> socket.socket | None:
        """Return a connection that this customer's requests left open, if there is one; it may be dead."""
        assert self.flow is not None
        return self.gate.pool.acquire(_pool_key(self.flow, host, port))

    def end_flow(self, cause: TerminateCause) -> None:
        """End the flow; the client may begin another."""
        if self.flow is not None:
            self.gate.close(self.flow, cause)
        self.flow = None
        self.bytes_in = self.bytes_out = 0

    # ── how a flow begins ───────────────────────────────────────────────────────────────────────────

    def _admit(self, grant: Grant, preferences: ExitPreferences, then: Callable[[], None]) -> None:
        """Begin the flow as soon as its quota covers the handshake."""
        if _wrong_unit(grant):
            self._waiting = False
            self.reject(refusal.WRONG_UNIT)
            return
        spend = self.gate.charging.spend(grant)
        size = self.bytes_in + self.bytes_out

        def on_taken(why_not: Refusal | None) -> None:
            if not self._stop_waiting():
                if why_not is None:
                    spend.unused(size)
                return
            why_not = why_not or self._begin(grant, preferences, spend)
            if why_not is not None:
                self.reject(why_not)
            else:
                then()

        if spend.take_exactly(size):
            on_taken(None)
        else:
            spend.take_or_wait(size, on_taken)

    def _begin(self, grant: Grant, preferences: ExitPreferences, spend: Spend) -> Refusal | None:
        """Begin a flow whose handshake may move, if no rule objects."""
        gate = self.gate
        if grant.HasField("exit"):
            preferences = preferences._replace(location=grant.exit.location)
        exit_ = gate.exits.select(grant.resource_id, preferences)
        customer = customer_rules(grant)
        context = RequestContext(grant, spend.quota, customer, gate.clock.now_us)
        why_not = exit_ if isinstance(exit_, Refusal) else gate.policy.first_refusal(Stage.BEGIN, context)
        if why_not is None and customer is not None:
            # Nothing is named yet: of the customer's rules only the schedule can object.
            why_not = gate.policy.first_refusal(Stage.CUSTOMER, context)
        if why_not is None:
            assert isinstance(exit_, Exit)
            try:
                flow = gate.charging.begin(grant, spend, self.protocol, self.client_address, customer)
            except meter_file.MeterFileError as error:
                _log.error("no flow can begin: %s", error)
                why_not = refusal.OVERLOADED
            else:
                spend.count_in(self.bytes_in)
                spend.count_out(self.bytes_out)
                flow.exit, flow.label = exit_, preferences.label
                flow.owner, flow.client = self, self.client
                self.flow = flow
                return None
        spend.unused(self.bytes_in + self.bytes_out)
        return why_not

    # ── what the rules say ──────────────────────────────────────────────────────────────────────────

    def _context(self, host: str, port: int) -> RequestContext:
        flow = self.flow
        assert flow is not None
        assert flow.exit is not None
        return RequestContext(
            flow.grant, flow.quota, flow.customer, self.gate.clock.now_us, host, port, flow.exit.name
        )

    def _check_target(self, context: RequestContext) -> Refusal | None:
        policy = self.gate.policy
        why_not = policy.first_refusal(Stage.TARGET, context)
        if why_not is None and context.customer is not None:
            why_not = policy.first_refusal(Stage.CUSTOMER, context)
        return why_not

    def _check_addresses(self, context: RequestContext) -> Refusal | None:
        return self.gate.policy.first_refusal(Stage.ADDRESSES, context)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    def expired(self) -> None:
        """Nothing has moved for too long."""
        self.terminate(TerminateCause.IDLE_TIMEOUT)

    def failed(self) -> None:
        """End it after a bug."""
        self.terminate(TerminateCause.NAS_ERROR)

    def terminate(self, cause: TerminateCause) -> None:
        """End it now."""
        self.close(cause)

    def close_gracefully(self, cause: TerminateCause) -> None:
        """Close after a last word, so that it arrives."""
        if self._end(cause):
            LingeringClose(self.gate, self.client)

    def break_off(self, cause: TerminateCause) -> None:
        """Reset the connection behind what was sent: the client must not take it for all."""
        if self._end(cause):
            LingeringReset(self.gate, self.client)

    def _end(self, cause: TerminateCause) -> bool:
        if self.closed:
            return False
        self.closed = True
        self._stop_waiting()
        self.gate.reactor.remove_deadline(self)
        if self._origin is not None:
            self.gate.reactor.close(self._origin)
        if self.flow is not None:
            self.gate.close(self.flow, cause)
        return True

    def _stop_waiting(self) -> bool:
        """Wait no longer; return whether anything was waited for, so that an answer still matters."""
        waited = self._waiting and not self.closed
        self._waiting = False
        if self._connecting is not None:
            self._connecting.abandon()
            self._connecting = None
        return waited


def keep(gate: Gate, flow: Flow, host: str, port: int, sock: socket.socket) -> None:
    """Leave a connection open for the customer's next request."""
    gate.pool.release(_pool_key(flow, host, port), sock)


def _pool_key(flow: Flow, host: str, port: int) -> Key:
    assert flow.exit is not None
    return flow.exit.name, flow.grant.resource_id, flow.label, host, port


def _wrong_unit(grant: Grant) -> bool:
    """Return whether leases of this grant count something else than the bytes that a session meters."""
    return grant.unit != "byte"
