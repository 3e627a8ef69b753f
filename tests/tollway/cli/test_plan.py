"""What `tollway up` lays out: processes, ports, and what each is told."""

import json
from pathlib import Path

import pytest

from tollway.cli.plan import DEMO_RANGE, OFFSETS, make_plan
from tollway.edge.guard import Guard
from tollway.edge.protocol_spec import advertised_address, listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.settings import load, warnings
from tollway.topology import EDGE, GATEWAY, SERVICES
from tollway.topology.wiring_edge import advertised, own_services


def test_one_machine_is_a_business_and_its_edges(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 2, split=False)
    assert [child.name for child in plan.children] == ["business", "edge-0", "edge-1"]
    edges = {"admin.edge-0": 9100, "admin.edge-1": 9101}
    assert plan.ports == {
        **{name: 9000 + offset for name, offset in OFFSETS.items() if name != "api_https"},
        **edges,
    }
    assert json.loads(plan.environment["TOLLWAY_NETWORK__ADMIN"]) == {
        "edge-0": "127.0.0.1:9100",
        "edge-1": "127.0.0.1:9101",
    }
    assert plan.environment["TOLLWAY_EDGE__SHARE_PORTS"] == "true"
    assert json.loads(plan.environment["TOLLWAY_NETWORK__RPC"]) == {"*": "127.0.0.1:9050"}


def test_split_is_a_process_for_each_service_with_an_address_of_its_own(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=True)
    assert [child.name for child in plan.children] == [*SERVICES, GATEWAY, f"{EDGE}-0"]
    rpc = json.loads(plan.environment["TOLLWAY_NETWORK__RPC"])
    assert set(rpc) == set(SERVICES)
    assert len(set(rpc.values())) == len(SERVICES)
    assert len(set(plan.ports.values())) == len(plan.ports)


def test_port_base_zero_takes_free_ports_that_differ(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 0, 1, split=True)
    assert len(set(plan.ports.values())) == len(plan.ports)
    assert all(1024 < port < 32_768 for port in plan.ports.values())


@pytest.mark.parametrize(("environment", "open_to"), [("development", [DEMO_RANGE]), ("production", None)])
def test_only_a_development_platform_lets_the_demo_reach_loopback(
    tmp_path: Path, environment: str, open_to: list[str] | None
) -> None:
    stripe = {
        "TOLLWAY_PAYMENTS__ENABLED": '["stripe"]',
        "TOLLWAY_PAYMENTS__PROVIDERS__STRIPE__API_KEY": "sk_live_x",
    }
    loaded = load({"data": str(tmp_path), "environment": environment}, stripe)
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    assert ("payments_mock" in plan.children[0].targets) == (environment == "development")
    told = plan.environment.get("TOLLWAY_EDGE__ALLOW_RANGES")
    assert (json.loads(told) if told else None) == open_to


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("operators", [[], ["192.0.2.7:9"]])
def test_every_port_of_the_platform_is_out_of_the_proxies_reach(
    tmp_path: Path, split: bool, operators: list[str]
) -> None:
    """In each shape the edge learns of all processes, also when the operator has a list of their own."""
    given = {
        "TOLLWAY_EDGE__DENIED_SERVICES": json.dumps(operators),
        "TOLLWAY_DATABASE__URL": "postgresql://tollway:secret@db.internal/tollway",
        "TOLLWAY_DATABASE__SERVICES": json.dumps({"ledger": "postgresql://u@10.0.0.5:6432,[fd00::5]/ledger"}),
        "TOLLWAY_NETWORK__REDIS": "redis://10.0.0.6",
    }
    loaded = load({"data": str(tmp_path)}, given if operators else {})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 2, split=split)
    told = load({"data": str(tmp_path)}, {**(given if operators else {}), **plan.environment}).settings
    denied = own_services(told)
    assert {f"127.0.0.1:{port}" for name, port in plan.ports.items() if not split or name != "rpc"} <= {
        *denied
    }
    if operators:
        assert {"db.internal:5432", "10.0.0.5:6432", "fd00::5:5432", "10.0.0.6:6379"} <= {*denied}
    guard = Guard(["0.0.0.0/0"], denied)
    assert all(guard.denies("127.0.0.1", port) for name, port in plan.ports.items() if name != "rpc")


def test_a_platform_that_listens_everywhere_is_denied_everywhere(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)}, {"TOLLWAY_GATEWAY__ADMIN_HOST": "0.0.0.0"})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    told = load({"data": str(tmp_path)}, {"TOLLWAY_GATEWAY__ADMIN_HOST": "0.0.0.0", **plan.environment})
    guard = Guard(["0.0.0.0/0"], own_services(told.settings))
    assert guard.denies("127.8.8.8", plan.ports["admin"])
    assert not guard.denies("127.8.8.8", plan.ports["inbox"])


def test_what_the_operator_set_is_left_alone(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)}, {"TOLLWAY_NETWORK__PUBLIC_URL": "https://access.example"})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    assert "TOLLWAY_NETWORK__PUBLIC_URL" not in plan.environment


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize(
    ("advertise", "shown"), [({}, "shop.example"), ({"*": {"host": "proxy.example"}}, "proxy.example")]
)
def test_customers_never_get_an_address_that_stands_for_all(
    tmp_path: Path, host: str, advertise: dict[str, dict[str, str]], shown: str
) -> None:
    given = {
        "data": str(tmp_path),
        "edge.host": host,
        "edge.advertise": advertise,
        "network.public_url": "https://shop.example:8443",
    }
    settings = load(given).settings
    edge = settings.edge.model_copy(update={"advertise": advertised(settings)})
    for name, (listening, port) in listen_addresses(edge, PROTOCOLS).items():
        assert advertised_address(edge, name, listening, port) == (shown, port)
    assert ("edge.advertise" in " ".join(warnings(settings, split=False))) is not bool(advertise)
