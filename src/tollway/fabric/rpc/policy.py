"""Which service may call which method of which API. Topology derives it; both transports hold callers to it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tollway.kit.errors import Forbidden

# API → method → callers.
Policy = Mapping[str, Mapping[str, Collection[str]]]
Rule = Callable[[Any, str], None]
"""What a caller who may call a method may send: called with the request and the caller, it raises Forbidden."""
Rules = Mapping[str, Mapping[str, Rule]]
"""API → method → rule. A method without a rule takes what its callers send."""


def service_of(path: str) -> tuple[str, str]:
    """Split `/tollway.ledger.v1.Ledger/Post` into the service API `ledger` and the method `Post`."""
    service, _, method = path.lstrip("/").partition("/")
    parts = service.split(".")
    return (parts[1] if len(parts) > 2 else service), method


def check(policy: Policy | None, api: str, method: str, caller: str) -> None:
    """Admit `caller` to a method or raise Forbidden. No policy admits everybody; what it omits is for nobody."""
    if policy is not None and caller not in policy.get(api, {}).get(method, ()):
        raise Forbidden(f"{caller or 'an unnamed caller'} may not call {api}.{method}")
