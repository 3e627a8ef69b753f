"""What `tollway up` starts: which processes, on which ports, and where they find each other."""

import itertools
import json
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tollway.edge.protocol_spec import served
from tollway.edge.protocols import PROTOCOLS
from tollway.settings import Settings
from tollway.topology import EDGE, GATEWAY, SERVICES, TARGETS
from tollway.topology.wiring_edge import edge_section

PROTOCOL_PORTS_FROM = 80
# Offsets from the port base. Known neighbours keep their usual look: 8000 API, 8025 inbox, 8080 HTTP proxy.
OFFSETS = {"api": 0, "admin": 1, "payments_mock": 20, "inbox": 25, "api_https": 43, "rpc": 50}
OFFSETS.update({spec.name: PROTOCOL_PORTS_FROM + number for number, spec in enumerate(PROTOCOLS)})
SERVICE_PORTS_FROM, ADMIN_PORTS_FROM = 60, 100
# Demo origins may live in this corner of loopback, where the platform itself listens to nothing.
DEMO_RANGE = "127.77.0.0/24"
_NOT_EPHEMERAL = range(15_000, 32_000)


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running."""

    name: str
    targets: tuple[str, ...]
    worker: int = 0


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where something listens, and the setting that says so (empty: `--port-base` alone does)."""

    host: str
    port: int
    setting: str = ""

    @property
    def reached_at(self) -> str:
        """Return host:port for somebody on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  compared, not bound
        return f"[{host}]:{self.port}" if ":" in host and not host.startswith("[") else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `up` needs to know: processes, ports, and settings passed to every process."""

    data: Path
    listeners: Mapping[str, ListenAddress]
    children: tuple[Child, ...]
    environment: Mapping[str, str]
    split: bool

    @property
    def ports(self) -> dict[str, int]:
        """Return the port of each listener."""
        return {name: listener.port for name, listener in self.listeners.items()}

    @property
    def addresses(self) -> dict[str, str]:
        """Where a person or a program on this machine finds each thing."""
        at = {name: f"http://{listener.reached_at}" for name, listener in self.listeners.items()}
        https = self.listeners.get("api_https")
        return {
            "status": f"{at['admin']}/",
            "api": at["api"],
            **({"api_https": f"https://{https.reached_at}"} if https is not None else {}),
            "docs": f"{at['api']}/api/docs",
            "admin": at["admin"],
            "inbox": f"{at['inbox']}/inbox",
            "payments_mock": at["payments_mock"],
            **{
                spec.name: self.listeners[spec.name].reached_at
                for spec in PROTOCOLS
                if spec.name in self.listeners
            },
        }


def make_plan(
    settings: Settings, origins: Mapping[str, str], port_base: int, workers: int, *, split: bool
) -> Plan:
    """Lay out the processes. What the operator configured explicitly is left as it is."""
    development = [name for name, service in SERVICES.items() if service.development]
    if settings.environment == "production":
        development = []
    services = [*TARGETS["business"][:-1], *development] if split else []
    edges = [Child(f"{EDGE}-{number}", (EDGE,), number) for number in range(workers)]
    # The gateway shows its own figures at its admin port; every other process has an address for that.
    others = [f"admin.{name}" for name in (*services, *(edge.name for edge in edges))]
    ports = _ports(port_base, [*OFFSETS, *(f"rpc.{service}" for service in services), *others])
    environment = _environment(settings, _settings_of(settings, ports, services, workers), origins)
    business = (
        [Child(service, (service,)) for service in services] + [Child(GATEWAY, (GATEWAY,))]
        if split
        else [Child("business", ("business", *development))]
    )
    listeners = _listeners(settings, ports, origins)
    return Plan(settings.data, listeners, (*business, *edges), environment, split)


def _listeners(
    settings: Settings, ports: Mapping[str, int], origins: Mapping[str, str]
) -> dict[str, ListenAddress]:
    """Name where everything listens: on the planned ports, except where the operator's settings say otherwise."""
    gateway, edge, network = settings.gateway, edge_section(settings), settings.network
    found = {name: ListenAddress("127.0.0.1", port) for name, port in ports.items()}

    def place(name: str, host: str, setting: str, port: int) -> None:
        found[name] = ListenAddress(host, port if setting in origins else ports[name], setting)

    place("api", gateway.host, "gateway.port", gateway.port)
    place("admin", gateway.admin_host, "gateway.admin_port", gateway.admin_port)
    if gateway.tls_cert:
        place("api_https", gateway.host, "gateway.tls_port", gateway.tls_port)
    else:
        del found["api_https"]
    for name, setting, address in (
        ("inbox", "network.inbox", network.inbox),
        ("payments_mock", "network.payments_mock", network.payments_mock),
    ):
        if setting in origins:
            host, _, port = address.rpartition(":")
            found[name] = ListenAddress(host, int(port), setting)
    for spec in PROTOCOLS:
        if spec not in served(edge, PROTOCOLS):
            del found[spec.name]
            continue
        chosen = edge.listeners.get(spec.name)
        host = (chosen.host if chosen else "") or edge.host
        port = chosen.port if chosen and chosen.port is not None else ports[spec.name]
        found[spec.name] = ListenAddress(host, port, f"edge.listeners.{spec.name}.port")
    return found


def _environment(settings: Settings, wanted: Mapping[str, Any], origins: Mapping[str, str]) -> dict[str, str]:
    """Spell out for the processes what the plan wants and the operator has not set."""
    chosen: dict[str, Any] = settings.model_dump(mode="json", exclude_unset=True)
    found: dict[str, str] = {}
    for name, value in wanted.items():
        if name in origins:
            continue
        section, _, key = name.partition(".")
        mine: Any = chosen.get(section, {}).get(key, {}) if isinstance(value, dict) else {}
        if "*" in mine:  # the operator's word for all of them
            continue
        text = value if isinstance(value, str) else json.dumps(_merged(value, mine) if mine else value)
        found[f"TOLLWAY_{name.upper().replace('.', '__')}"] = text
    return found


def _merged(wanted: Any, chosen: Any) -> Any:
    """Put what was chosen over what is wanted, key by key."""
    if not isinstance(wanted, dict) or not isinstance(chosen, dict):
        return chosen
    base, over = cast("dict[str, Any]", wanted), cast("dict[str, Any]", chosen)
    return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}


def _settings_of(
    settings: Settings, ports: Mapping[str, int], services: list[str], workers: int
) -> dict[str, Any]:
    public = (
        f"http://127.0.0.1:{settings.gateway.port if _is_set(settings, 'gateway', 'port') else ports['api']}"
    )
    run = settings.data / "run"
    wanted: dict[str, Any] = {
        "network.public_url": public,
        "network.inbox": f"127.0.0.1:{ports['inbox']}",
        "network.payments_mock": f"127.0.0.1:{ports['payments_mock']}",
        "network.admin": {
            name.removeprefix("admin."): f"127.0.0.1:{port}"
            for name, port in ports.items()
            if name.startswith("admin.")
        },
        "tokens.issuer": settings.network.public_url
        if _is_set(settings, "network", "public_url")
        else public,
        "gateway.port": str(ports["api"]),
        "gateway.tls_port": str(ports["api_https"]),
        "gateway.admin_port": str(ports["admin"]),
        "edge.listeners": {spec.name: {"port": ports[spec.name]} for spec in PROTOCOLS},
        "edge.share_ports": json.dumps(workers > 1),
    }
    if services:
        wanted["network.rpc"] = {service: f"127.0.0.1:{ports[f'rpc.{service}']}" for service in services}
        wanted["network.rest"] = {service: f"unix:{run / service}.sock" for service in services}
    else:
        wanted["network.rpc"] = {"*": f"127.0.0.1:{ports['rpc']}"}
    if settings.environment == "development":
        wanted["edge.allow_ranges"] = [DEMO_RANGE]
    return wanted


def _is_set(settings: Settings, section: str, name: str) -> bool:
    return name in getattr(settings, section).model_fields_set


def _ports(base: int, names: list[str]) -> dict[str, int]:
    if base == 0:
        return _free_ports(names)
    services, admins = itertools.count(base + SERVICE_PORTS_FROM), itertools.count(base + ADMIN_PORTS_FROM)
    return {
        name: base + OFFSETS[name]
        if name in OFFSETS
        else next(admins if name.startswith("admin.") else services)
        for name in names
    }


def _free_ports(names: list[str]) -> dict[str, int]:
    # Below the ephemeral range, so that no outgoing connection takes one before its process listens.
    taken: list[socket.socket] = []
    ports: dict[str, int] = {}
    try:
        for name in names:
            while name not in ports:
                candidate = random.choice(_NOT_EPHEMERAL)  # noqa: S311  any free port will do
                probe = socket.socket()
                try:
                    probe.bind(("127.0.0.1", candidate))
                except OSError:
                    probe.close()
                else:
                    taken.append(probe)
                    ports[name] = candidate
    finally:
        for probe in taken:
            probe.close()
    return ports
