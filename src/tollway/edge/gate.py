"""The gate: the only service API out. Protocols say who wants what; here it is decided and done, once for all.

    login    who is it, may it begin?   → a Flow, charged for what was said so far
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
from tollway.edge import meter, refusal
from tollway.edge.allowances import Allowances
from tollway.edge.cause import Cause
from tollway.edge.flow import Flow
from tollway.edge.lease import Allowance
from tollway.edge.logins import Logins, Verdict
from tollway.edge.pipes import Pipes
from tollway.edge.policy import Attempt, Policy, objection
from tollway.edge.reactor import Reactor
from tollway.edge.refusal import Refusal
from tollway.edge.settings import EdgeSettings
from tollway.edge.upstreams.direct import Addresses, Dial, Names
from tollway.edge.upstreams.kept import Kept
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
        logins: Logins,
        allowances: Allowances,
        policy: Policy,
        reactor: Reactor,
        settings: EdgeSettings,
    ) -> None:
        self.reactor, self.settings = reactor, settings
        self.pipes = Pipes()
        self._logins, self._allowances, self._policy = logins, allowances, policy
        self._kept = Kept(reactor, settings.origin_idle_s, settings.origin_idle_limit)
        self._names = Names(settings.name_ttl_s, settings.lookup_timeout_s)

    def login(
        self,
        username: str,
        secret: str,
        *,
        protocol: str,
        client: str,
        heard: int,
        said: int,
        then: Callable[[Flow | Refusal], None],
    ) -> None:
        """Begin a flow. `heard` and `said` are the bytes of the hello so far, charged if it is accepted."""
        name = parse_username(username)
        if isinstance(name, Refusal):
            then(name)
            return
        key = self._logins.key(name.login, secret)
        verdict = self._logins.known(key)
        if verdict is not None:
            self._admit(verdict, protocol, client, heard, said, then)
            return

        def judged(verdict: Verdict) -> None:
            self._admit(verdict, protocol, client, heard, said, then)

        self._logins.ask(key, name.login, secret, protocol, client, judged)

    def login_key(self, username: str, secret: str) -> bytes:
        """Return what `login_again` knows these credentials by; empty when they are not well-formed."""
        name = parse_username(username)
        return b"" if isinstance(name, Refusal) else self._logins.key(name.login, secret)

    def login_again(self, key: bytes, *, protocol: str, client: str, heard: int) -> Flow | None:
        """Begin a flow for credentials that were accepted before; None when that needs another look."""
        grant = self._logins.known(key)
        if not isinstance(grant, Grant):
            return None
        allowance = self._allowances.of(grant)
        if not allowance.take_whole(heard):
            return None
        flow = self._begin(grant, allowance, protocol, client, heard, 0)
        return flow if isinstance(flow, Flow) else None

    def open(
        self, flow: Flow, host: str, port: int, then: Callable[[socket.socket | Refusal], None]
    ) -> Opening:
        """Connect to a target, if every rule agrees: with the name, and with each of its addresses."""
        opening = Opening()
        attempt = Attempt(flow.grant, flow.allowance, host, port)
        why_not = objection(self._policy.target, attempt)
        if why_not is not None:
            then(why_not)
            return opening

        found = self._names.known(host)
        if found is not None:
            self._dial(opening, attempt, found, then)
        else:
            customer = flow.grant.user_id
            self.lookup(host, customer, lambda found: self._dial(opening, attempt, found, then))
        return opening

    def reuse(self, flow: Flow, host: str, port: int) -> socket.socket | None:
        """Return a connection that this customer's requests left open, if there is one; it may be dead."""
        return self._kept.take((flow.grant.resource_id, host, port))

    def keep(self, flow: Flow, host: str, port: int, sock: socket.socket) -> None:
        """Leave a connection open for the customer's next request."""
        self._kept.give((flow.grant.resource_id, host, port), sock)

    def lookup(self, host: str, customer: str, then: Callable[[Addresses | Refusal], None]) -> None:
        """Resolve a name; the answer has not been judged."""
        self._names.lookup(host, customer, then)

    def close(self, flow: Flow, cause: Cause) -> None:
        """End a flow; what it used is reported until acknowledged. Harmless when it has ended."""
        if flow.ended:
            return
        if cause is Cause.LOST_CARRIER:
            flow.take_back_unsent()
        self._allowances.end(flow, cause)

    def stop(self) -> None:
        """Close what is kept for later."""
        self._names.stop()
        self._kept.close()
        self.pipes.close()

    def _admit(
        self,
        verdict: Verdict,
        protocol: str,
        client: str,
        heard: int,
        said: int,
        then: Callable[[Flow | Refusal], None],
    ) -> None:
        """Begin the flow as soon as its allowance covers the hello."""
        if isinstance(verdict, Refusal):
            then(verdict)
            return
        allowance = self._allowances.of(verdict)
        if allowance.take_whole(heard + said):
            then(self._begin(verdict, allowance, protocol, client, heard, said))
            return

        def afforded(why_not: Refusal | None) -> None:
            then(why_not or self._begin(verdict, allowance, protocol, client, heard, said))

        allowance.afford(heard + said, afforded)

    def _begin(
        self, grant: Grant, allowance: Allowance, protocol: str, client: str, heard: int, said: int
    ) -> Flow | Refusal:
        """Begin a flow whose hello was taken from the allowance, if no rule objects."""
        why_not = objection(self._policy.begin, Attempt(grant, allowance))
        if why_not is None:
            try:
                flow = self._allowances.begin(grant, allowance, protocol, client)
            except meter.BookError as error:
                _log.error("no flow can begin: %s", error)
                why_not = refusal.OVERLOADED
            else:
                flow.heard(heard)
                flow.said(said)
                return flow
        allowance.give(heard + said)
        return why_not

    def _dial(
        self,
        opening: Opening,
        attempt: Attempt,
        found: Addresses | Refusal,
        then: Callable[[socket.socket | Refusal], None],
    ) -> None:
        """Connect to one of the addresses found, if no rule objects to any of them."""
        if opening.abandoned:
            return
        if isinstance(found, Refusal):
            then(found)
            return
        attempt.addresses = found
        why_not = objection(self._policy.addresses, attempt)
        if why_not is not None:
            then(why_not)
            return
        opening.dial = Dial(self.reactor, found, attempt.port, self.settings.connect_timeout_s, then)
