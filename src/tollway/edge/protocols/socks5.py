"""SOCKS5 with a username and a password, or from an address that needs none (RFC 1928, RFC 1929), CONNECT only.

The order is that of every protocol: handshake → session → relay. `on_data` is called when the client has
said more; each state is a method of the same name and reads one message:

    greeting   the methods it can do         → password; none, if its address is let in; or goodbye
    login      who it is                     → the session begins a flow, or does not
    request    where it wants to go          → the session connects to the target
               and from then on the tunnel relays

A login fails only for wrong credentials. Any other refusal (nothing left, too many connections) is kept until
the request can be answered with the reply that says so, because a client that gets "login failed" asks
its user for another password.

What is charged: all messages of the client and all answers to it, from the greeting on, once the login is
accepted; nothing before, and nothing of a flow that was refused.
"""

import socket
from collections.abc import Callable, Mapping
from functools import partial

from tollway.edge import refusal
from tollway.edge.credential import password
from tollway.edge.gate import Gate
from tollway.edge.handshake import Handshake
from tollway.edge.other_protocol import answer_in_kind
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.refusal import (
    BAD_CREDENTIALS,
    BAD_REQUEST,
    BAD_USERNAME,
    NO_CREDENTIALS,
    UNAVAILABLE,
    Refusal,
)
from tollway.edge.terminate_cause import TerminateCause
from tollway.wire import socks5 as wire


class Socks5(Handshake):
    """A SOCKS5 client, from its first byte until its tunnel stands."""

    __slots__ = ("_refusal", "_state")

    def __init__(self, gate: Gate, client: socket.socket, client_address: str) -> None:
        self._refusal: Refusal | None = None
        self._state: Callable[[], bool] = self.greeting
        super().__init__(gate, client, client_address, "socks5")

    def on_data(self) -> None:
        """Read message after message, until one is incomplete or something has to be waited for."""
        try:
            while self._state():
                pass
        except wire.BadSocksMessage:
            if self._state == self.greeting:
                answer = answer_in_kind(self.buffer)
            else:
                answer = wire.write_login(accepted=False) if self._state == self.login else b""
            if not answer or self.send(answer):
                self.close_gracefully(TerminateCause.USER_REQUEST)

    # ── the states ──────────────────────────────────────────────────────────────────────────────────

    def greeting(self) -> bool:
        """The client lists the methods it can do: it must know passwords, or come from an address that is let in."""
        greeting = wire.read_greeting(self.buffer)
        if greeting is None:
            return False
        self._consume(greeting.size)
        if wire.Method.PASSWORD not in greeting.methods:
            credential = self.gate.sources.credential(self.client_address)
            if wire.Method.NO_AUTHENTICATION in greeting.methods and credential is not None:
                self.authenticate(credential, self._known)
            elif self.send(wire.write_method(wire.Method.NONE_ACCEPTABLE)):
                self.close_gracefully(TerminateCause.USER_REQUEST)
            return False
        self._state = self.login
        return self.send(wire.write_method(wire.Method.PASSWORD))

    def login(self) -> bool:
        """The client says who it is; from here on a flow pays for what was received and sent."""
        login = wire.read_login(self.buffer)
        if login is not None:
            self._consume(login.size)
            self.authenticate(password(login.username, login.password), self._welcome)
        return False

    def request(self) -> bool:
        """The client says where it wants to go."""
        request = wire.read_request(self.buffer)
        if request is None:
            return False
        self._consume(request.size)
        if self._refusal is not None:
            self.refuse(self._refusal)
        elif request.refused is not wire.SocksReply.SUCCEEDED:
            self.charge(
                request.size, lambda: self.send_and_close(wire.write_reply(request.refused), BAD_REQUEST)
            )
        else:
            self.charge(request.size, lambda: self.connect(request.host, request.port, self._reached))
        return False

    # ── between the states ──────────────────────────────────────────────────────────────────────────

    def refuse(self, why: Refusal) -> None:
        """Say no in the words of the present state."""
        if self._state == self.greeting:
            if why is NO_CREDENTIALS or why is UNAVAILABLE:
                self.send_and_close(wire.write_method(wire.Method.NONE_ACCEPTABLE), why)
            else:
                self._keep(why, wire.write_method(wire.Method.NO_AUTHENTICATION))
        elif self._state != self.login:
            self.send_and_close(wire.write_reply(REFUSALS[why.code]), why)
        elif why.code in _LOGIN_FAILURES:
            self.send_and_close(wire.write_login(accepted=False), why)
        else:
            self._keep(why, wire.write_login(accepted=True))

    def _keep(self, why: Refusal, welcome: bytes) -> None:
        """Let the client in, to answer why not when it asks for a target."""
        self._refusal = why
        self._state = self.request
        if self.send(welcome):
            self.resume()

    def _known(self) -> None:
        self._state = self.request
        self.charge_and_send(wire.write_method(wire.Method.NO_AUTHENTICATION), self.resume)

    def _welcome(self) -> None:
        self._state = self.request
        self.charge_and_send(wire.write_login(accepted=True), self.resume)

    def _reached(self, origin: socket.socket) -> None:
        self.charge_and_send(wire.write_reply(wire.SocksReply.SUCCEEDED), lambda: self.relay(origin))

    def _consume(self, size: int) -> None:
        self.bytes_in += size
        self.buffer = self.buffer[size:]


_LOGIN_FAILURES = (BAD_CREDENTIALS.code, BAD_USERNAME.code)

REFUSALS: Mapping[str, wire.SocksReply] = {
    refusal.NO_CREDENTIALS.code: wire.SocksReply.NOT_ALLOWED,
    refusal.BAD_CREDENTIALS.code: wire.SocksReply.NOT_ALLOWED,
    refusal.BAD_USERNAME.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.NO_EXIT.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.NO_ALLOWANCE.code: wire.SocksReply.NOT_ALLOWED,
    refusal.INACTIVE.code: wire.SocksReply.NOT_ALLOWED,
    refusal.TOO_MANY_FLOWS.code: wire.SocksReply.NOT_ALLOWED,
    refusal.UNAVAILABLE.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.OVERLOADED.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.DENIED_PORT.code: wire.SocksReply.NOT_ALLOWED,
    refusal.DENIED_DOMAIN.code: wire.SocksReply.NOT_ALLOWED,
    refusal.DENIED_ADDRESS.code: wire.SocksReply.NOT_ALLOWED,
    refusal.NAME_UNKNOWN.code: wire.SocksReply.HOST_UNREACHABLE,
    refusal.NAME_TIMEOUT.code: wire.SocksReply.HOST_UNREACHABLE,
    refusal.REFUSED.code: wire.SocksReply.CONNECTION_REFUSED,
    refusal.UNREACHABLE.code: wire.SocksReply.NETWORK_UNREACHABLE,
    refusal.CONNECT_TIMEOUT.code: wire.SocksReply.HOST_UNREACHABLE,
    refusal.ORIGIN_LOST.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.ORIGIN_TIMEOUT.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.ORIGIN_MALFORMED.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.LOOP.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.BAD_REQUEST.code: wire.SocksReply.GENERAL_FAILURE,
    refusal.NOT_AVAILABLE.code: wire.SocksReply.COMMAND_NOT_SUPPORTED,
    refusal.WRONG_UNIT.code: wire.SocksReply.NOT_ALLOWED,
    refusal.OUTSIDE_SCHEDULE.code: wire.SocksReply.NOT_ALLOWED,
}
"""The reply for each refusal of a request (RFC 1928, section 6)."""

SPEC = ProtocolSpec(
    "socks5",
    "SOCKS5 proxy",
    1080,
    lambda gate: partial(Socks5, gate),
    REFUSALS,
    overloaded=b"\x05\xff",  # no method (RFC 1928, section 3): the only refusal before a request
)
