"""The server of a process's applications: it does nothing while nobody asks, and ends when it is told."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from tests.kit.eventually import eventually
from tests.kit.wakeups import count_timers
from tollway.fabric.rest import RestServer


async def test_a_server_that_nobody_asks_does_not_wake():
    server = RestServer(PlainTextResponse("here"), "127.0.0.1:0", drain_s=0)
    with count_timers() as timers:
        await server.start()
        timers.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"here")
        writer.close()
        await eventually(lambda: not server._server.server_state.connections)
        # A request sets deadlines, such as that of an idle connection; nothing comes back again and again.
        assert not [name for name, delay_s in timers if delay_s < 1], timers
        await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
