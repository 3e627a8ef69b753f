"""Which service may ask which service API. Topology draws the map; both transports hold callers to it."""

from collections.abc import Collection, Mapping

from tollway.kit.errors import Forbidden

Policy = Mapping[str, Collection[str]]


def service_of(path: str) -> tuple[str, str]:
    """Split `/tollway.ledger.v1.Ledger/Post` into the service API `ledger` and the method `Post`."""
    service, _, method = path.lstrip("/").partition("/")
    parts = service.split(".")
    return (parts[1] if len(parts) > 2 else service), method


def check(policy: Policy | None, api: str, caller: str) -> None:
    """Admit `caller` to an API or raise Forbidden. No policy admits everybody; an API it omits, nobody."""
    if policy is not None and caller not in policy.get(api, ()):
        raise Forbidden(f"{caller or 'an unnamed caller'} may not ask {api}")
