"""The map: what follows from the table of services."""

from graphlib import TopologicalSorter

import pytest

from tollway.contracts.events import Event
from tollway.fabric.rest.policy import policies
from tollway.topology import CALLS, EDGE, GATEWAY, SERVICES, TARGETS, call_policy, members
from tollway.topology.routers import routers

WITH_REST = [service for service in SERVICES.values() if service.paths]


def covers(prefix: str, path: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def longest(paths: list[str], path: str) -> str:
    return max((prefix for prefix in paths if covers(prefix, path)), key=len, default="")


def test_commands_go_down_the_map_and_never_in_a_circle() -> None:
    assert list(TopologicalSorter(CALLS).static_order())


def test_a_target_is_spelled_out_in_the_order_of_the_table() -> None:
    assert members(["edge", "ledger"]) == ("ledger", EDGE)
    assert members(["all"]) == (*SERVICES, GATEWAY, EDGE)
    assert set(members(["business"])) == set(TARGETS["business"])
    with pytest.raises(KeyError):
        members(["cellar"])


def test_only_who_asks_may_ask() -> None:
    policy = call_policy()
    assert "orders" in policy["ledger"]
    assert "orders" not in policy["payments"]
    assert policy["access"] == {EDGE}


def test_every_announced_event_comes_from_a_service_and_audit_hears_all_of_them() -> None:
    sources = {event.source for event in Event.by_topic.values()}
    assert sources <= set(SERVICES)
    assert sources <= set(SERVICES["audit"].subscribes)


@pytest.mark.parametrize("service", WITH_REST, ids=lambda service: service.name)
def test_a_service_serves_exactly_what_the_gateway_sends_it(service) -> None:
    everyone = [path for other in SERVICES.values() for path in other.paths]
    router = routers()[service.name]
    for _, path in policies([router]):
        assert longest(everyone, path) in service.paths, f"{path} is sent to another service"


@pytest.mark.parametrize("service", WITH_REST, ids=lambda service: service.name)
def test_what_needs_no_account_is_declared_in_both_places(service) -> None:
    router = routers()[service.name]
    for (method, path), declared in policies([router]).items():
        open_here = any(covers(prefix, path) for prefix in service.public)
        assert open_here == (declared.permission == "public"), f"{method} {path}"
        strict = method == "POST" and any(covers(prefix, path) for prefix in service.login)
        assert strict == (declared.limit == "login"), f"{method} {path}"
