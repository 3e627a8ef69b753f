"""Clusters: which endpoint is asked next, and how much may be retried."""

from tollway.gateway.observe.metrics import Metrics
from tollway.gateway.upstream.balance import Balancer
from tollway.gateway.upstream.cluster import Cluster
from tollway.gateway.upstream.endpoint import Endpoint, Endpoints

ROUTE = "r"
ADDRESSES = ("h:1", "h:2", "h:3")


def cluster(balancer: Balancer = "round_robin", addresses: tuple[str, ...] = ADDRESSES) -> Cluster:
    endpoints = Endpoints(10, 30.0, Metrics())
    return Cluster("c", tuple(endpoints.get("c", address) for address in addresses), balancer)


def picks(cluster: Cluster, count: int) -> list[str]:
    found = [cluster.pick(ROUTE, 0.0) for _ in range(count)]
    return [one.address for one in found if one is not None]


def open_breaker(endpoint: Endpoint) -> None:
    for number in range(5):
        endpoint.breaker.failed(number / 100, number / 100)


def test_round_robin_asks_each_in_turn():
    assert picks(cluster(), 6) == ["h:1", "h:2", "h:3", "h:1", "h:2", "h:3"]


def test_least_requests_asks_the_least_busy_and_takes_turns_among_equals():
    busy = cluster("least_requests")
    assert set(picks(busy, 3)) == set(ADDRESSES)
    busy.endpoints[0].active, busy.endpoints[1].active, busy.endpoints[2].active = 3, 1, 2
    assert picks(busy, 3) == ["h:2"] * 3


def test_an_open_breaker_takes_an_endpoint_out_and_a_probe_brings_it_back():
    sick = cluster()
    open_breaker(sick.endpoints[0])
    assert "h:1" not in picks(sick, 6)
    found = {one.address for _ in range(3) if (one := sick.pick(ROUTE, 1.5)) is not None}
    assert "h:1" in found
    sick.endpoints[0].breaker.succeeded()
    assert "h:1" in picks(sick, 3)


def test_what_failed_for_a_request_is_not_asked_again_for_it():
    three = cluster()
    first, second, third = three.endpoints
    assert three.pick(ROUTE, 0.0, [first, third]) is second
    assert three.pick(ROUTE, 0.0, [first, second, third]) is None


def test_retries_are_a_share_of_the_requests():
    one = cluster()
    assert sum(one.may_retry() for _ in range(20)) == 10
    for _ in range(5):
        one.count_request()
    assert [one.may_retry(), one.may_retry()] == [True, False]


def test_connections_are_kept_by_address_and_health_by_cluster():
    endpoints = Endpoints(10, 30.0, Metrics())
    orders, users = endpoints.get("orders", "h:1"), endpoints.get("users", "h:1")
    assert orders.pool is users.pool
    open_breaker(orders)
    assert users.breaker.allows(0.0)
    assert endpoints.get("orders", "h:1") is orders
    endpoints.retain([users])
    assert endpoints.get("orders", "h:1").pool is users.pool
    assert not endpoints.get("orders", "h:1").breaker.is_open


def test_each_route_has_a_health_of_its_own():
    one = cluster(addresses=("h:1",))
    (endpoint,) = one.endpoints
    for number in range(5):
        endpoint.routes["slow"].breaker.failed(number, number)
    assert one.pick("slow", 4.5) is None
    assert one.pick("quick", 4.5) is endpoint
    assert endpoint.is_open
