"""What `tollway up` starts: which processes, on which ports, and where they find each other."""

import itertools
import json
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tollway.edge.protocols import PROTOCOLS
from tollway.settings import Settings
from tollway.topology import EDGE, GATEWAY, SERVICES, TARGETS

PROTOCOL_PORTS_FROM = 80
# Offsets from the port base. Known neighbours keep their usual look: 8000 API, 8025 inbox, 8080 HTTP proxy.
OFFSETS = {"api": 0, "admin": 1, "payments_mock": 20, "inbox": 25, "rpc": 50}
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
class Plan:
    """Everything `up` needs to know: processes, ports, and settings passed to every process."""

    data: Path
    ports: Mapping[str, int]
    children: tuple[Child, ...]
    environment: Mapping[str, str]

    @property
    def addresses(self) -> dict[str, str]:
        """Where a person or a program finds each thing."""
        at = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        return {
            "status": f"{at['admin']}/",
            "api": at["api"],
            "docs": f"{at['api']}/api/docs",
            "admin": at["admin"],
            "inbox": f"{at['inbox']}/inbox",
            "payments_mock": at["payments_mock"],
            **{spec.name: f"127.0.0.1:{self.ports[spec.name]}" for spec in PROTOCOLS},
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
    wanted = _settings_of(settings, ports, services, workers)
    environment = {
        f"TOLLWAY_{name.upper().replace('.', '__')}": value if isinstance(value, str) else json.dumps(value)
        for name, value in wanted.items()
        if not any(known == name or known.startswith(f"{name}.") for known in origins)
    }
    business = (
        [Child(service, (service,)) for service in services] + [Child(GATEWAY, (GATEWAY,))]
        if split
        else [Child("business", ("business", *development))]
    )
    return Plan(settings.data, ports, (*business, *edges), environment)


def _settings_of(
    settings: Settings, ports: Mapping[str, int], services: list[str], workers: int
) -> dict[str, Any]:
    public = f"http://127.0.0.1:{ports['api']}"
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
        "tokens.issuer": public,
        "gateway.port": str(ports["api"]),
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
