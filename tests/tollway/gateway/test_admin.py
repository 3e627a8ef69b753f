"""The admin API over a real socket: everybody here may look, an operator may change."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.gateway import ALICE, Answer, Client, Setup, running_gateway
from tollway.fabric.hosts import Hosts
from tollway.fabric.rest import RestServer
from tollway.gateway.admin import admin_app
from tollway.gateway.route.files import RouteFiles

OPERATOR = b"Authorization: Bearer usr_olga:admin\r\n"


@asynccontextmanager
async def admin(folder: Path, **options: Any) -> AsyncIterator[tuple[Setup, Client]]:
    async with running_gateway(folder, route_files=RouteFiles(folder / "routes.d"), **options) as setup:
        page = (200, b"text/html", b"<h1>All is well</h1>")
        app = admin_app(setup.gateway, setup.verifier, {"/": lambda: page}, Hosts(["tollway.test"]))
        server = RestServer(app, "127.0.0.1:0")
        await server.start()
        client = await Client.connect(server.port)
        yield setup, client
        client.close()
        await server.stop()


async def test_metrics_and_health_and_nothing_of_the_api(tmp_path: Path):
    async with admin(tmp_path) as (setup, client):
        await setup.ask("GET", "/api/orders", ALICE)
        await setup.ask("GET", "/api/orders")
        await setup.ask("GET", "/nothing")
        metrics = (await client.ask("GET", "/metrics")).body.decode()
        address = setup.upstream.address
        for line in (
            'tollway_gateway_requests_total{route="orders",status="200"} 1.0',
            'tollway_gateway_requests_total{route="orders",status="401"} 1.0',
            'tollway_gateway_requests_total{route="-",status="404"} 1.0',
            'tollway_gateway_refusals_total{code="unauthenticated"} 1.0',
            'tollway_gateway_authentications_total{result="verified"} 1.0',
            'tollway_gateway_request_seconds_count{route="orders"} 2.0',
            f'tollway_gateway_upstream_events_total{{cluster="",endpoint="{address}",event="connected"}} 1.0',
            f'tollway_gateway_upstream_connections{{endpoint="{address}",state="idle"}} 1.0',
            f'tollway_gateway_breaker_open{{endpoint="{address}"}} 0.0',
            "tollway_gateway_routes_refused 0.0",
        ):
            assert line in metrics, metrics
        assert (await client.ask("GET", "/readyz")).json == {"status": "ready"}
        assert (await client.ask("GET", "/livez")).json == {"status": "ok"}
        assert (await client.ask("GET", "/health")).json["status"] == "ok"
        assert (await client.ask("GET", "/")).body == b"<h1>All is well</h1>"
        assert problem(await client.ask("GET", "/api/orders")) == (404, "not_found")
        assert (await client.ask("POST", "/metrics")).status == 405
        for path in ("/metrics", "/admin/routes"):
            assert (await setup.ask("GET", path)).status == 404  # not on the public port


async def test_the_routes_in_force_and_never_the_values_of_their_headers(tmp_path: Path):
    async with admin(tmp_path) as (_, client):
        folder = tmp_path / "routes.d"
        folder.mkdir()
        (folder / "shop.toml").write_text(
            '[[route]]\nname = "shop"\nprefix = "/shop"\nendpoints = ["h:1"]\nheaders = { X-Key = "s3cret" }\n'
            'request_headers = { add = { Authorization = "Basic s3cret" } }\n'
        )
        assert (await client.ask("POST", "/admin/routes/reload", OPERATOR)).json == {"routes": 9}
        answer = await client.ask("GET", "/admin/routes")
        shop = next(one for one in answer.json["routes"] if one["name"] == "shop")
        assert (shop["prefix"], shop["headers"], shop["auth"]) == ("/shop", ["X-Key"], "user")
        assert b"s3cret" not in answer.body


async def test_a_reload_that_is_refused_says_why(tmp_path: Path):
    async with admin(tmp_path) as (setup, client):
        folder = tmp_path / "routes.d"
        folder.mkdir()
        (folder / "shop.toml").write_text('[[route]]\nname = "shop"\nprefix = "/shop"\n')
        answer = await client.ask("POST", "/admin/routes/reload", OPERATOR)
        assert problem(answer) == (422, "invalid")
        assert answer.json["detail"] == (
            "shop.toml: route 'shop': endpoints: Field required; the routes stay as they were"
        )
        assert "shop.toml" in (await client.ask("GET", "/admin/routes")).json["error"]
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_clusters_show_endpoints_breakers_and_connections(tmp_path: Path):
    async with admin(tmp_path) as (setup, client):
        await setup.ask("GET", "/api/catalog")
        for _ in range(5):
            setup.endpoint().breaker.failed(setup.time(), setup.time())
        (cluster,) = (await client.ask("GET", "/admin/clusters")).json["clusters"]
        assert cluster == {
            "name": "services",
            "endpoints": [
                {
                    "address": setup.upstream.address,
                    "breaker": "open",
                    "requests": 0,
                    "connections": 1,
                    "idle_connections": 1,
                }
            ],
        }


@pytest.mark.parametrize("path", ["/admin/routes/reload", "/admin/drain"])
async def test_only_an_operator_changes_anything(tmp_path: Path, path: str):
    async with admin(tmp_path) as (setup, client):
        assert problem(await client.ask("POST", path)) == (401, "unauthenticated")
        assert problem(await client.ask("POST", path, b"Authorization: Bearer forged\r\n")) == (
            401,
            "unauthenticated",
        )
        assert problem(await client.ask("POST", path, ALICE)) == (403, "forbidden")
        assert (await client.ask("GET", path)).status == 405
        setup.gateway.authenticator.revocations.add("ses_usr_olga", "", 0)
        assert problem(await client.ask("POST", path, OPERATOR)) == (401, "unauthenticated")
        assert not setup.gateway.context.draining


async def test_draining_takes_no_more_and_says_so(tmp_path: Path):
    async with admin(tmp_path) as (setup, client):
        idle = await setup.client()
        assert (await idle.ask("GET", "/livez")).status == 200
        answer = await client.ask("POST", "/admin/drain", OPERATOR)
        assert (answer.status, answer.json["requests"]) == (202, 0)
        assert await idle.rest() == b""
        with pytest.raises(OSError):  # noqa: PT011
            await setup.client()
        assert (await client.ask("GET", "/readyz")).status == 503


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.header("Content-Type") == "application/problem+json"
    return answer.status, json.loads(answer.body)["code"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/health", "/admin/routes", "/nothing"])
async def test_it_answers_for_its_own_names_only(tmp_path: Path, path: str):
    async with admin(tmp_path) as (_, client):
        for host, misdirected in (("evil.test", True), ("127.0.0.1:8001", False), ("localhost", False)):
            client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = await client.answer()
            assert (answer.status == 421) is misdirected
            if misdirected:
                assert answer.code == "misdirected"
