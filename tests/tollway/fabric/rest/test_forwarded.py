"""Headers that name a client are believed of the gateways only."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from websockets.asyncio.client import connect

from tollway.fabric.rest import RestServer
from tollway.fabric.rest.forwarded import ForwardedFromGateways

SENT = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "192.0.2.7",
    "Forwarded": "for=192.0.2.7",
    "X-Kept": "1",
}
NAMES = [name.lower() for name in SENT]
GATEWAY, ELSEWHERE = IPv4Network("127.0.0.1/32"), IPv4Network("10.0.0.0/8")


def echo() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def show(request: Request) -> dict[str, Any]:
        return {"headers": dict(request.headers), "client": request.client and request.client.host}

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(dict(websocket.headers))
        await websocket.close()

    del show, live
    return app


@asynccontextmanager
async def served(address: str, *gateways: IPv4Network) -> AsyncIterator[RestServer]:
    server = RestServer(echo(), address, gateways=gateways, drain_s=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def get(address: str) -> Any:
    """What the application sees of a request with all these headers."""
    if address.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    else:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    lines = "".join(f"{name}: {value}\r\n" for name, value in SENT.items())
    writer.write(f"GET / HTTP/1.1\r\nHost: services\r\nConnection: close\r\n{lines}\r\n".encode())
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def passed(headers: dict[str, str]) -> list[str]:
    return [name for name in NAMES if name in headers]


async def test_from_a_gateway_they_are_believed() -> None:
    async with served("127.0.0.1:0", ELSEWHERE, GATEWAY) as server:
        seen = await get(f"127.0.0.1:{server.port}")
        assert passed(seen["headers"]) == NAMES
        assert seen["client"] == "127.0.0.1"  # who the peer is remains what it is


@pytest.mark.parametrize("gateways", [(), (ELSEWHERE,)])
async def test_from_anybody_else_they_are_taken_out(gateways: tuple[IPv4Network, ...]) -> None:
    async with served("127.0.0.1:0", *gateways) as server:
        seen = await get(f"127.0.0.1:{server.port}")
        assert passed(seen["headers"]) == ["x-kept"]
        async with connect(f"ws://127.0.0.1:{server.port}/live", additional_headers=SENT) as live:
            assert '"x-forwarded-for"' not in str(await live.recv())


async def test_on_a_unix_socket_everybody_is_the_gateway(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'rest.sock'}"
    async with served(address):
        assert passed((await get(address))["headers"]) == NAMES


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        (("10.1.2.3", 5), True),
        (("::ffff:10.1.2.3", 5), True),
        (("11.1.2.3", 5), False),
        (("2001:db8::7", 5), False),
        (("", 0), False),
        (None, False),
    ],
)
async def test_a_peer_is_known_by_its_network(peer: tuple[str, int] | None, believed: bool) -> None:
    found: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        found.extend(scope["headers"])

    headers = [(b"x-forwarded-for", b"192.0.2.7")]
    guarded = ForwardedFromGateways(app, [ip_network("10.0.0.0/8")])
    await guarded({"type": "http", "client": peer, "headers": headers}, None, None)  # type: ignore[arg-type]
    assert bool(found) is believed
