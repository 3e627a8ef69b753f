"""A gateway between a client that speaks raw bytes and an upstream that does as a test tells it."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from tests.kit.clock import FakeClock
from tests.kit.rest import FakeVerifier
from tollway.contracts.errors import SessionEnded
from tollway.fabric.access_tokens import Principal, Verifier
from tollway.fabric.limits import Limits
from tollway.fabric.limits.memory import MemoryLimits
from tollway.gateway.listen.server import Gateway
from tollway.gateway.route.files import RouteFiles
from tollway.gateway.route.route import Route
from tollway.gateway.settings import GatewaySettings, LimitSettings
from tollway.gateway.upstream.endpoint import Endpoint
from tollway.kit.errors import Problem
from tollway.wire.http1 import Data, End, RequestHead, RequestReader, ResponseHead, ResponseReader

HOST = b"Host: tollway.test\r\n"
ORIGIN = "http://tollway.test"
ALICE = b"Authorization: Bearer usr_alice\r\n"
PLENTY = LimitSettings(quota=1_000_000, window_s=60)
BY_IP = PLENTY.model_copy(update={"by": "ip"})

# ── the upstream ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Seen:
    """A request as the upstream saw it."""

    head: RequestHead
    body: bytes = b""
    size: int = 0

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.head.headers if key.lower() == name.lower().encode()]
        assert len(values) < 2, f"{name} came twice"
        return values[0].decode("latin-1") if values else None


Script = Callable[[Seen, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was asked."""
    answer = {
        "method": seen.head.method.decode(),
        "target": seen.head.target.decode(),
        "headers": [[name.decode().lower(), value.decode("latin-1")] for name, value in seen.head.headers],
        "body": seen.body.decode("latin-1"),
    }
    body = json.dumps(answer).encode()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    if seen.head.method != b"HEAD":
        writer.write(body)


class Upstream:
    """A real server. `script` answers each request; it may write anything, or close."""

    def __init__(self) -> None:
        self.script: Script = echo
        self.seen: list[Seen] = []
        self.connections = 0
        self.keep_bodies = True
        self.writers: set[asyncio.StreamWriter] = set()
        self.address = ""
        self._server: asyncio.Server | None = None

    async def start(self, path: Path | None = None) -> None:
        if path is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        else:
            self._server = await asyncio.start_unix_server(self._serve, path)
            self.address = f"unix:{path}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        requests = RequestReader()
        with suppress(OSError, asyncio.CancelledError):
            while not writer.is_closing() and (seen := await self._request(requests, reader)):
                self.seen.append(seen)
                await self.script(seen, reader, writer)
                await writer.drain()
        self.writers.discard(writer)
        writer.close()

    async def _request(self, requests: RequestReader, reader: asyncio.StreamReader) -> Seen | None:
        seen: Seen | None = None
        while True:
            for event in requests:
                if isinstance(event, RequestHead):
                    seen = Seen(event)
                elif isinstance(event, Data):
                    assert seen is not None
                    seen.size += len(event.payload)
                    if self.keep_bodies:
                        seen.body += event.payload
                elif isinstance(event, End):
                    return seen
            data = await reader.read(65_536)
            if not data:
                return None
            requests.feed(data)


# ── the tokens service ─────────────────────────────────────────────────────────────────────────────────


class FakeTokens:
    """Knows the cookies it was given, and publishes what a test ends."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sessions: dict[str, str] = {}  # cookie → user
        self.asked = 0
        self.wait = asyncio.Event()
        self.wait.set()
        self.problem: Problem | None = None
        self._ended: asyncio.Queue[Any] = asyncio.Queue()

    async def ExchangeCookie(self, request: Any, timeout: float) -> Any:
        self.asked += 1
        await self.wait.wait()
        if self.problem is not None:
            raise self.problem
        user = self.sessions.get(request.cookie)
        if user is None:
            raise SessionEnded
        return SimpleNamespace(
            session_id=f"ses_{user}",
            user_id=user,
            access_token=user,
            access_expires_at_us=self.clock.now_us() + 300_000_000,
            csrf_token=f"csrf-{user}",
        )

    async def FollowRevocations(self, _request: Any) -> AsyncIterator[Any]:
        while True:
            yield await self._ended.get()

    def end(self, session_id: str = "", user_id: str = "") -> None:
        entry = SimpleNamespace(sequence=1, session_id=session_id, user_id=user_id, at_us=2**62, kid="")
        self._ended.put_nowait(entry)


class CountingVerifier(FakeVerifier):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def verify(self, token: str) -> Principal:
        self.asked += 1
        return await super().verify(token)


# ── the gateway ─────────────────────────────────────────────────────────────────────────────────────


class MovableTime:
    """A monotonic clock that goes on by itself until `stop`, and that a test can move on at once."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._now: Callable[[], float] = time.monotonic

    def __call__(self) -> float:
        return self._now() + self._ahead_s

    def stop(self) -> None:
        stopped_s = time.monotonic()
        self._now = lambda: stopped_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


@dataclass
class Setup:
    """A started gateway with its neighbours."""

    gateway: Gateway
    upstream: Upstream
    tokens: FakeTokens
    verifier: CountingVerifier
    log: Path
    time: MovableTime
    clients: list["Client"] = field(default_factory=list)

    async def client(self, port: int = 0) -> "Client":
        client = await Client.connect(port or self.gateway.port)
        self.clients.append(client)
        return client

    async def ask(self, method: str, path: str, *headers: bytes, body: bytes = b"") -> "Answer":
        """Ask once, on a connection of its own."""
        client = await self.client()
        return await client.ask(method, path, *headers, body=body)

    def advance(self, seconds: float) -> None:
        """Let time pass, and let the gateway see it."""
        self.time.advance(seconds)
        self.gateway.tick()

    def lines(self) -> list[dict[str, Any]]:
        """The access log so far."""
        self.gateway.context.access_log.flush()
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def endpoint(self, route: str = "catalog") -> Endpoint:
        """The first endpoint of a route."""
        return self.gateway.context.table.routes[route].cluster.endpoints[0]


def default_routes(address: str) -> list[Route]:
    """Routes of one service at `address`, as the platform's own are."""

    def route(name: str, prefix: str, **fields: Any) -> Route:
        platform = {"cluster": "services", "endpoints": (address,), "forward_token": True}
        return Route(name=name, prefix=prefix, **{**platform, **fields})

    return [
        route("orders", "/api/orders"),
        route("catalog", "/api/catalog", auth="public"),
        route("login", "/api/auth/login", auth="public", limit="login", methods=("POST",)),
        route("files", "/files", auth="public", body_limit_bytes=1 << 30, time_limit_s=0),
        route("live", "/live", kind="websocket"),
        route("open-live", "/open-live", auth="public", kind="websocket"),
        route("hooks", "/hooks", auth="public", limit="webhooks"),
        route("quick", "/quick", auth="public", response_timeout_s=0.2, connect_timeout_s=0.5),
    ]


@asynccontextmanager
async def running_gateway(
    folder: Path,
    *,
    routes: Callable[[str], Sequence[Route]] = default_routes,
    route_files: RouteFiles | None = None,
    unix: bool = False,
    tokens_stub: Any = None,
    verifier_of_service: Verifier | None = None,
    shared_limits: Limits | None = None,
    health: Callable[[], Mapping[str, str]] = dict[str, str],
    refresh_health: Callable[[], Awaitable[None]] | None = None,
    **settings: Any,
) -> AsyncIterator[Setup]:
    """Start an upstream and a gateway before it; limits are high unless a test sets them.

    The tokens service is a fake one unless a stub and a verifier of a real one are given.
    """
    upstream, tokens, verifier, now = Upstream(), FakeTokens(), CountingVerifier(), MovableTime()
    await upstream.start(folder / "up.sock" if unix else None)
    log = folder / "access.log"
    chosen: dict[str, Any] = {
        "port": 0,
        "tls_port": 0,
        "admin_port": 0,
        "access_log": str(log),
        "limits": {"default": PLENTY, "login": BY_IP, "verification": PLENTY, "webhooks": BY_IP},
        "unknown_credentials": PLENTY,
        "drain_timeout_s": 1.0,
        **settings,
    }
    gateway = Gateway(
        GatewaySettings.model_validate(chosen),
        routes(upstream.address),
        verifier_of_service or verifier,
        cast("Any", tokens_stub or tokens),
        tokens.clock,
        limits=shared_limits or MemoryLimits(),
        local_limits=MemoryLimits(),
        route_files=route_files,
        health=health,
        refresh_health=refresh_health,
        registry=CollectorRegistry(),
        monotonic=now,
    )
    await gateway.start()
    setup = Setup(gateway, upstream, tokens, verifier, log, now)
    try:
        yield setup
    finally:
        for client in setup.clients:
            client.close()
        await gateway.stop()
        await upstream.stop()


# ── the client ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Answer:
    head: ResponseHead
    body: bytes

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["code"]

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.head.headers if key.lower() == name.lower().encode()]
        return ", ".join(value.decode() for value in values) if values else None


class Client:
    """One connection. Sends any bytes; reads answers strictly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.transport = cast("asyncio.Transport", writer.transport)
        self._spare = b""

    @staticmethod
    async def connect(port: int, **options: Any) -> "Client":
        return Client(*await asyncio.open_connection("127.0.0.1", port, **options))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(self, method: str, path: str, *headers: bytes, body: bytes = b"") -> Answer:
        length = b"Content-Length: %d\r\n" % len(body) if body or method == "POST" else b""
        self.send(
            f"{method} {path} HTTP/1.1\r\n".encode() + HOST + b"".join(headers) + length + b"\r\n" + body
        )
        return await self.answer(method)

    async def answer(self, method: str = "GET", timeout_s: float = 30) -> Answer:
        """Read one whole answer; interim ones are passed over."""
        responses = ResponseReader(method.encode())
        head: ResponseHead | None = None
        body: list[bytes] = []
        async with asyncio.timeout(timeout_s):
            while True:
                if self._spare:
                    data, self._spare = self._spare, b""
                    responses.feed(data)
                for event in responses:
                    if isinstance(event, ResponseHead):
                        head = event
                    elif isinstance(event, Data):
                        body.append(event.payload)
                    else:
                        assert head is not None
                        self._spare = responses.rest()
                        return Answer(head, b"".join(body))
                data = await self.reader.read(65_536)
                if data:
                    responses.feed(data)
                else:
                    responses.eof()
                    assert head is not None
                    return Answer(head, b"".join(body))

    async def rest(self, timeout_s: float = 30) -> bytes:
        """Read until the gateway closes."""
        pieces = [self._spare]
        async with asyncio.timeout(timeout_s):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(65_536):
                    pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        """Leave with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
