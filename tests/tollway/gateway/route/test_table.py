"""The table: the most literal path goes first, a wrong method is told the right ones, nothing is taken twice."""

from typing import Any

import pytest

from tollway.fabric.limits.memory import MemoryLimits
from tollway.gateway.observe.metrics import Metrics
from tollway.gateway.policy.limits import RateLimit
from tollway.gateway.route.route import Route
from tollway.gateway.route.table import CompiledRoute, InvalidRoutes, RoutingTable, compile_table
from tollway.gateway.settings import DEFAULT_LIMITS
from tollway.gateway.upstream.endpoint import Endpoints


def route(path: str, *methods: str, **fields: Any) -> Route:
    fields = {"name": f"{path} {methods} {fields}", "endpoints": ("h:1",), **fields}
    where = "path" if path.startswith("=") else "prefix"
    return Route.model_validate({where: path.removeprefix("="), "methods": methods, **fields})


def table(*routes: Route) -> RoutingTable:
    limits = {name: RateLimit(name, one, MemoryLimits()) for name, one in DEFAULT_LIMITS.items()}
    metrics = Metrics()
    return compile_table(routes, limits, Endpoints(1, 1.0, metrics).get, metrics)


def match(
    known: RoutingTable, path: bytes, method: bytes = b"GET", host: bytes = b"any", **headers: str
) -> str:
    sent = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    found = known.match(host, path, method, sent)
    if isinstance(found, CompiledRoute):
        return found.route.path or found.route.prefix
    return b" ".join(sorted(found)).decode()


PREFIXES = table(
    route("/api/orders"), route("/api/orders/quote", "POST"), route("/api"), route("/files", "GET", "PUT")
)


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        (b"/api/orders", "/api/orders"),
        (b"/api/orders/", "/api/orders"),
        (b"/api/orders/ord_1/lines/2", "/api/orders"),
        (b"/api/orders/quote", "/api/orders/quote"),
        (b"/api/ordersx", "/api"),
        (b"/api", "/api"),
        (b"/files/a/b", "/files"),
        (b"/", ""),
        (b"/apix", ""),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: bytes, prefix: str):
    assert match(PREFIXES, path, b"POST" if path.endswith(b"quote") else b"GET") == prefix


TEMPLATES = table(
    route("=/api/orders", "GET", "POST"),
    route("=/api/orders/quote", "POST"),
    route("=/api/orders/{order_id}", "GET", "DELETE"),
    route("=/api/orders/{order_id}/lines/{line}", "GET"),
    route("=/api/files/{rest:path}", "GET"),
    route("=/", "GET"),
)


@pytest.mark.parametrize(
    ("path", "method", "found"),
    [
        (b"/", b"GET", "/"),
        (b"/api/orders", b"POST", "/api/orders"),
        (b"/api/orders/", b"GET", ""),
        (b"/api/orders/ord_1", b"DELETE", "/api/orders/{order_id}"),
        (b"/api/orders/ord_1", b"POST", "DELETE GET"),
        (b"/api/orders/quote", b"POST", "/api/orders/quote"),
        (b"/api/orders/quote", b"GET", "POST"),  # a literal path is no order's
        (b"/api/orders/quote/lines/3", b"GET", "/api/orders/{order_id}/lines/{line}"),
        (b"/api/orders/ord_1/lines", b"GET", ""),
        (b"/api/orders/ord_1/lines/1/2", b"GET", ""),
        (b"/api/files/a/b/c", b"GET", "/api/files/{rest:path}"),
        (b"/api/files/", b"GET", "/api/files/{rest:path}"),
        (b"/api/files", b"GET", ""),
        (b"/other", b"GET", ""),
    ],
)
def test_a_template_takes_whole_segments(path: bytes, method: bytes, found: str):
    assert match(TEMPLATES, path, method) == found


def test_a_route_for_everything():
    known = table(route("/"), route("/api"))
    assert [match(known, path) for path in (b"/anything/else", b"/", b"/api/x")] == ["/", "/", "/api"]


def test_a_host_has_routes_of_its_own_and_else_those_of_any_host():
    known = table(
        route("/"), route("/shop", hosts=("shop.test",)), route("/only", "POST", hosts=("shop.test",))
    )
    assert match(known, b"/shop/x", host=b"SHOP.test:8000") == "/shop"
    assert match(known, b"/shop/x", host=b"other.test") == "/"
    assert match(known, b"/x", host=b"shop.test") == "/"
    alone = table(route("/only", "POST", hosts=("shop.test",)))
    assert match(alone, b"/only", host=b"shop.test") == "POST"
    assert match(alone, b"/only", host=b"other.test") == ""


def test_header_conditions_choose_among_routes_of_one_path():
    known = table(
        route("/a", name="plain"),
        route("/a", name="beta", headers={"X-Beta": "1"}),
        route("/b", headers={"X-Beta": "1"}),
    )

    def name(**headers: str) -> str:
        sent = tuple((key.replace("_", "-").encode(), value.encode()) for key, value in headers.items())
        found = known.match(b"any", b"/a", b"GET", sent)
        assert isinstance(found, CompiledRoute)
        return found.name

    assert [name(x_beta="1"), name(x_beta="2"), name()] == ["beta", "plain", "plain"]
    assert [match(known, b"/b", x_beta="1"), match(known, b"/b")] == ["/b", ""]


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([route("/a", "GET"), route("/a")], "takes the same requests as"),
        ([route("=/a/{x}", "GET"), route("=/a/{y}", "GET")], "takes the same requests as"),
        ([route("/a", name="x"), route("/b", name="x")], "two routes are called 'x'"),
        (
            [route("/a", name="x", limit="rare")],
            r"route 'x': limit: no class 'rare'; known are default, login, verification, webhooks, none",
        ),
        (
            [route("/a", cluster="c"), route("/b", cluster="c", endpoints=("h:2",))],
            "cluster 'c' has other endpoints elsewhere",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(routes: list[Route], message: str):
    with pytest.raises(InvalidRoutes, match=message):
        table(*routes)
