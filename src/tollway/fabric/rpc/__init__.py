"""Service APIs: how a service calls its neighbours, and nothing in the service shows how far away they are.

A service API is a gRPC service defined in `contracts/<service>.proto`. A service receives its neighbours as generated
stubs and serves its own service API by a generated servicer. There are two transports with one behaviour:

    LocalServer · LocalChannel     within a process: a direct await, about ten microseconds, no bytes made
    RpcServer · RemoteChannel      between processes: gRPC with mutual TLS, below a millisecond; in `rpc.server` and
                                   `rpc.remote`, so that one process alone does not load them. Calls with one answer
                                   that begin at the same time share a message (`rpc.call_stream`)

On both:
- Every call has a deadline: `timeout=` seconds at the call (5 unless given), never later than the deadline of
  the call being served. When it passes, the far side is cancelled and `DeadlineExceeded` raised. A stream has
  none of its own, only the caller's.
- `current()` gives the servicer who calls, for which user, under which correlation id and trace. `acting(...)`
  sets these where work enters the platform (a request, a job, an event).
- A refusal is a `Problem` and arrives as the same class. Anything else that is raised is logged where it
  happened and arrives as `Internal`, without its text.
- A neighbour that cannot be reached raises `Unavailable`. A call is repeated only if it had not left yet;
  whether to call again after that is for the calling service, as methods are idempotent by their keys.
- The policy says which service may call which method of which service API; others get `Forbidden`.
- For whom a call is made is proved: the access token of a request travels with the calls that follow from it, the
  service that is called checks it and finds the person in `current().principal`. Work without a request (a job, an
  event) acts as the service itself (`acting`).
- No call may be made while a write transaction is open in the same task.
- Calls are counted and timed; `channel.faults` plans failures for tests.

The servicer's `context` argument is None in process and must not be used.
"""

from tollway.fabric.rpc.call import DEFAULT_TIMEOUT_S, Call, call_context, current
from tollway.fabric.rpc.channel import Channel, ResponseStream
from tollway.fabric.rpc.faults import Faults
from tollway.fabric.rpc.local import LocalChannel, LocalServer
from tollway.fabric.rpc.policy import Policy

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "Call",
    "Channel",
    "Faults",
    "LocalChannel",
    "LocalServer",
    "Policy",
    "ResponseStream",
    "call_context",
    "current",
]
