"""Serves an application with uvicorn, on a Unix socket or a port, as a component of the process."""

import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tollway.fabric.rest.forwarded import ForwardedFromGateways, Networks

MESSAGE_LIMIT_BYTES = 1 << 20  # of one message of a WebSocket; a route may allow less


class RestServer:
    """One listening application. `address` is `unix:/path` or `host:port`; port 0 takes a free one.

    On a port the headers that name a client are believed of the `gateways` only, on a Unix socket of everybody: nobody
    but the platform's own user can open it.
    """

    def __init__(self, app: ASGIApp, address: str, *, gateways: Networks = (), drain_s: float = 5.0) -> None:
        self._address = address
        if not address.startswith("unix:"):
            app = ForwardedFromGateways(app, gateways)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=MESSAGE_LIMIT_BYTES,
                # Messages are short, and what compresses them takes memory for as long as the connection is open.
                ws_per_message_deflate=False,
                ws_ping_interval=60.0,  # each ping and its answer go through the gateway; a dead client may wait
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whom a request is from is decided in one place
                date_header=False,
                timeout_graceful_shutdown=int(drain_s),
                timeout_keep_alive=75,
            )
        )
        self._listening: socket.socket | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._listening = self._listen()
        server = self._server
        # The parts of `serve` without its loop, which looks ten times a second whether it should end and renews headers
        # that are switched off here, and without its signal handlers, which are the process's.
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[self._listening])

    async def stop(self) -> None:
        """Finish the requests in hand, then close."""
        if self._server.started:
            await self._server.shutdown(sockets=[self._listening] if self._listening else [])
        self._unlink()

    def _unlink(self) -> None:
        if self._address.startswith("unix:"):
            Path(self._address.removeprefix("unix:")).unlink(missing_ok=True)

    def _listen(self) -> socket.socket:
        if self._address.startswith("unix:"):
            path = Path(self._address.removeprefix("unix:"))
            path.unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(path))
            # Only the same user may talk to the services directly; everybody else goes through the gateway.
            path.chmod(0o600)
        else:
            host, _, port = self._address.rpartition(":")
            listening = socket.create_server((host, int(port)), backlog=1024)
            self.port = listening.getsockname()[1]
        listening.setblocking(False)
        return listening
