"""A process's own pages: its health and its metrics.

/livez    the process answers
/readyz   200 when this process can serve, else 503: what a load balancer looks at
/health   200 when every component is well, else 503, with each component by name
/metrics  Prometheus text; only on an admin address, which nobody outside should reach

The gateway answers the first three for everybody, and all of them in its admin API. A process without the gateway
answers at its own admin address (`network.admin`) with the small server below: it answers one GET and closes, and an
edge need not carry a REST framework for that.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import cast

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from tollway.fabric.hosts import ANY_HOST, Hosts
from tollway.kit.errors import Misdirected
from tollway.wire.http1 import BadMessage, RequestHead, RequestReader, write_response_head

OK = "ok"  # the good state of a component
# Makes status, media type and body when asked.
Page = Callable[[], tuple[int, bytes, bytes]]
HEALTH = b"/health"
PAGE_METHODS = frozenset((b"GET", b"HEAD"))

_JSON = b"application/json"
_CLIENT_S = 10.0


def health_pages(
    health: Callable[[], Mapping[str, str]], ready: Callable[[], bool] | None = None
) -> dict[bytes, Page]:
    """Return the health pages. `health` returns the state of each component; `ok` is the good one.

    `ready` returns whether this process can serve, where that is not the same as all of them being well: what takes
    one gateway away from customers must be wrong with that gateway.
    """

    def state() -> tuple[bool, Mapping[str, str]]:
        components = health()
        return all(value == OK for value in components.values()), components

    def livez() -> tuple[int, bytes, bytes]:
        return 200, _JSON, b'{"status":"ok"}'

    def readyz() -> tuple[int, bytes, bytes]:
        good = state()[0] if ready is None else ready()
        return (200, _JSON, b'{"status":"ready"}') if good else (503, _JSON, b'{"status":"not ready"}')

    def whole() -> tuple[int, bytes, bytes]:
        good, components = state()
        page = {"status": "ok" if good else "degraded", "components": components}
        return 200 if good else 503, _JSON, json.dumps(page).encode()

    return {b"/livez": livez, b"/readyz": readyz, HEALTH: whole}


def metrics_page(registry: CollectorRegistry) -> Page:
    """Return the page with every metric of the process."""
    return lambda: (200, b"text/plain; version=0.0.4; charset=utf-8", generate_latest(registry))


class AdminServer:
    """Serves the pages of a process at `host:port`, for its own `hosts` only."""

    def __init__(
        self, address: str, health: Callable[[], Mapping[str, str]], hosts: Hosts = ANY_HOST
    ) -> None:
        self._address = address
        self._hosts = hosts
        self._pages = {**health_pages(health), b"/metrics": metrics_page(REGISTRY)}
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises OSError with advice when the address cannot be used."""
        host, _, port = self._address.rpartition(":")
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: AdminConnection(self._pages, self._hosts), host.strip("[]"), int(port)
            )
        except OSError as error:
            advice = "free it, or set network.admin to another one"
            raise OSError(
                error.errno, f"cannot listen on {self._address}: {error.strerror}; {advice}"
            ) from error
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class AdminConnection(asyncio.Protocol):
    """One request, one response, closed."""

    def __init__(self, pages: Mapping[bytes, Page], hosts: Hosts) -> None:
        self._pages, self._hosts = pages, hosts
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with a deadline for the whole of it."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(_CLIENT_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer the first request that is complete."""
        transport = self._transport
        assert transport is not None
        if transport.is_closing():
            return
        self._reader.feed(data)
        try:
            head = self._reader.next_event()
        except BadMessage as error:
            transport.write(_answer(error.status, _JSON, b"{}"))
            transport.close()
            return
        if isinstance(head, RequestHead):
            transport.write(self._page(head))
            transport.close()

    def _page(self, head: RequestHead) -> bytes:
        if not self._hosts.answers(head.host):
            return _answer(Misdirected.status, _JSON, b"{}")
        page = self._pages.get(head.target.partition(b"?")[0])
        if page is None:
            return _answer(
                404, _JSON, json.dumps({"pages": [path.decode() for path in self._pages]}).encode()
            )
        if head.method not in PAGE_METHODS:
            return _answer(405, _JSON, b"{}")
        status, media_type, body = page()
        return _answer(status, media_type, body, with_body=head.method == b"GET")


def _answer(status: int, media_type: bytes, body: bytes, *, with_body: bool = True) -> bytes:
    headers = (
        (b"Content-Type", media_type),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"Connection", b"close"),
    )
    return write_response_head(status, headers) + (body if with_body else b"")
