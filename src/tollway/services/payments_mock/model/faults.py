"""Planned failures, so that a customer of the API can be tested against a bad day.

A fault strikes requests or webhooks. It is planned for the request in hand by the header
`Mock-Fault: timeout; delay=2, webhook_duplicate`, or for requests to come through `POST /mock/faults`.
"""

from dataclasses import dataclass

from tollway.services.payments_mock.model.refusals import Refused

MAX_DELAY_S = 120.0

# What each fault does, and how long it waits unless the request says otherwise (seconds).
REQUEST_FAULTS = {
    "delay": 1.0,  # the request waits before it is carried out
    "timeout": 30.0,  # it is carried out, and then the answer waits
    "rate_limit": 0.0,  # 429, not carried out
    "server_error": 0.0,  # 500, not carried out
}
WEBHOOK_FAULTS = {
    "webhook_delay": 2.0,  # deliveries begin later
    "webhook_reorder": 2.0,  # the same, seen from the events after it: they overtake
    "webhook_duplicate": 0.0,  # each delivery is made twice
    "webhook_drop": 0.0,  # no delivery at all
}
DEFAULT_DELAYS_S = {**REQUEST_FAULTS, **WEBHOOK_FAULTS}


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One planned failure. `match` limits it: a path's beginning, or an event type for webhook faults."""

    kind: str
    delay_s: float
    match: str = ""

    def strikes(self, what: str) -> bool:
        """Return whether the fault is meant for this path or event type."""
        return what.startswith(self.match)


def plan(kind: str, delay_s: float | None = None, match: str = "") -> InjectedFault:
    """Make a fault. Raises Refused for a kind that there isn't, or a delay out of range."""
    if kind not in DEFAULT_DELAYS_S:
        raise Refused(
            400, f"No such fault: {kind[:40]}; there are {', '.join(DEFAULT_DELAYS_S)}", param="fault"
        )
    wait_s = DEFAULT_DELAYS_S[kind] if delay_s is None else delay_s
    if not 0 <= wait_s <= MAX_DELAY_S:
        raise Refused(400, f"delay must be between 0 and {MAX_DELAY_S:.0f} seconds", param="delay")
    return InjectedFault(kind, wait_s, match)


def from_header(header: str) -> list[InjectedFault]:
    """Read a `Mock-Fault` header. Raises Refused when it can't be read."""
    faults: list[InjectedFault] = []
    for item in filter(None, (part.strip() for part in header.split(","))):
        kind, _, option = (piece.strip() for piece in item.partition(";"))
        delay_s = None
        if option:
            try:
                delay_s = float(option.removeprefix("delay="))
            except ValueError as error:
                raise Refused(400, f"Mock-Fault: {option[:40]!r} is not delay=SECONDS") from error
        faults.append(plan(kind, delay_s))
    return faults
