"""The map: what follows from the table of services."""

import ast
import json
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tollway
from tollway.contracts.events import Event
from tollway.fabric.rest.policy import TABLE, policies
from tollway.topology import (
    CALLS,
    EDGE,
    GATEWAY,
    OPERATOR,
    SERVICES,
    TARGETS,
    call_policy,
    members,
    subscribers_of,
)
from tollway.topology.routers import routers

WITH_REST = [service for service in SERVICES.values() if service.rest]


SOURCE = Path(tollway.__file__).parent


def called_in(*folders: Path) -> set[str]:
    """Name every method that is called on something in the Python files of these folders."""
    return {
        node.func.attr
        for folder in folders
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def test_commands_go_down_the_map_and_never_in_a_circle() -> None:
    assert list(TopologicalSorter(CALLS).static_order())


def test_a_target_is_spelled_out_in_the_order_of_the_table() -> None:
    assert members(["edge", "ledger"]) == ("ledger", EDGE)
    assert members(["all"]) == (*(name for name in SERVICES if name != "payments_mock"), GATEWAY, EDGE)
    assert members(["business", "payments_mock"]) == (*SERVICES, GATEWAY)
    assert set(members(["business"])) == set(TARGETS["business"])
    with pytest.raises(KeyError):
        members(["cellar"])


def test_a_method_is_open_to_its_declared_callers_only() -> None:
    policy = call_policy()
    assert "orders" in policy["ledger"]["Post"]
    assert "orders" not in policy["ledger"]["Reverse"]
    assert policy["tokens"]["OpenSession"] == {"identity"}
    assert policy["identity"]["EnsureOperator"] == {OPERATOR}
    assert set(policy["access"]["Lease"]) == {EDGE}
    assert policy["events"]["Read"] == set(SERVICES) - {"catalog", "identity", "payments_mock"}


@pytest.mark.parametrize(
    ("caller", "api", "method"),
    [(caller, api, method) for caller in CALLS for api in CALLS[caller] for method in CALLS[caller][api]],
)
def test_every_grant_is_used(caller: str, api: str, method: str) -> None:
    """A declared call that nobody makes any more would be a right without a use."""
    assert method in SERVICES[api].methods, f"{api} has no method {method}"
    # What the gateway and the operator ask for is partly asked by the topology, which wires them.
    folders = [SOURCE / "services" / caller] if caller in SERVICES else [SOURCE / caller, SOURCE / "topology"]
    assert method in called_in(*folders), f"{caller} never calls {api}.{method}"


def test_every_published_event_comes_from_a_service_and_audit_reads_all_of_them() -> None:
    sources = {event.source for event in Event.by_topic.values()}
    assert sources <= set(SERVICES)
    assert sources == set(SERVICES["audit"].sources)
    assert all("audit" in subscribers_of(source) for source in sources)


def test_the_gateway_sends_every_route_of_a_service_to_it() -> None:
    """The table that the gateway reads has what the services declare, and nothing else."""
    declared = {
        (name, method, path)
        for name in (*(service.name for service in WITH_REST), GATEWAY)
        for method, path in policies([routers()[name]])
    }
    found = {
        (route["service"], method, route["path"])
        for route in json.loads(TABLE.read_text())["routes"]
        for method in route["methods"]
    }
    own_pages = {"/api/docs", "/api/openapi.json", "/problems", "/problems/{code}"}
    heads = {(service, "HEAD", path) for service, method, path in declared if method == "GET"}
    assert declared <= found
    assert {path for _, _, path in found - declared - heads} <= own_pages
