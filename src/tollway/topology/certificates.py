"""Which certificates a process needs: one to serve its APIs, one for each member that calls another process."""

from collections.abc import Mapping, Sequence

from tollway.settings import Settings
from tollway.topology import CALLS, OPERATOR, SERVICES, calls_of


def server_name(members: Sequence[str]) -> str:
    """Name whose certificate a process shows to callers."""
    return members[0] if len(members) == 1 else "business"


def api_address(settings: Settings, members: Sequence[str], service: str) -> str:
    """Say where a service of this process serves its API to others; empty when nobody else is to reach it."""
    known = settings.network.rpc
    if address := known.get(service, known.get("*", "")):
        return address
    return socket_address(settings, service) if _is_called_from_elsewhere(members, service) else ""


def socket_address(settings: Settings, service: str) -> str:
    """Say where processes with one data folder find a service's API when no address is set."""
    return f"unix:{settings.data / 'run' / service}.rpc"


def certificates_of(settings: Settings, members: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Map the certificates that a process of these members needs to the names that each must be good for."""
    hosts = settings.network.hosts
    services = [name for name in members if name in SERVICES]
    wanted: dict[str, tuple[str, ...]] = {
        name: (*hosts, name) for name in members if _calls_elsewhere(name, services)
    }
    if any(api_address(settings, members, name) for name in services):
        wanted[server_name(members)] = (*hosts, *services)
    return dict(sorted(wanted.items()))


def _calls_elsewhere(name: str, services: Sequence[str]) -> bool:
    sources = SERVICES[name].sources if name in SERVICES else ()
    return any(api not in services for api in (*calls_of(name), *sources))


def _is_called_from_elsewhere(members: Sequence[str], service: str) -> bool:
    others = [name for name in CALLS if name not in members and not _is_optional(name)]
    return any(
        service in calls_of(name) or (name in SERVICES and service in SERVICES[name].sources)
        for name in others
    )


def _is_optional(name: str) -> bool:
    return name == OPERATOR or (name in SERVICES and SERVICES[name].development)
