"""The gate: the only door out. Protocols say who wants what; here it is decided and done, once for all.

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
from tollway.edge.flow import Cause, Flow
from tollway.edge.logins import Logins
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

        def judged(verdict: Grant | Refusal) -> None:
            if isinstance(verdict, Refusal):
                then(verdict)
            else:
                self._begin(verdict, protocol, client, heard, said, then)

        self._logins.judge(name.login, secret, protocol, client, judged)

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

        def looked_up(found: Addresses | Refusal) -> None:
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
            dial = Dial(self.reactor, found, port, self.settings.connect_timeout_s, then)
            opening.dial = dial

        self.lookup(host, looked_up)
        return opening

    def reuse(self, flow: Flow, host: str, port: int) -> socket.socket | None:
        """Return a connection that this customer's requests left open, if there is one; it may be dead."""
        return self._kept.take((flow.grant.resource_id, host, port))

    def keep(self, flow: Flow, host: str, port: int, sock: socket.socket) -> None:
        """Leave a connection open for the customer's next request."""
        self._kept.give((flow.grant.resource_id, host, port), sock)

    def lookup(self, host: str, then: Callable[[Addresses | Refusal], None]) -> None:
        """Resolve a name; the answer has not been judged."""
        self._names.lookup(host, then)

    def close(self, flow: Flow, cause: Cause) -> None:
        """End a flow; what it used is reported until acknowledged. Harmless when it has ended."""
        if not flow.ended:
            self._allowances.end(flow, cause)

    def stop(self) -> None:
        """Close what is kept for later."""
        self._kept.close()
        self.pipes.close()

    def _begin(
        self,
        grant: Grant,
        protocol: str,
        client: str,
        heard: int,
        said: int,
        then: Callable[[Flow | Refusal], None],
    ) -> None:
        allowance = self._allowances.of(grant)
        attempt = Attempt(grant, allowance)

        def afforded(why_not: Refusal | None) -> None:
            if why_not is not None:
                then(why_not)
                return
            why_not = objection(self._policy.begin, attempt)
            if why_not is None:
                try:
                    flow = self._allowances.begin(grant, allowance, protocol, client)
                except meter.BookError as error:
                    _log.error("no flow can begin: %s", error)
                    why_not = refusal.OVERLOADED
                else:
                    flow.heard(heard)
                    flow.said(said)
                    then(flow)
                    return
            allowance.give(heard + said)
            then(why_not)

        if allowance.take_whole(heard + said):
            afforded(None)
        else:
            allowance.afford(heard + said, afforded)
