"""Live usage from end to end: a page watches what its customer uses, until the session that opened it ends."""

import base64
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.kit.business import Business, Caller, Customer

PAGE = b"x" * 50_000


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def origin() -> Iterator[str]:
    """A server on the web; its authority."""
    server = http.server.ThreadingHTTPServer(("127.77.0.2", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.77.0.2:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def dora(business: Business) -> Customer:
    """A customer of this test alone, who can use a proxy."""
    one = business.customer()
    one.pay_in("10.00")
    one.buy()
    return one


def live(business: Business, **headers: str) -> ClientConnection:
    """Open the WebSocket."""
    url = business.url.replace("http:", "ws:") + "/api/usage/live"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return connect(url, additional_headers=sent, open_timeout=20)


def bearer(customer: Customer) -> str:
    return f"Bearer {customer.caller.token}"


def next_message(socket_: ClientConnection, kind: str) -> dict[str, Any]:
    while (message := json.loads(socket_.recv(timeout=30)))["type"] != kind:
        pass
    return message


def fetch(business: Business, access: dict[str, Any], authority: str) -> None:
    """Fetch a page through the proxy."""
    login = base64.b64encode(f"{access['username']}:{access['password']}".encode()).decode()
    host, _, port = business.addresses["http"].partition(":")
    with socket.create_connection((host, int(port)), 10) as tunnel:
        tunnel.sendall(
            f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {login}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        received = b""
        while piece := tunnel.recv(65_536):
            received += piece
    assert received.endswith(PAGE)


def test_what_a_customer_uses_appears_while_they_watch(
    business: Business, dora: Customer, origin: str
) -> None:
    with live(business, Authorization=bearer(dora)) as watching:
        before = next_message(watching, "snapshot")["usage"]
        assert before["all_time"]["bytes_total"] == "0"
        fetch(business, dora.connect(), origin)
        used = 0
        while used < len(PAGE):
            used = int(next_message(watching, "change")["usage"]["all_time"]["bytes_total"])
    assert dora.caller.get("/api/usage/stats").json["all_time"]["bytes_total"] == str(used)


def test_without_a_session_nobody_watches(business: Business) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": "__Host-sid=nonsense"}):
        with pytest.raises(InvalidStatus) as refused, live(business, **headers):
            pass
        assert refused.value.response.status_code == 401


def _by_logout(dora: Customer, _operator: Caller) -> None:
    assert dora.caller.post("/api/auth/logout").status == 204


def _by_revocation(dora: Customer, _operator: Caller) -> None:
    sessions = dora.caller.get("/api/auth/sessions").json["items"]
    (current,) = (one["id"] for one in sessions if one["current"])
    assert dora.caller.call("DELETE", f"/api/auth/sessions/{current}").status == 204


def _by_suspension(dora: Customer, operator: Caller) -> None:
    assert operator.post(f"/api/admin/users/{dora.id}/suspend", {"reason": "fraud"}).status == 200


@pytest.mark.parametrize("end", [_by_logout, _by_revocation, _by_suspension])
def test_the_socket_is_closed_with_a_reason_when_the_session_ends(
    business: Business, dora: Customer, operator: Caller, end: Callable[[Customer, Caller], None]
) -> None:
    """The gateway and the service both learn of it; whichever is first closes, with the same reason."""
    with live(business, Authorization=bearer(dora)) as watching:
        next_message(watching, "snapshot")
        end(dora, operator)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                watching.recv(timeout=10)
    received = closed.value.rcvd
    assert received is not None
    assert (received.code, received.reason) in {(1008, "session_ended"), (4401, "session_ended")}
