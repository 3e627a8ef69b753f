"""What `tollway up` lays out: processes, ports, and what each is told."""

import json
from pathlib import Path

import pytest

from tollway.cli.plan import DEMO_RANGE, OFFSETS, make_plan
from tollway.settings import load
from tollway.topology import EDGE, GATEWAY, ROOMS


def test_one_machine_is_a_business_and_its_edges(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 2, split=False)
    assert [child.name for child in plan.children] == ["business", "edge-0", "edge-1"]
    assert plan.ports == {name: 9000 + offset for name, offset in OFFSETS.items()}
    assert plan.environment["TOLLWAY_EDGE__SHARE_PORTS"] == "true"
    assert json.loads(plan.environment["TOLLWAY_NETWORK__RPC"]) == {"*": "127.0.0.1:9050"}


def test_split_is_a_process_for_each_room_with_an_address_of_its_own(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=True)
    assert [child.name for child in plan.children] == [*ROOMS, GATEWAY, f"{EDGE}-0"]
    rpc = json.loads(plan.environment["TOLLWAY_NETWORK__RPC"])
    assert set(rpc) == set(ROOMS)
    assert len(set(rpc.values())) == len(ROOMS)
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
    loaded = load({"data": str(tmp_path), "environment": environment})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    told = plan.environment.get("TOLLWAY_EDGE__ALLOW_RANGES")
    assert (json.loads(told) if told else None) == open_to


def test_what_the_operator_set_is_left_alone(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)}, {"TOLLWAY_NETWORK__PUBLIC_URL": "https://access.example"})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    assert "TOLLWAY_NETWORK__PUBLIC_URL" not in plan.environment
