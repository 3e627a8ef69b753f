"""Route files: the platform's generated table, and the operator's, with errors that name file, route and field."""

import json
from pathlib import Path

import pytest

from tollway.fabric.rest.policy import TABLE
from tollway.gateway.route.files import PAGE_POLICY, RouteFiles, platform_routes
from tollway.gateway.route.route import API_CONTENT_POLICY, Route
from tollway.gateway.route.table import InvalidRoutes
from tollway.gateway.settings import DEFAULT_LIMITS

GOOD = """
[[route]]
name = "shop"
hosts = ["shop.test"]
prefix = "/shop"
methods = ["GET", "POST"]
headers = { X-Beta = "1" }
endpoints = ["10.0.0.5:8080", "10.0.0.6:8080"]
balancer = "round_robin"
auth = "public"
limit = "none"
retries = 2
strip_prefix = true
request_headers = { add = { X-From = "gateway" }, remove = ["X-Debug"] }

[[route]]
name = "feed"
path = "/feed/{channel}"
endpoints = ["unix:/run/feed.sock"]
kind = "websocket"
"""


def test_an_operators_file(tmp_path: Path):
    (tmp_path / "10-shop.toml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not a route file")
    shop, feed = RouteFiles(tmp_path).read()
    assert (shop.name, shop.endpoints, shop.retries) == ("shop", ("10.0.0.5:8080", "10.0.0.6:8080"), 2)
    assert not shop.forward_token  # an upstream of the operator does not get the users' tokens
    assert (feed.kind, feed.auth, feed.time_limit_s, feed.body_limit_bytes) == ("websocket", "user", 0, 0)


def test_without_a_folder_there_are_no_routes(tmp_path: Path):
    files = RouteFiles(tmp_path / "nowhere")
    assert (files.read(), files.stamp()) == ([], ())


def test_the_stamp_changes_with_the_files(tmp_path: Path):
    files, path = RouteFiles(tmp_path), tmp_path / "a.toml"
    stamps = {files.stamp()}
    path.write_text(GOOD)
    stamps.add(files.stamp())
    path.write_text(GOOD + "# more\n")
    stamps.add(files.stamp())
    path.rename(tmp_path / "b.toml")
    stamps.add(files.stamp())
    assert len(stamps) == 4


BASE = '[[route]]\nname = "x"\nprefix = "/x"\nendpoints = ["h:1"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[route]\n", "x.toml: "),
        ("[route]\nname = 'x'\n", r"x.toml: route: write \[\[route\]\]"),
        ("[[routes]]\n", r"x.toml: routes: not known"),
        (BASE + "colour = 1\n", "x.toml: route 'x': colour: Extra inputs"),
        (BASE.replace('"h:1"', '"http://h/"'), "x.toml: route 'x': endpoints.0: "),
        (BASE.replace('["h:1"]', "[]"), "x.toml: route 'x': endpoints: "),
        (BASE + 'path = "/y"\n', "x.toml: route 'x': route: give either path or prefix"),
        (BASE.replace('prefix = "/x"', 'path = "x"'), "is not a path that begins with /"),
        (BASE + 'methods = ["BREW"]\n', "x.toml: route 'x': methods.0: "),
        (BASE + "time_limit_s = -1\n", "x.toml: route 'x': time_limit_s: "),
        (
            BASE + 'request_headers = { add = { Content-Length = "1" } }\n',
            "Content-Length is set by the gateway alone",
        ),
        (BASE + 'response_headers = { add = { X = "a\\r\\nSet-Cookie: b" } }\n', "response_headers.add.X: "),
        (BASE + 'strip_prefix = true\nreplace_prefix = "/y"\n', "give either strip_prefix or replace_prefix"),
        ('[[route]]\nname = "x"\npath = "/x"\nstrip_prefix = true\nendpoints = ["h:1"]\n', "need a prefix"),
        (BASE + 'kind = "websocket"\nmethods = ["POST"]\n', "a WebSocket is opened with GET"),
    ],
)
def test_a_broken_file_is_refused_with_one_line_that_says_where(tmp_path: Path, text: str, message: str):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(InvalidRoutes, match=message) as refused:
        RouteFiles(tmp_path).read()
    assert "\n" not in str(refused.value)


def entry(**changes: object) -> str:
    fields = {
        "name": "orders: POST /api/orders",
        "service": "orders",
        "path": "/api/orders",
        "methods": ["POST"],
        "kind": "http",
        "auth": "user",
        "limit": "default",
        "body_limit_bytes": 1_048_576,
        "time_limit_s": 20.0,
        "content": "api",
    }
    return json.dumps({"version": 1, "routes": [{**fields, **changes}]})


def one(**changes: object) -> Route:
    (made,) = platform_routes(entry(**changes), lambda service: (f"{service}:1", f"{service}:2"))
    return made


def test_a_route_of_a_service():
    made = one()
    assert (made.cluster, made.endpoints, made.forward_token) == ("orders", ("orders:1", "orders:2"), True)
    assert 20 < made.response_timeout_s < made.time_limit_s  # the service is the first to say that time is up
    assert (made.content_policy, one(content="page").content_policy) == (API_CONTENT_POLICY, PAGE_POLICY)


@pytest.mark.parametrize("kind", ["websocket", "stream"])
def test_what_streams_has_no_time_limit(kind: str):
    made = one(kind=kind, methods=["GET"], time_limit_s=0, body_limit_bytes=0)
    assert (made.time_limit_s, made.body_limit_bytes) == (0, 0)


def test_another_version_is_refused():
    with pytest.raises(InvalidRoutes, match="version 2"):
        platform_routes('{"version": 2, "routes": []}', lambda _service: ("h:1",))


def test_every_route_of_the_platform_can_be_used():
    routes = platform_routes(TABLE.read_text(), lambda _service: ("unix:/x",))
    assert len(routes) > 50
    assert {route.limit for route in routes} == set(DEFAULT_LIMITS)  # none is without one
