"""A process's own pages, over real sockets."""

import asyncio
import json

import pytest

from tollway.fabric.admin import AdminServer
from tollway.fabric.hosts import Hosts


async def ask(port: int, request: str, host: str = "here") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def test_a_process_shows_its_health_and_its_figures() -> None:
    states = {"edge": "ok"}
    server = AdminServer("127.0.0.1:0", lambda: states)
    await server.start()
    try:
        assert await ask(server.port, "GET /readyz") == (200, '{"status":"ready"}')
        assert "python_info" in (await ask(server.port, "GET /metrics"))[1]
        states["edge"] = "starting"
        assert (await ask(server.port, "GET /readyz"))[0] == 503
        status, body = await ask(server.port, "GET /health")
        assert (status, json.loads(body)["components"]) == (503, {"edge": "starting"})
        assert (await ask(server.port, "GET /livez"))[0] == 200
        status, body = await ask(server.port, "GET /secrets")
        assert (status, "/metrics" in body) == (404, True)
        assert (await ask(server.port, "DELETE /metrics"))[0] == 405
    finally:
        await server.stop()


async def test_a_taken_address_says_what_to_do() -> None:
    first = AdminServer("127.0.0.1:0", dict)
    await first.start()
    try:
        with pytest.raises(OSError, match=r"set network\.admin to another one"):
            await AdminServer(f"127.0.0.1:{first.port}", dict).start()
    finally:
        await first.stop()


async def test_it_answers_for_its_own_names_only() -> None:
    server = AdminServer("127.0.0.1:0", dict, Hosts(["edge-1.internal"]))
    await server.start()
    try:
        for host in ("edge-1.internal:8041", "localhost", "127.0.0.1:8041"):
            assert (await ask(server.port, "GET /metrics", host))[0] == 200
        assert (await ask(server.port, "GET /metrics", "evil.test"))[0] == 421
    finally:
        await server.stop()
