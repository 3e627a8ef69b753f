"""Who calls, on whose behalf, under which correlation id, and until when: the context of a call.

It travels with every call through a service API, in process or over the network, and is read with `current()`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from tollway.fabric import telemetry
from tollway.kit.ids import new_id

if TYPE_CHECKING:
    from tollway.fabric.access_tokens import Principal

DEFAULT_TIMEOUT_S = 5.0


class Call(NamedTuple):
    """The circumstances of the work in hand.

    `caller_service` is the calling service (proved by its certificate when it is another process). `user_id` is the
    person it acts for, or the service that began the work when no person did; `action` is the audit tag of the route
    that it began with (`access:resource:stop`). After `deadline`, a moment of `time.monotonic()`, nobody waits for the
    answer any more (None: no limit).

    `token` is the access token of the person it acts for; it travels with every call that follows. `principal` is what
    a service read out of it after it had checked it: who has a principal is proved, who has only a `user_id` is named.
    """

    caller_service: str = ""
    user_id: str = ""
    correlation_id: str = ""
    traceparent: str = ""
    deadline: float | None = None
    action: str = ""
    token: str = ""
    principal: "Principal | None" = None

    def __repr__(self) -> str:
        """Show everything but the token, which is good for whoever reads it."""
        shown = self._replace(token="…" * bool(self.token))
        return f"Call{tuple(shown)}"

    def left_s(self) -> float | None:
        """Return the seconds left until the deadline (negative when it has passed), or None without one."""
        return None if self.deadline is None else self.deadline - monotonic()


_NOBODY = Call()
_current: ContextVar[Call] = ContextVar("call", default=_NOBODY)


def current() -> Call:
    """Return the call being served; empty fields outside of one."""
    return _current.get()


@contextmanager
def call_context(
    *,
    user_id: str | None = None,
    correlation_id: str | None = None,
    traceparent: str | None = None,
    timeout_s: float | None = None,
    action: str | None = None,
    token: str = "",
    principal: "Principal | None" = None,
) -> Generator[Call]:
    """Work inside the block on behalf of somebody; what is not given stays as it is.

    Whoever names a `user_id` says with whose `token`; without one nobody's goes with the calls made inside.
    `timeout_s` may shorten the deadline in force, never lengthen it.
    """
    here = _current.get()
    call = Call(
        here.caller_service,
        here.user_id if user_id is None else user_id,
        telemetry.correlation_id.get() if correlation_id is None else correlation_id,
        telemetry.traceparent.get() if traceparent is None else traceparent,
        _sooner(here.deadline, timeout_s),
        here.action if action is None else action,
        here.token if user_id is None else token,
        here.principal if user_id is None else principal,
    )
    tokens = enter(call)
    try:
        yield call
    finally:
        leave(tokens)


def outgoing(caller: str, timeout_s: float | None) -> Call:
    """Make the context in which `caller` calls a neighbour: what is current, the deadline moved closer."""
    here = _current.get()
    return Call(
        caller,
        here.user_id,
        telemetry.correlation_id.get() or new_id("cor"),
        telemetry.traceparent.get(),
        _sooner(here.deadline, timeout_s),
        here.action,
        here.token,
    )


Tokens = tuple[Token[Call], Token[str], Token[str]]


def enter(call: Call) -> Tokens:
    """Make `call` the current one in this task; events and log lines carry its correlation id."""
    return (
        _current.set(call),
        telemetry.correlation_id.set(call.correlation_id),
        telemetry.traceparent.set(call.traceparent),
    )


def replace(call: Call) -> None:
    """Put `call` in the place of the one that was entered; what `leave` restores stays."""
    _current.set(call)


def leave(tokens: Tokens) -> None:
    """Restore what was current before `enter`."""
    _current.reset(tokens[0])
    telemetry.correlation_id.reset(tokens[1])
    telemetry.traceparent.reset(tokens[2])


def _sooner(deadline: float | None, timeout_s: float | None) -> float | None:
    if timeout_s is None:
        return deadline
    wanted = monotonic() + timeout_s
    return wanted if deadline is None or wanted < deadline else deadline
