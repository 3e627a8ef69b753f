"""Routes: one form of a path, and the longest prefix of whole segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.gateway.routes import Route, RouteTable, normal_path


def route(prefix: str, *methods: str) -> Route:
    return Route(name=f"{prefix} {methods}", prefix=prefix, upstream="h:1", methods=frozenset(methods))


def table(*routes: Route) -> RouteTable[Route]:
    return RouteTable((one, one) for one in routes)


TABLE = table(
    route("/api/orders"), route("/api/orders/quote", "POST"), route("/api"), route("/files/", "GET", "PUT")
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
        (b"/files/a/b", "/files/"),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: bytes, prefix: str):
    found = TABLE.match(path, b"POST" if path.endswith(b"quote") else b"GET")
    assert isinstance(found, Route)
    assert found.prefix == prefix


def test_what_no_prefix_covers_is_unknown_and_knows_no_method():
    assert TABLE.match(b"/", b"GET") == frozenset()
    assert TABLE.match(b"/apix", b"GET") == frozenset()


def test_a_known_path_tells_its_methods():
    assert TABLE.match(b"/files/a", b"DELETE") == {b"GET", b"PUT"}
    assert TABLE.match(b"/api/orders/quote", b"GET") == {b"POST"}


def test_a_route_for_everything():
    known = table(route("/"), route("/api"))
    assert known.match(b"/anything/else", b"GET") == route("/")
    assert known.match(b"/", b"GET") == route("/")
    assert known.match(b"/api/x", b"GET") == route("/api")


def test_two_routes_cannot_claim_the_same_requests():
    with pytest.raises(AssertionError, match="claims the same"):
        table(route("/a", "GET"), route("/a"))


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (b"/", b"/"),
        (b"/a/b", b"/a/b"),
        (b"/a/", b"/a/"),
        (b"//a", b"/a"),
        (b"/a//b///c", b"/a/b/c"),
        (b"/a/./b", b"/a/b"),
        (b"/a/.", b"/a/"),
        (b"/a/b/../c", b"/a/c"),
        (b"/a/b/..", b"/a/"),
        (b"/%61pi/x", b"/api/x"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%20b", b"/a%20b"),
        (b"/a%c3%a4", b"/a%C3%A4"),
        (b"/a;x=1", b"/a;x=1"),
        (b"/a;x=1/b;y", b"/a;x=1/b;y"),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/...;x", b"/...;x"),
        (b"/a/%252e%252e/b", b"/a/%252e%252e/b"),
        (b"/a/..;/b", None),
        (b"/a/..;x=1/b", None),
        (b"/a/.;/b", None),
        (b"/a/%2e%2e;/b", None),
        (b"/a/..%3b/b", b"/a/..%3B/b"),
        (b"/..", None),
        (b"/a/../../b", None),
        (b"/a%2fb", None),
        (b"/a%5Cb", None),
        (b"/a\\b", None),
        (b"/a%00", None),
        (b"/a%0d%0ab", None),
        (b"/a%7f", None),
        (b"/a%", None),
        (b"/a%4", None),
        (b"/a%zz", None),
        (b"a", None),
    ],
)
def test_a_path_has_one_form_or_none(path: bytes, normal: bytes | None):
    assert normal_path(path) == normal


PIECES = st.sampled_from(
    [b"/", b".", b"..", b"a", b"B", b"%2e", b"%61", b"%20", b"%2f", b"%", b"\\", b"~", b"//"]
)


@given(st.lists(PIECES, max_size=12))
def test_the_form_is_final_and_hides_nothing(pieces: list[bytes]):
    normal = normal_path(b"/" + b"".join(pieces))
    if normal is not None:
        assert normal_path(normal) == normal
        assert not {b".", b".."} & set(normal.split(b"/"))
        assert b"//" not in normal
        assert b"%2f" not in normal.lower()
        assert b"%61" not in normal
